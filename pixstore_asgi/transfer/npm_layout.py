"""How npm's pixstore 3.2.1 keeps images: one table of ids, tokens and keys, and one file of ciphertext for each id.

The keys lie in the table in clear, as JSON in base64. Source: the package's backend/database.js and unique-id.js.
"""

from .folder import FilePath

EXTENSION = ".pixstore-image"
"""What the package puts behind every file's name, unless its option imageExtension says otherwise."""

TABLE = "CREATE TABLE IF NOT EXISTS image_records (id TEXT PRIMARY KEY, token INTEGER NOT NULL, meta TEXT NOT NULL)"

KNOWN_FORMATS = frozenset(("png", "webp", "jpg", "jpeg"))
"""The formats that the package serves unless its option imageFormats says otherwise."""


def file_of(image_id: str, extension: str = EXTENSION) -> FilePath:
    """Return the file of an image, below the images folder, for an id that has been checked."""
    *folder, name = image_id.split(":")
    return (*folder, f"{name}{extension}")
