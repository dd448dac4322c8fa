"""The URL of a bucket: bucket, prefix, endpoint and region."""

import os
import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from ...errors import ConfigError

_FORM = "blobs is s3://bucket/prefix, and behind ? endpoint=URL or region=name"


class Place(NamedTuple):
    """The location of bodies. endpoint, region: None for the ones from the environment or Amazon's."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None

    def __str__(self) -> str:
        at = f" at {self.endpoint}" if self.endpoint else ""
        return f"s3://{self.bucket}{'/' if self.prefix else ''}{self.prefix}{at}"

    @classmethod
    def of(cls, url: str) -> "Place":
        """Return the place for a URL. The endpoint may also come from AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.

        Raises ConfigError, with a message that repeats no possible credential.
        """
        try:
            parts = urlsplit(url)
            options = parse_qsl(parts.query, strict_parsing=bool(parts.query))
        except ValueError:
            raise ConfigError(_FORM) from None
        if complaint := _complaint(url, parts, [name for name, _ in options]):
            raise ConfigError(f"{complaint}: {_FORM}")
        given = dict(options)
        endpoint = _endpoint(given.get("endpoint"))
        if endpoint is not None and not re.fullmatch(r"https?://[^/@?#\s]+(/[^@?#\s]*)?", endpoint):
            raise ConfigError("the endpoint of blobs must begin with http:// or https://, and hold no credentials")
        return cls(parts.netloc, parts.path.strip("/"), endpoint, given.get("region"))


def _complaint(url: str, parts: SplitResult, names: list[str]) -> str | None:
    """Return the mistake in a URL, or None."""
    if not url:
        return "blobs is empty: leave it out, or None, to keep bodies in the database"
    if "@" in parts.netloc:
        return "credentials stand in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not in the URL"
    if parts.scheme != "s3" or not parts.netloc:
        return "this is no URL of a bucket"
    prefix = parts.path.strip("/")
    if prefix and not {"", ".", ".."}.isdisjoint(prefix.split("/")):
        return "no part of the prefix may be empty, . or .."
    unknown = [name for name in names if name not in ("endpoint", "region")]
    if unknown:
        # A value that is no plain name may be a secret that has a ? in it.
        return f"there is no option {unknown[0]}" if re.fullmatch("[a-z_]{1,32}", unknown[0]) else "no such option"
    return "an option stands there twice" if len(set(names)) < len(names) else None


def _endpoint(given: str | None) -> str | None:
    of_s3 = os.environ.get("AWS_ENDPOINT_URL_S3")
    if given and of_s3 and given != of_s3:  # newer versions of obstore would take the latter
        raise ConfigError("blobs and AWS_ENDPOINT_URL_S3 name different endpoints: leave one of them out")
    return given or of_s3 or os.environ.get("AWS_ENDPOINT_URL") or None
