"""A process that backs up a store with a folder again and again, and records its calls on the disk of the backup.

Run `python -m tests.stress.powered_backup ROOT BACKUPS FILE`. The store lies beside ROOT.
"""

import asyncio
import pickle
import random
import sys
from pathlib import Path
from unittest import mock

from pixstore_asgi.store.files import BodyFolder, copying
from pixstore_asgi.store.files.copying import FolderCopy
from pixstore_asgi.transfer.folder_backup import back_up_with_folder
from tests.stress.bodies import body_of, save
from tests.stress.powered import IDS, store_at
from tests.stress.recorder import Recorder

FOLDER = "disk"


async def change(live: Path, number: int) -> dict[str, str]:
    """Replace and delete images. Return the versions of all images by id."""
    store = store_at(live, "NORMAL")
    await store.open()
    for image_id in random.sample(IDS, 4) if number else IDS:
        await save(store, image_id, body_of(image_id, str(number), random.choice((3_000, 40_000, 300_000))))
    await store.delete(random.choice(IDS))
    images = await store.list()
    await store.close()
    return {image.id: image.meta.version.hex() for image in images}


async def back_up(live: Path, disk: Path) -> None:
    folder = FolderCopy(disk / "bodies", BodyFolder(live / "disk" / "bodies"))
    async for _ in back_up_with_folder(live / "rows" / "images.db", disk / "images.db", folder):
        pass


def main(root: Path, backups: int, into: Path) -> None:
    recorder, live = Recorder(root), root.parent / "live"
    with (  # the recorder knows neither links nor copies by the kernel
        mock.patch.object(copying._Source, "_cloned_to", return_value=False),
        mock.patch.object(FolderCopy, "_link", return_value=False),
    ):
        for number in range(backups):
            images = asyncio.run(change(live, number))
            recorder.steps.append(("told", {"begins": images}))
            with recorder.recording():
                asyncio.run(back_up(live, root / FOLDER))
            recorder.steps.append(("told", {"done": number}))
    into.write_bytes(pickle.dumps(recorder.steps))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
