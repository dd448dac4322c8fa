"""Django: after random programs, with rollbacks, races and kills, each committed row has its picture."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.test.utils import override_settings
from django.utils.module_loading import import_string

from pixstore_asgi import Pixstore
from pixstore_asgi.errors import ImageNotFound
from pixstore_asgi.sync import SyncPixstore
from tests.integrations.test_django_fields import database, listed, pix, png
from tests.support.django_setup import configure_django
from tests.support.paths import ROOT
from tests.support.samples import SECRET

configure_django()

from tests.integrations.django_app.models import Member  # noqa: E402  after Django is set up

_ = database, pix  # fixtures
KILLS = 10


class Wrong(Exception):
    """An error of the application."""


class Program:
    """An application that saves, shares, moves, replaces and removes pictures in several threads."""

    def __init__(self, seed: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._database = connections["default"]

    def run(self, transactions: int, *, threads: int = 3) -> None:
        """Run the transactions, a part of them in each thread."""
        seeds = [self._random.random() for _ in range(threads)]
        running = [threading.Thread(target=self._work, args=(seed, transactions // threads)) for seed in seeds]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    def _work(self, seed: float, transactions: int) -> None:
        chance = random.Random(seed)
        connections["default"] = type(self._database)(self._database.settings_dict)
        for _ in range(transactions):
            outcome = "committed"
            try:
                if chance.random() < 0.3:
                    self._step(chance)
                else:
                    self._transaction(chance)
            except (ImageNotFound, DatabaseError, Wrong) as error:
                outcome = type(error).__name__
            self.outcomes[outcome] += 1
            if chance.random() < 0.3:
                request_finished.send(sender=None)
        connections["default"].close()

    def _transaction(self, chance: random.Random) -> None:
        with transaction.atomic():
            for _ in range(chance.randrange(1, 5)):
                if chance.random() < 0.2:
                    with suppress(Wrong, IntegrityError, ImageNotFound), transaction.atomic():
                        self._step(chance)
                        if chance.random() < 0.5:
                            raise Wrong
                else:
                    self._step(chance)
            if chance.random() < 0.2:
                raise Wrong
            if chance.random() < 0.1:
                transaction.on_commit(_fail)

    def _step(self, chance: random.Random) -> None:
        members = list(Member.objects.all())
        one, two = (chance.choice(members) if members else None for _ in range(2))
        name = str(chance.random())
        match chance.randrange(9):
            case 0 | 1:
                Member.objects.create(name=name, avatar=png())
            case 2 if one:
                one.avatar = png()
                one.save()
            case 3 if one:
                one.avatar.delete()
            case 4 if one:
                one.delete()
            case 5 if one and two:
                two.avatar = one.avatar.name
                two.save()
            case 6 if one and two:
                two.avatar, one.avatar = one.avatar.name, ""
                two.save()
                one.save()
            case 7 if one:
                one.name = name
                one.save()
            case 8:
                Member.objects.bulk_create([Member(name=f"{name} {number}", avatar=png()) for number in range(3)])
                if len(members) > 20:
                    Member.objects.filter(pk__lt=members[10].pk).delete()


def _fail() -> None:
    raise Wrong


def slow_store(path: Path) -> Pixstore:
    """Return a store whose deletions take some time after their question."""
    pixstore = Pixstore(path, secret=SECRET)
    delete: Callable[..., Any] = pixstore.delete_image

    async def later(*args: Any, **options: Any) -> bool:
        if random.random() < 0.3:
            await asyncio.sleep(0.005)
        return bool(await delete(*args, **options))

    pixstore.delete_image = later  # type: ignore[method-assign]
    return pixstore


@pytest.fixture
def store(tmp_path: Path, pix: object) -> Iterator[SyncPixstore]:
    pixstore = slow_store(tmp_path / "pixstore.db")
    with override_settings(PIXSTORE=pixstore):
        yield SyncPixstore(pixstore)


def check(store: SyncPixstore) -> tuple[int, int]:
    """Check all rows and pictures, and return the number of pictures with a row and without one."""
    images = {image.id for image in store.list_images(limit=10_000)}
    named = set(Member.objects.exclude(avatar="").values_list("avatar", flat=True))
    assert named <= images
    assert listed("--grace-s", "-60") == images - named
    return len(named), len(images - named)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize("transactions", [90, pytest.param(3000, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])])
def test_random_programs(store: SyncPixstore, transactions: int) -> None:
    """No row names a picture that is gone, and the command finds all pictures without a row."""
    program = Program(transactions)
    program.run(transactions)
    named, left = check(store)
    print(f"{transactions} transactions: {dict(program.outcomes)}, {named} pictures, {left} left")
    assert program.outcomes["committed"] > transactions // 3


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
def test_killed_random_programs(store: SyncPixstore, tmp_path: Path) -> None:
    """The same after each SIGKILL."""
    used = connections["default"].settings_dict
    settings = json.dumps(
        {name: str(used[name] or "") for name in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")}
    )
    command = [sys.executable, "-m", "tests.integrations.test_django_programs", settings, str(tmp_path / "pixstore.db")]
    for _ in range(KILLS):
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(random.uniform(0.3, 3))
            process.send_signal(signal.SIGKILL)
        named, left = check(store)
    print(f"{KILLS} kills: {named} pictures, {left} left")


def main() -> None:
    """Run programs until this process is killed."""
    used = {**connections["default"].settings_dict, **json.loads(sys.argv[1])}
    connections["default"] = import_string(f"{used['ENGINE']}.base.DatabaseWrapper")(used)
    with override_settings(PIXSTORE=slow_store(Path(sys.argv[2]))):
        program = Program(int(time.time() * 1000))
        print("ready", flush=True)
        while True:
            program.run(30)


if __name__ == "__main__":
    main()
