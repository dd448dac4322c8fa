"""Secrets from elsewhere: an application's function that returns them, such as a vault's or a cloud's."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio

from ..core.hidden import Hidden, hide
from ..core.keyring import KeyRing, Secret
from ..errors import SecretError

SecretSource = Callable[[], Awaitable[Secret | Sequence[Secret]]]
"""An async function that returns one secret, or a list of them, oldest to newest."""

_LONGEST_S = 10.0  # nothing can be opened or closed meanwhile


def given_secrets(secret: Hidden[Any]) -> KeyRing | SecretSource | None:
    """Return the key ring of what an application gives as its secret, or the source or None that it is."""
    # In no local variable: see hidden.py.
    if secret() is None or not callable(secret()):
        return None if secret() is None else KeyRing(secret())

    async def source() -> Any:  # a partial would show its arguments, such as a token
        return await secret()()

    return source


async def ask(source: SecretSource) -> KeyRing:
    """Return the key ring of what a source returns within 10 s. Raises SecretError, whose cause is what it raises."""
    try:
        with anyio.fail_after(_LONGEST_S):
            given = hide(await source())
    except Exception as error:  # whatever the application's own function raises
        raise SecretError(f"the source of secrets failed: {type(error).__name__}") from error
    if not isinstance(given(), str | bytes | bytearray | list | tuple):
        raise SecretError(f"the source of secrets must return one or a list of them, not {type(given()).__name__}")
    return KeyRing(given())
