"""The URL of a PostgreSQL server: checks that it is unambiguous, and extracts the parts that may be shown."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from ...errors import ConfigError

_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]*\]|[^:\[\]]*)(:(\d{1,5}))?")
_HIGHEST_PORT = 65535
_UNREADABLE = (
    "the URL of PostgreSQL can't be read: write "
    "postgresql://user:password@host:port/database, and percent-encode all characters of "
    "user and password except letters, digits and -._~: @ is %40, # is %23"
)
_HIDDEN = (
    "the password in the URL of PostgreSQL is ***, as str() of SQLAlchemy's URL writes it: pass "
    "url.render_as_string(hide_password=False)"
)


def without_schema(url: str) -> tuple[str, str | None]:
    """Return a URL without the option `schema`, which the server does not know, and the value of that option.

    Raises ConfigError if an option occurs twice.
    """
    parts = urlsplit(url)
    options = parse_qsl(parts.query)
    names = [name for name, _ in options]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(
            f"{twice if twice.isidentifier() else 'an option'} occurs twice in the URL of PostgreSQL: remove one"
        )
    schema = dict(options).get("schema")
    return parts._replace(query=urlencode([each for each in options if each[0] != "schema"])).geturl(), schema


def check_url(url: str) -> None:
    """Raise ConfigError for a URL with a hidden or unescaped password, or a wrong port. The message repeats no part of
    it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(_UNREADABLE) from None
    is_torn = parts.fragment or "@" in parts.path or parts.netloc.count("@") > 1
    hosts = [_HOST.fullmatch(host) for host in parts.netloc.rpartition("@")[2].split(",")]
    if is_torn or not all(host and int(host[3] or 0) <= _HIGHEST_PORT for host in hosts):
        raise ConfigError(_UNREADABLE)
    if parts.netloc.rpartition("@")[0].endswith(":***"):
        raise ConfigError(_HIDDEN)


def hosts_of(url: str) -> str | None:
    """Return hosts and ports of a checked URL, as written there, or None."""
    parts = urlsplit(url)
    # A password with a ? would be cut there: the text before it may be its beginning.
    return None if "@" in parts.query else parts.netloc.rpartition("@")[2] or None
