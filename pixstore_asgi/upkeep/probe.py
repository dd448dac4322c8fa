"""Checks the connection from a browser to the application's mount, by requests over HTTP."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from threading import Thread
from time import time
from urllib.parse import urlsplit

from .doctor import Finding

_PATIENCE_S = 10.0
_MOST_APART_S = 5.0
_LOCAL = ("localhost", "127.0.0.1", "::1")


def examine_mount(url: str) -> Iterator[Finding]:
    """Check the server at the http or https address by which browsers reach the mount."""
    url = url.rstrip("/")
    yield _scheme(url)
    try:
        status, headers = _ask(f"{url}/a%3Ab")
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
            problem, how = f"the certificate of {url} is not trusted", "renew it, or trust its issuer on this machine"
        else:
            problem, how = f"nothing answers at {url}", "start the application, and check the proxy"
        yield Finding("mount", f"{problem}: {error}", how)
        return
    state = headers.get("x-pixstore-state")
    if state is None:
        yield Finding("mount", f"HTTP {status} at {url}, from something else", "pass the mount's own address")
        return
    how = "the application's log has the reason" if state == "InternalError" else ""
    yield Finding("mount", f"answers {state}", how)
    stored = headers.get("cache-control", "")
    yield Finding(
        "caching", stored or "no Cache-Control", "" if stored == "no-store" else "let the proxy pass no-store"
    )
    coded = headers.get("content-encoding", "identity")
    yield Finding(
        "compression", coded, "" if coded == "identity" else "switch it off for the mount: a key could be guessed"
    )
    allowed = headers.get("access-control-allow-origin")
    yield Finding("CORS", f"pages of {'any origin' if allowed == '*' else allowed or 'this origin alone'} may read")
    yield _clock(headers)


def _scheme(url: str) -> Finding:
    parts = urlsplit(url)
    is_secure = parts.scheme == "https" or parts.hostname in _LOCAL
    return Finding(
        "HTTPS", parts.scheme, "" if is_secure else "browsers decrypt only over HTTPS: give it a certificate"
    )


def _clock(headers: Message) -> Finding:
    date = headers.get("date")
    if date is None:
        return Finding("clock", "no Date")
    try:
        apart_s = abs(parsedate_to_datetime(date).timestamp() - time())
    except (ValueError, OverflowError):
        return Finding("clock", "an invalid Date")
    how = "set both clocks by NTP: proofs are short-lived" if apart_s > _MOST_APART_S else ""
    return Finding("clock", f"{apart_s:.0f} s from this one", how)


def _ask(url: str) -> tuple[int, Message]:
    """Return status and headers of an answer. It takes at most ten seconds, even if the answer arrives slowly.
    Raises OSError.
    """
    answer: Future[tuple[int, Message]] = Future()

    def ask() -> None:
        try:
            answer.set_result(_answer(url))
        except Exception as error:
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()  # not a thread of a pool: the interpreter would wait for it at its exit
    try:
        return answer.result(_PATIENCE_S)
    except TimeoutError as error:
        raise TimeoutError(f"no whole answer within {_PATIENCE_S:g} s") from error


def _answer(url: str) -> tuple[int, Message]:
    """Return the status and headers of an answer, also of an error response. Raises OSError."""
    headers = {"origin": "https://elsewhere.example", "accept-encoding": "gzip, br"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # the caller passes only http and https
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers
