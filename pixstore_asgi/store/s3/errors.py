"""Translates errors of obstore into StoreErrors. Its texts are dropped: they name keys and may quote signed
requests.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from ...errors import PixstoreError, StoreBusy, StoreDamaged, StoreError
from .place import Place

_REFUSALS = {
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY is not the one of AWS_ACCESS_KEY_ID",
    "InvalidAccessKeyId": "it knows no such AWS_ACCESS_KEY_ID",
    "ExpiredToken": "AWS_SESSION_TOKEN has expired",
}
_NONE = "no credentials for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"


class BucketAway(StoreBusy):
    """The bucket can't be reached, or does not answer."""

    away = "bucket"


class NoSuchObject(StoreDamaged):
    """The bucket has no object of this name."""


@contextmanager
def translated(place: Place) -> Iterator[None]:
    """Translate errors of obstore into StoreErrors with advice."""
    try:
        yield
    except PixstoreError:
        raise
    except (BaseError, OSError, ValueError) as error:
        # obstore keeps its last error until it is called again: a traceback would keep the connections open with it.
        raise _translate(error.with_traceback(None), place) from None


def _translate(error: Exception, place: Place) -> StoreError:
    text = str(error)
    status = re.search(r"status code: (\d{3})", text)
    if "<Code>NoSuchBucket</Code>" in text:
        return StoreError("there is no such bucket: make it first, or name another one")
    if isinstance(error, NotFoundError | FileNotFoundError):
        return NoSuchObject("there is no such object in the bucket")
    if missing := re.search(r"Missing(AccessKeyId|SecretAccessKey)\b", text):
        name = "AWS_ACCESS_KEY_ID" if missing[1] == "AccessKeyId" else "AWS_SECRET_ACCESS_KEY"
        return StoreError(f"half of the credentials for the bucket are missing: set {name} too")
    if "://169.254.169.254/" in text:  # a machine of Amazon's is asked for its role where nothing else is set
        return StoreError(_NONE)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or (status and status[1] in ("401", "403")):
        code = re.search(r"<Code>(\w+)</Code>", text)
        reason = _REFUSALS.get(code[1] if code else "", "see AWS_ACCESS_KEY_ID and the bucket's policy")
        return StoreError(f"the bucket refused the credentials or what they may do: {reason}")
    if status and status[1].startswith("4") and status[1] not in ("408", "429"):
        return StoreError(f"the bucket refused a request with status {status[1]}: look at region and endpoint")
    if "credential" in text.lower():
        return StoreError(_NONE)
    return BucketAway(
        f"the bucket {place} can't be reached, or asks for patience: look at the endpoint and the network, and try "
        "again"
    )
