"""The direction of imports between the packages of pixstore_asgi."""

DIRECTION = [
    ["errors"],
    ["core"],
    ["threads"],
    ["process"],
    ["store", "decoding"],
    ["keys", "saving", "serving", "health"],
    ["life"],
    ["pixstore"],
    ["asgi", "sync"],
    ["__init__"],
    ["integrations"],
    ["transfer", "demo", "upkeep"],
    ["cli", "testing"],
]
"""Layers, low to high: a package imports only from rows above its own, and none of its own row."""
