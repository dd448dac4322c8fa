"""How much there is in a store, in the text format that Prometheus reads (prometheus.io, "Exposition formats")."""

from .stats import Stats


def exposition(stats: Stats) -> str:
    """Return the counts as gauges. No label holds an id or a directory: a secret's is its public id."""
    amount, unused = stats.all, stats.unused
    by_secret = {f'{{secret="{key_id}"}}': keys for key_id, keys in stats.keys.items()}
    return "".join(
        [
            _gauge("images", "Images, without their variants.", {"": amount.images}),
            _gauge("variants", "Variants of images.", {"": amount.variants}),
            _gauge("ciphertext_bytes", "Bytes of the ciphertexts of both.", {"": amount.bytes}),
            _gauge("deleted_ids", "Ids that keep a last token and no image.", {"": stats.deleted}),
            _gauge("keys", "Keys of images and variants by the secret that they are wrapped under.", by_secret),
            _gauge("unused_bodies", "Bodies that a sweep takes away.", {"": unused.bodies} if unused else {}),
            _gauge("unused_bytes", "Bytes of those in the database.", {"": unused.bytes} if unused else {}),
        ]
    )


def _gauge(name: str, meaning: str, values: dict[str, int]) -> str:
    samples = "".join(f"pixstore_{name}{labels} {value}\n" for labels, value in values.items())
    return f"# HELP pixstore_{name} {meaning}\n# TYPE pixstore_{name} gauge\n{samples}"
