"""The direction of imports between the rooms of the package."""

DIRECTION = [
    ["errors"],
    ["core"],
    ["loops", "process"],
    ["store", "decoding"],
    ["keys", "saving", "serving", "health"],
    ["life"],
    ["pixstore"],
    ["asgi"],
    ["__init__"],
    ["integrations"],
    ["transfer", "demo", "upkeep"],
    ["cli", "testing"],
]
"""Low to high: a room imports only from rows above its own. Rooms of one row do not know each other."""
