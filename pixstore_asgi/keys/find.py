"""Finds the key ring of a store, and checks that the store was written with it."""

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import anyio

from ..core.hidden import Hidden, hide
from ..core.images import KEY_ID_BYTES
from ..core.keyring import KeyRing, Secret
from ..errors import SecretError
from ..process import in_thread
from ..store.contract import ImageStore
from ..store.rules import check_ring
from .file import create_key_file, read_key_file

ENVIRONMENT_VARIABLE = "PIXSTORE_SECRET"
_LONGEST_S = 10.0  # while the source is asked, the store can't be opened or closed

SecretSource = Callable[[], Awaitable[Secret | Sequence[Secret]]]
"""An application's async function that returns one secret, or a list of secrets, oldest to newest."""

GivenSecrets = KeyRing | SecretSource | None
"""The `secret` option of a Pixstore, or None to read PIXSTORE_SECRET or the key file."""

_of_project: ContextVar[GivenSecrets] = ContextVar("secrets_of_project", default=None)


@contextmanager
def secrets_of_project(given: GivenSecrets) -> Iterator[None]:
    """During the block, use these secrets for every store that is opened without some of its own.

    For the commands of an application that passes `secret=`, such as Django's `manage.py`.
    """
    token = _of_project.set(given)
    try:
        yield
    finally:
        _of_project.reset(token)


def given_secrets(secret: Hidden[Any]) -> GivenSecrets:
    """Turn the `secret` option into a key ring. An async function gives a SecretSource, None gives None."""
    # Keep the secret out of local variables, which tracebacks would show.
    if secret() is None or not callable(secret()):
        return None if secret() is None else KeyRing(secret())

    async def source() -> Any:  # the repr of a partial would show its arguments, such as a token
        return await secret()()

    return source


async def find_ring(store: ImageStore, given: GivenSecrets) -> KeyRing:
    """Return the key ring for an open store. Its source is `given`, else the secrets of the project, else
    PIXSTORE_SECRET, else the key file.

    Raises SecretError if there is no secret, or if the ring lacks a secret that images need.
    """
    given = given or _of_project.get()
    found = await _ask(given) if callable(given) else given or await _find_secret(store)
    ring = found.bound_to(await store.database_id())
    missing = (await store.key_checks()).in_use - set(ring.check_values)
    if missing:
        usage = await store.key_usage()
        check_ring((check for check in missing if check[:KEY_ID_BYTES] in usage), ring.check_values)
    return ring


async def find_configured_ring(store: ImageStore) -> KeyRing | None:
    """Return the key ring for an open store, or None if no secret is configured.

    No key file is created. Raises SecretError if the secret found is not the one the images were encrypted with.
    """
    has_file = store.key_file is not None and store.key_file.exists()
    return await find_ring(store, None) if has_file or configured_place() else None


def configured_place() -> str | None:
    """Return the place of the secrets that take precedence over a key file, in words, or None if there are none."""
    if _of_project.get() is not None:
        return "the option secret of the project"
    return ENVIRONMENT_VARIABLE if _listed_in_environment() is not None else None


def _listed_in_environment() -> Hidden[list[str]] | None:
    found = os.environ.get(ENVIRONMENT_VARIABLE)
    return None if found is None else hide(found.split())


async def _find_secret(store: ImageStore) -> KeyRing:
    listed = _listed_in_environment()
    if listed is not None:
        if not listed():
            other = "" if store.key_file is None else "unset it to use the key file, or "
            raise SecretError(
                f"{ENVIRONMENT_VARIABLE} is set but empty: {other}set a secret as `pixstore-asgi secret` prints"
            )
        return KeyRing(listed())
    if store.key_file is None:
        raise SecretError(f"pass secret=… or set {ENVIRONMENT_VARIABLE}; `pixstore-asgi secret` prints one")
    # A secret is created only for a store that is still empty.
    source = read_key_file if any(await store.key_checks()) else create_key_file
    secret = hide(await in_thread(source, store.key_file))
    try:
        return KeyRing(secret())
    except SecretError:
        raise SecretError(f"the key file {store.key_file} contains no secret: restore the right one") from None


async def _ask(source: SecretSource) -> KeyRing:
    """Call the application's source of secrets and return their key ring. Raises SecretError if the function fails or
    takes over 10 s.
    """
    try:
        with anyio.fail_after(_LONGEST_S):
            given = hide(await source())
    except Exception as error:  # the application's own function may raise any error
        raise SecretError(f"the source of secrets failed: {type(error).__name__}") from error
    if not isinstance(given(), str | bytes | bytearray | list | tuple):
        raise SecretError(f"the source of secrets must return one or a list of them, not {type(given()).__name__}")
    return KeyRing(given())
