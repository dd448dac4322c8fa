"""A store of npm's pixstore made by hand, with the table that the package makes, and with rows it never writes."""

import base64
import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixstore_asgi.core.cipher import Sealer
from tests.support.samples import picture

TOKEN = 1_695_559_342_725
_TABLE = """CREATE TABLE IF NOT EXISTS image_records (
      id TEXT PRIMARY KEY,
      token INTEGER NOT NULL,
      meta TEXT NOT NULL
    )"""


def drawn(name: str, length: int) -> bytes:
    """Return bytes that look random and are the same in every run."""
    return hashlib.shake_256(name.encode()).digest(length)


@dataclass
class NpmFiles:
    """The database and images folder below `root`."""

    root: Path
    database: Path = field(init=False)
    images: Path = field(init=False)

    def __post_init__(self) -> None:
        self.database = self.root / ".pixstore.sqlite"
        self.images = self.root / "pixstore-images"
        self.images.mkdir(parents=True, exist_ok=True)
        self.run(_TABLE)

    def run(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(statement, values)

    def row(self, image_id: Any, token: Any, meta: Any) -> None:
        self.run("INSERT INTO image_records VALUES (?, ?, ?)", image_id, token, meta)

    def file(self, image_id: str) -> Path:
        return self.images / f"{image_id.replace(':', '/')}.pixstore-image"

    def add(
        self, image_id: str, data: bytes | None = None, *, token: int = TOKEN, format_byte: int = 1, seed: str = ""
    ) -> dict[str, str]:
        """Add an image with its row and file and return its meta."""
        key, iv = drawn(f"key {image_id}{seed}", 32), drawn(f"iv {image_id}{seed}", 12)
        sealer = Sealer(key=key, iv=iv, format_byte=format_byte)
        ciphertext = sealer.update(picture() if data is None else data)
        sealer.finish()
        meta = {n: base64.b64encode(v).decode() for n, v in (("key", key), ("iv", iv), ("tag", sealer.tag))}
        self.file(image_id).parent.mkdir(exist_ok=True)
        self.file(image_id).write_bytes(ciphertext)
        self.run("INSERT OR REPLACE INTO image_records VALUES (?, ?, ?)", image_id, token, json.dumps(meta))
        return meta

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Return modification time and content of everything below the root."""
        return {
            str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.root.rglob("*"))
        }
