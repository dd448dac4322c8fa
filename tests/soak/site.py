"""A site of three hosts on one store, and its disturbances."""

import json
import os
import random
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path

from tests.soak.clock import FOLDER, clock_file
from tests.soak.traffic import RoughTraffic
from tests.support.hosts import STOPPED, Host

WINDOW_S = 60
CLOCK_STEP_S = 2.0  # two hosts then differ by less than the 5 s that proofs allow


class Failed(Exception):
    """A command or a host failed."""


class Site:
    """Hosts under traffic on one store. done: how often each disturbance happened."""

    def __init__(self, place: str, blobs: str, folder: Path) -> None:
        self.done: Counter[str] = Counter()
        self.hosts: list[Host] = []
        self.place = place
        self._blobs = blobs
        self._folder = folder
        self._secrets = [secrets.token_urlsafe(32)]
        self._rotation = self._rotate()
        self._backups = folder / "backups"
        for made in (folder / "tmp", self._backups):
            made.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of hosts and commands that start now."""
        return {
            "TMPDIR": str(self._folder / "tmp"),
            FOLDER: str(self._folder),
            "PIXSTORE_SECRET": " ".join(self._secrets),
            "PIXSTORE_TEST_DB": self.place,
            "PIXSTORE_TEST_DRAIN_S": "2",
            "PIXSTORE_TEST_WINDOW_MS": f"{WINDOW_S}000",  # a record is used within one, however busy the machine is
            **({"PIXSTORE_TEST_BLOBS": self._blobs} if self._blobs else {}),
        }

    def step_clock(self, traffic: RoughTraffic) -> None:
        """Set the clock of a host before or behind, at once."""
        file = clock_file(self._folder, random.choice(self.hosts).address)
        file.write_text(f"{random.uniform(-CLOCK_STEP_S, CLOCK_STEP_S):+010.6f}")
        self.done["clock steps"] += 1

    def kill(self, traffic: RoughTraffic) -> None:
        """End a host by SIGKILL at any moment of its work, and start it again."""
        host = random.choice(self.hosts)
        if host.process.poll() is not None:
            raise Failed(f"a host has ended by itself: {host.log[-3000:]}")
        with traffic.disturbed():
            traffic.serving.pop(host.address, None)
            host.kill()
            self._start(host, traffic)
        self.done["kills"] += 1

    def restart(self, host: Host, traffic: RoughTraffic) -> None:
        """Stop a host gracefully, and start it again with the current environment."""
        with traffic.disturbed():
            traffic.serving.pop(host.address, None)
            code = host.stop(timeout_s=60)
            self._start(host, traffic)
        if code not in STOPPED:
            raise Failed(f"a host ended with {code}: {host.log[-3000:]}")

    def rotate(self, traffic: RoughTraffic) -> None:
        """Go one step on in the rotation of the secret, as `pixstore-asgi keys` tells it."""
        # After an error the rotation has ended: it must not issue the same secrets again, nor go on without a host.
        try:
            for host in self.hosts if next(self._rotation, False) else []:
                self.restart(host, traffic)
        except Exception:
            self._rotation.close()
            raise

    def back_up(self, traffic: RoughTraffic) -> None:
        """Make a backup under an earlier one's name, or a new one, and verify it."""
        file = self._backups / f"{random.randrange(3)}.db"
        if "://" not in self.place and not self._blobs:  # a SQLite file's goes to a new file alone
            file.unlink(missing_ok=True)
        self.run("backup", *self.where, "--to", str(file))
        self.run("verify", "--database", str(file))
        self.done["backups verified"] += 1

    def collect(self, traffic: RoughTraffic) -> None:
        """Remove unused objects by gc."""
        self.run("gc", *self.where)
        self.done["gc"] += 1

    @property
    def where(self) -> list[str]:
        """The options by which commands find the store."""
        return ["--database", self.place, *(["--blobs", self._blobs] if self._blobs else [])]

    def run(self, *arguments: str) -> str:
        """Run pixstore-asgi and return its output. Raises Failed if it does not succeed."""
        command = [str(Path(sys.executable).parent / "pixstore-asgi"), *arguments]
        environment = {**os.environ, **self.environment}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise Failed(f"{arguments[0]} ended with {ended.returncode}: {ended.stdout[-1000:]} {ended.stderr[-1000:]}")
        return ended.stdout

    def _rotate(self) -> Generator[bool, None, None]:
        """Take one step after another; yield whether all hosts are to be restarted for it."""
        while True:
            (old,), new = self._secrets, secrets.token_urlsafe(32)
            self._secrets = [new, old]
            yield True
            self._secrets = [old, new]
            yield True
            self.run("keys", "rewrap", "--database", self.place)
            yield False
            states = json.loads(self.run("keys", "status", "--database", self.place, "--json"))
            (over,) = [state["key_id"] for state in states if state["loaded"] and not state["signs"]]
            self.run("keys", "retire", over, "--database", self.place)
            over_s = time.monotonic() + 2 * WINDOW_S + CLOCK_STEP_S  # then all is that the old one has signed
            while time.monotonic() < over_s:
                yield False
            self._secrets = [new]
            yield True
            self.done["rotations"] += 1

    def _start(self, host: Host, traffic: RoughTraffic) -> None:
        host.environment.update(self.environment)
        host.start()
        host.wait_until_ready()
        traffic.serving[host.address] = host.url
