"""Counts the images of a store, by directory and by the secret that wraps their keys. Formats the counts for
Prometheus.
"""

from dataclasses import dataclass, field

from ..core.ids import is_variant_id
from ..core.images import KEY_ID_BYTES, StoredImage
from ..store.contract import ImageStore
from ..store.inspection import Inspectable, Outside, Unused, pages_of


@dataclass(slots=True)
class Amount:
    """How many originals and variants there are, and how many bytes their ciphertexts have."""

    images: int = 0
    variants: int = 0
    bytes: int = 0

    def add(self, image: StoredImage) -> None:
        """Count one image."""
        is_variant = is_variant_id(image.id)
        self.variants += is_variant
        self.images += not is_variant
        self.bytes += image.meta.size


@dataclass(slots=True)
class Stats:
    """The counts of a store.

    directories: the images of each directory; the name "" is for ids without a colon. keys: the number of wrapped keys
    by the public id of their secret, in hexadecimal. deleted: the number of deleted ids. outside: the current bodies in
    a bucket or a folder. unused: the bodies that gc will remove. Both are None if the store can't count them.
    """

    all: Amount = field(default_factory=Amount)
    directories: dict[str, Amount] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    deleted: int = 0
    outside: Outside | None = None
    unused: Unused | None = None


async def stats_of(store: ImageStore) -> Stats:
    """Count the images of an open store. It reads all rows, but no bodies. Raises StoreError."""
    stats = Stats()
    async for page in pages_of(store.list):
        for image in page:
            directory, colon, _ = image.id.partition(":")
            stats.all.add(image)
            stats.directories.setdefault(directory if colon else "", Amount()).add(image)
            key_id = image.meta.wrapped_key[:KEY_ID_BYTES].hex()
            stats.keys[key_id] = stats.keys.get(key_id, 0) + 1
    async for tombstones in pages_of(store.list_tombstones):
        stats.deleted += len(tombstones)
    if isinstance(store, Inspectable):
        stats.outside, stats.unused = await store.outside(), await store.unused()
    return stats


def exposition(stats: Stats) -> str:
    """Return the counts as gauges in Prometheus's text format. No label contains an image id, a directory or a
    secret.
    """
    amount, outside, unused = stats.all, stats.outside, stats.unused
    by_secret = {f'{{secret="{key_id}"}}': keys for key_id, keys in stats.keys.items()}
    return "".join(
        [
            _gauge("images", "Images, without their variants.", {"": amount.images}),
            _gauge("variants", "Variants of images.", {"": amount.variants}),
            _gauge("ciphertext_bytes", "Bytes of the ciphertexts of both.", {"": amount.bytes}),
            _gauge("outside_bodies", "Bodies in a bucket or a folder.", {"": outside.bodies} if outside else {}),
            _gauge("outside_bytes", "Bytes of these bodies.", {"": outside.bytes} if outside else {}),
            _gauge("deleted_ids", "Ids that keep a last token and no image.", {"": stats.deleted}),
            _gauge("keys", "Keys of images and variants by the secret that they are wrapped under.", by_secret),
            _gauge("unused_bodies", "Bodies that a sweep takes away.", {"": unused.bodies} if unused else {}),
            _gauge("unused_bytes", "Bytes of those in the database.", {"": unused.bytes} if unused else {}),
        ]
    )


def _gauge(name: str, meaning: str, values: dict[str, int]) -> str:
    samples = "".join(f"pixstore_{name}{labels} {value}\n" for labels, value in values.items())
    return f"# HELP pixstore_{name} {meaning}\n# TYPE pixstore_{name} gauge\n{samples}"
