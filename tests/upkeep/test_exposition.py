"""Counts in the text format of Prometheus, as its own client reads them."""

from prometheus_client.parser import text_string_to_metric_families

from pixstore_asgi.store.inspection import Outside, Unused
from pixstore_asgi.upkeep.stats import Amount, Stats, exposition


def samples_of(text: str) -> dict[str, dict[str, float]]:
    """Return each gauge's values by the secret that is its label, or by nothing."""
    return {
        family.name: {sample.labels.get("secret", ""): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
        if family.type == "gauge" and family.documentation
    }


def test_every_count_is_a_gauge() -> None:
    """Each with its meaning, keys by the public id of their secret."""
    stats = Stats(
        Amount(12, 3, 5_000_000_000),
        keys={"0a1b2c3d": 14, "ffffffff": 1},
        deleted=2,
        outside=Outside(7, 4_000_000_000),
        unused=Unused(4, 99, 0),
    )
    assert samples_of(exposition(stats)) == {
        "pixstore_images": {"": 12},
        "pixstore_variants": {"": 3},
        "pixstore_ciphertext_bytes": {"": 5_000_000_000},
        "pixstore_outside_bodies": {"": 7},
        "pixstore_outside_bytes": {"": 4_000_000_000},
        "pixstore_deleted_ids": {"": 2},
        "pixstore_keys": {"0a1b2c3d": 14, "ffffffff": 1},
        "pixstore_unused_bodies": {"": 4},
        "pixstore_unused_bytes": {"": 99},
    }


def test_what_a_store_can_not_tell_has_no_value() -> None:
    """Rather than 0; nor has a key where there is none."""
    found = samples_of(exposition(Stats(Amount())))
    assert {name for name, values in found.items() if not values} == {
        *("pixstore_keys", "pixstore_outside_bodies", "pixstore_outside_bytes"),
        *("pixstore_unused_bodies", "pixstore_unused_bytes"),
    }
