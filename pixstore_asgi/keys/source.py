"""Secrets from an application's function, such as one that asks a vault."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio

from ..core.hidden import Hidden, hide
from ..core.keyring import KeyRing, Secret
from ..errors import SecretError

SecretSource = Callable[[], Awaitable[Secret | Sequence[Secret]]]
"""An async function that returns one secret, or a list, oldest to newest."""

_LONGEST_S = 10.0  # meanwhile no store can be opened or closed


def given_secrets(secret: Hidden[Any]) -> KeyRing | SecretSource | None:
    """Return the key ring of an application's `secret`; a source and None are returned as they are."""
    # A local variable with the secret would be in tracebacks.
    if secret() is None or not callable(secret()):
        return None if secret() is None else KeyRing(secret())

    async def source() -> Any:  # the repr of a partial would show its arguments, such as a token
        return await secret()()

    return source


async def ask(source: SecretSource) -> KeyRing:
    """Return the key ring of a source's secrets. Raises SecretError if the source fails or takes longer than 10 s."""
    try:
        with anyio.fail_after(_LONGEST_S):
            given = hide(await source())
    except Exception as error:  # the application's own function may raise any error
        raise SecretError(f"the source of secrets failed: {type(error).__name__}") from error
    if not isinstance(given(), str | bytes | bytearray | list | tuple):
        raise SecretError(f"the source of secrets must return one or a list of them, not {type(given()).__name__}")
    return KeyRing(given())
