"""The floor of a save: one AES-256-GCM call and one INSERT with its commit, as a script of ten lines would do it."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pixstore_asgi.store.durable import sync

_NONCE_BYTES = 12
_CREATE = "CREATE TABLE images (id INTEGER PRIMARY KEY, nonce BLOB, body BLOB)"
_INSERT = "INSERT INTO images (nonce, body) VALUES (?, ?)"


def save_barely(folder: Path, image: bytes, seconds: float, warm_s: float, *, in_files: bool) -> tuple[float, float]:
    """Save an image again and again. Return the saves per second, and the CPU of one in µs.

    in_files: write the ciphertext to a file of its own, synced before its row. Raises RuntimeError if the last image
    does not decrypt.
    """
    cipher = AESGCM(AESGCM.generate_key(256))
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(_CREATE)

        def save() -> None:
            nonce = os.urandom(_NONCE_BYTES)
            body = cipher.encrypt(nonce, image, None)
            if in_files:
                write_synced(folder, nonce.hex(), body)
                body = b""
            db.execute(_INSERT, (nonce, body))

        _count_until(save, warm_s)
        started, used = time.perf_counter(), time.process_time()
        count = _count_until(save, seconds)
        used, took = time.process_time() - used, time.perf_counter() - started
        nonce, body = db.execute("SELECT nonce, body FROM images ORDER BY id DESC LIMIT 1").fetchone()
        if cipher.decrypt(nonce, body or (folder / nonce.hex()).read_bytes(), None) != image:
            raise RuntimeError("the floor of a save has stored another image")
    return count / took, used / count * 1e6


def write_synced(folder: Path, name: str, body: bytes) -> None:
    """Write a file under another name, sync it, rename it and sync the folder."""
    part = folder / "part"
    with part.open("wb", buffering=0) as file:
        file.write(body)
        os.fdatasync(file.fileno())
    part.rename(folder / name)
    sync(folder)


def _count_until(save: Callable[[], None], seconds: float) -> int:
    deadline, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < deadline:
        save()
        count += 1
    return count
