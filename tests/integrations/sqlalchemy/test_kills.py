"""A process that saves, replaces, moves and deletes pictures is killed again and again."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.integrations.sqlalchemy.posts import World
from tests.integrations.sqlalchemy.test_unnamed import collect
from tests.support.paths import ROOT
from tests.support.samples import SECRET

KILLS = 20
CHANGES = """
import random, sys
from sqlalchemy import select
from pixstore_asgi import Pixstore
from pixstore_asgi.integrations.sqlalchemy import NewPicture
from tests.integrations.sqlalchemy.posts import Post, World, new
from tests.support.samples import picture

def change(session):
    posts = session.scalars(select(Post)).all()
    name, image = str(random.random()), NewPicture(picture(seed=random.randrange(1000)))
    match random.randrange(6):
        case 0 | 1:
            session.add(Post(name=name, picture=image))
        case 2 if posts:
            random.choice(posts).picture = image
        case 3 if posts:
            session.delete(random.choice(posts))
        case 4 if posts:
            moved = random.choice(posts)
            session.add(Post(name=name, picture=moved.picture))
            moved.picture = None
        case 5:
            with session.begin_nested() as savepoint:
                session.add(Post(name=name, picture=image))
                session.flush()
                savepoint.rollback()
    session.flush()
    session.rollback() if random.random() < 0.2 else session.commit()

url, store, in_transaction = sys.argv[1:]
world = World(url, Pixstore(store), in_transaction=bool(in_transaction))
world.run(lambda session: print("ready", flush=True), *[change] * 100_000)
"""


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("world", ["sqlite", "aiosqlite", "postgres asyncpg in transaction"], indirect=True)
def test_killed_again_and_again(world: World) -> None:
    """After each SIGKILL every row has its picture. In one transaction nothing else is there, else it is found."""
    command = [sys.executable, "-c", CHANGES, world.url, world.store, "1" if world.in_transaction else ""]
    environment = {**os.environ, "PIXSTORE_SECRET": SECRET, "PYTHONPATH": str(ROOT)}
    left = 0
    for _ in range(KILLS):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(random.uniform(0.05, 0.5))
            process.send_signal(signal.SIGKILL)
        images, named = world.images(), world.named()
        assert named <= images
        left += len(images - named)
        assert len(collect(world)) == len(images - named)
        assert world.images() == named
    print(f"{KILLS} kills left {left} pictures without a row, and {len(named)} with one")
    assert not (left and world.in_transaction)
