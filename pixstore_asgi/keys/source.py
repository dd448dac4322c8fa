"""Secrets from elsewhere: an application's function that returns them, such as a vault's or a cloud's."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..core.hidden import Hidden, hide
from ..core.keyring import KeyRing, Secret
from ..errors import SecretError

SecretSource = Callable[[], Awaitable[Secret | Sequence[Secret]]]
"""An async function that returns one secret, or a list of them, oldest to newest."""


def given_secrets(secret: Hidden[Any]) -> KeyRing | SecretSource | None:
    """Return the key ring of what an application gives as its secret, or the source or None that it is."""
    # In no local variable: see hidden.py.
    return secret() if secret() is None or callable(secret()) else KeyRing(secret())


async def ask(source: SecretSource) -> KeyRing:
    """Return the key ring of what a source returns. Raises SecretError, with its cause, for whatever it raises."""
    try:
        given = hide(await source())
    except Exception as error:  # whatever the application's own function raises
        raise SecretError(f"the source of secrets failed: {type(error).__name__}") from error
    return KeyRing(given())
