"""obstore's errors in our words: what S3 says of a request names keys, and may hold what was signed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from ...errors import PixstoreError, StoreBusy, StoreError

REFUSED = "the bucket refused the credentials or what they may do: see AWS_ACCESS_KEY_ID and the bucket's policy"


class NoSuchObject(StoreError):
    """The bucket has no object of this name."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what obstore raises into errors of ours that say what to do."""
    try:
        yield
    except PixstoreError:
        raise
    except (BaseError, OSError, ValueError) as error:
        raise _translate(error) from None


def _translate(error: Exception) -> StoreError:
    text = str(error)
    status = re.search(r"status code: (\d{3})", text)
    if "<Code>NoSuchBucket</Code>" in text:
        return StoreError("there is no such bucket: make it first, or name another one")
    if isinstance(error, NotFoundError | FileNotFoundError):
        return NoSuchObject("an object is missing from the bucket: restore it from a backup")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or (status and status[1] in ("401", "403")):
        return StoreError(REFUSED)
    if status and status[1].startswith("4") and status[1] not in ("408", "429"):
        return StoreError(f"the bucket refused a request with status {status[1]}: look at region and endpoint")
    if "credential" in text.lower():
        return StoreError("no credentials for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role")
    return StoreBusy("the bucket can't be reached, or asks for patience: try again")
