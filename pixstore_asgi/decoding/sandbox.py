"""Confines the running process, permanently, to the memory, time and rights that decoding one picture needs.

On Linux, two mechanisms deny access to files, sockets and other processes. Landlock denies access to all files and to
the memory of other processes, and denies signals to them. A seccomp filter allows only the few system calls that
decoding needs. All other calls fail with EPERM. The filter does not kill the process, because a newer C library may try
an unknown call first. This file sets up both mechanisms itself, so that no further package is needed.
"""

import ctypes
import errno
import mmap
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Any

from .task import Limits

# linux/prctl.h, linux/seccomp.h, linux/bpf_common.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_RETURN_ALLOWED, _RETURN_ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # offsets in struct seccomp_data
_INSTRUCTION = struct.Struct("=HBBI")

# The architectures of the numbers below, from linux/audit.h.
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# The allowed calls: memory, time, open descriptors, signals to itself, exit (asm/unistd.h of x86_64 and aarch64).
_ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    "getsockname": (51, 204),
    "getsockopt": (55, 209),
    "brk": (12, 214),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "mprotect": (10, 226),
    "madvise": (28, 233),
    "futex": (202, 98),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "gettimeofday": (96, 169),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

# linux/landlock.h; these numbers are the same on every architecture.
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF, _LANDLOCK_VERSION = 444, 446, 1
_LANDLOCK_FILES = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}  # rights on files that each version denies
_LANDLOCK_TCP = 0b11  # bind and connect
_LANDLOCK_SCOPES = 0b11  # abstract sockets of other processes, and signals to them
_FIRST_WITH_TCP, _FIRST_WITH_SCOPES = 4, 6


_LESS_URGENT = 10  # a lower priority than event loops, so that workers do not delay them; see nice(2)
_SPARE_BYTES = 16 * 1024 * 1024  # memory kept for the reply that memory was not enough

_spare: list[mmap.mmap] = []


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class Sandbox:
    """The parts of the sandbox that this kernel supports.

    Create it in the parent process, because the worker must not import modules or open files while it applies the
    sandbox. landlock: the version of Landlock, 0 if there is none. has_seccomp: whether system calls can be filtered.
    """

    def __init__(self) -> None:
        self.landlock, self.has_seccomp = 0, False
        if sys.platform != "linux":
            return
        self._libc: Any = ctypes.CDLL(None, use_errno=True)
        self._libc.syscall.restype = ctypes.c_long
        self.landlock = max(0, self._syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION))
        architecture = platform.machine() if struct.calcsize("P") == 8 else ""
        if architecture in _ARCHITECTURES:
            # The call names no filter, so it must fail. EFAULT means that the kernel supports filters.
            self._libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None)
            self.has_seccomp = ctypes.get_errno() == errno.EFAULT
            instructions = _filter(architecture)
            self._program = _Program(len(instructions) // _INSTRUCTION.size, instructions)

    @property
    def names(self) -> list[str]:
        """The names of the supported parts, for a message."""
        return [*([f"Landlock {self.landlock}"] if self.landlock else []), *(["seccomp"] if self.has_seccomp else [])]

    def deny_files(self) -> None:
        """Deny the running process access to all files, by Landlock. Raises OSError.

        The process must have set `no_new_privs`, and needs a free descriptor.
        """
        if not self.landlock:
            return
        attributes = struct.pack(
            "=QQQ",
            _LANDLOCK_FILES[min(self.landlock, max(_LANDLOCK_FILES))],
            _LANDLOCK_TCP if self.landlock >= _FIRST_WITH_TCP else 0,
            _LANDLOCK_SCOPES if self.landlock >= _FIRST_WITH_SCOPES else 0,
        )
        rules = self._syscall(_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
        if rules < 0 or self._syscall(_LANDLOCK_RESTRICT_SELF, rules, 0):
            raise _last_error("Landlock")
        os.close(rules)

    def deny_calls(self) -> None:
        """Allow the running process only the system calls that decoding needs, by seccomp. Raises OSError."""
        if self.has_seccomp and self._libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(self._program)):
            raise _last_error("seccomp")

    def _syscall(self, number: int, *arguments: Any) -> int:
        return int(self._libc.syscall(ctypes.c_long(number), *arguments))


def _filter(architecture: str) -> bytes:
    """Return a BPF program for the kernel. It lets all calls that are not allowed fail with EPERM.

    A call in another architecture's numbering fails too (a 64-bit process can make 32-bit calls), because the allowed
    numbers mean other calls there.
    """
    index = list(_ARCHITECTURES).index(architecture)
    numbers = [each[index] for each in _ALLOWED.values()]
    to_end = len(numbers) + 1
    steps = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_JUMP_IF_EQUAL, 0, to_end, _ARCHITECTURES[architecture])]
    steps.append((_LOAD, 0, 0, _NUMBER_AT))
    steps += [(_JUMP_IF_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _RETURN_ERRNO | errno.EPERM), (_RETURN, 0, 0, _RETURN_ALLOWED)]
    return b"".join(_INSTRUCTION.pack(*step) for step in steps)


def _last_error(name: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{name}: {os.strerror(number)}")


class Confinement:
    """The limits of workers, to be applied in each worker. Create it in their parent process, before the first
    worker.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parent = os.getpid()
        self._prctl: Any = None
        self._own_bytes = 0
        self._sandbox = Sandbox()
        if sys.platform == "linux":
            self._prctl = ctypes.CDLL(None, use_errno=True).prctl
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            self._own_bytes = pages * resource.getpagesize()

    def apply(self) -> None:
        """Limit the memory and time of the running process. After that it can't open files, sockets, processes or
        threads.

        Raises OSError if the kernel has a limit but refuses to set it.
        """
        limits = self._limits
        os.nice(_LESS_URGENT)
        if self._prctl:
            self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            self._prctl(_PR_SET_DUMPABLE, 0)  # other processes of this user can't read its memory
            self._prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            if os.getppid() != self._parent:  # the parent has died before prctl was called
                os._exit(1)
            most = self._own_bytes + limits.max_memory_bytes
            _spare.append(mmap.mmap(-1, _SPARE_BYTES))
            _limit(resource.RLIMIT_AS, most + _SPARE_BYTES)
            self._sandbox.deny_files()
        for which in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
            _limit(which, 0)  # open descriptors stay open
        # At the first limit the kernel sends SIGXCPU, at the second one SIGKILL.
        _limit(resource.RLIMIT_CPU, limits.max_cpu_s, 1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limits.max_wall_s)
        self._sandbox.deny_calls()  # last, because it forbids the calls made above


def use_spare_memory() -> None:
    """Release the reserved memory. The worker needs it to reply that its memory was not enough."""
    while _spare:
        _spare.pop().close()


def _limit(which: int, soft: int, grace: int = 0) -> None:
    hard = soft + grace
    _, most = resource.getrlimit(which)
    if most != resource.RLIM_INFINITY:
        hard = min(hard, most)
    resource.setrlimit(which, (min(soft, hard), hard))
