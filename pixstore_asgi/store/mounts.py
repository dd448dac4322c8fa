"""Reads the file systems that Linux has mounted."""

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = ("nfs", "cifs", "smb", "9p", "sshfs", "ceph", "gluster", "afs", "lustre", "beegfs", "gpfs", "s3fs", "rclone")


def mounted() -> dict[str, str]:
    """Return the types of all file systems by mount point, which may be a single file. Empty if this is not Linux.

    Source: proc_pid_mountinfo(5).
    """
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return {}
    halves = (line.partition(b" - ") for line in lines)
    return {_decoded(of_place.split(b" ")[4]): _decoded(of_source.split(b" ")[0]) for of_place, _, of_source in halves}


def _decoded(name: bytes) -> str:
    """Return a name from the list of mounts, which has blanks as \\040."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), name))


def file_system_of(folder: Path) -> str:
    """Return the type of a folder's file system, or an empty text if the system does not list it."""
    place, found = Path(os.path.realpath(folder)), mounted()
    return next((found[str(parent)] for parent in (place, *place.parents) if str(parent) in found), "")


def is_of_network(file_system: str) -> bool:
    """Return whether a type of file system is one of networks, on which locks and syncs are not reliable."""
    return file_system.removeprefix("fuse.").startswith(_NETWORK)
