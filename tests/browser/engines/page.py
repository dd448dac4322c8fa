"""The functions of a browser that the tests use, for every engine."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest

INSECURE_HOST = "pictures.test"
"""A name for 127.0.0.1 that is no secure context; where an engine can't be told of it, `launch` skips the test."""


class PageError(Exception):
    """A script that a test ran in a page threw; the text is that of its error."""


class Page(Protocol):
    """One tab. errors: the uncaught errors of its pages, complete once the tab is closed."""

    errors: list[str]

    def goto(self, url: str) -> None:
        """Load a page and wait until its scripts have run."""

    def evaluate(self, script: str, argument: object = None) -> Any:
        """Evaluate an expression, or call a function with the argument, and return what that gives or resolves to.

        All values are JSON. Raises an error of the engine's own where the script throws.
        """

    def reload(self) -> None: ...

    def close(self) -> None: ...


class Browser(Protocol):
    """A running browser; its tabs share a profile."""

    def new_page(self, *, first_script: str = "") -> Page:
        """Open a tab; `first_script` runs before the scripts of every page in it."""


class Engine(Protocol):
    """A browser engine, installed."""

    name: str

    def launch(
        self,
        profile: Path | None = None,
        *,
        stores_nothing: bool = False,
        knows_insecure_host: bool = False,
        is_private: bool = False,
    ) -> AbstractContextManager[Browser]:
        """Run a browser until the block ends.

        profile: an existing folder for what it keeps, which outlives it; without, it keeps its things somewhere.
        stores_nothing: it is set to let no site store anything. knows_insecure_host: see INSECURE_HOST. is_private: its
        windows are private ones, without a profile.
        """


def lacks(engine: str, reason: str) -> NoReturn:
    """Skip the test, wherever it runs: the engine itself has no such thing."""
    pytest.skip(f"{engine}: {reason}")


def call_by_json(script: str) -> str:
    """Return the source of an async function from the argument's JSON to the JSON of `script`'s result."""
    return f"""async (text) => {{
        const value = ({script});
        return JSON.stringify((await (typeof value === "function" ? value(JSON.parse(text)) : value)) ?? null);
    }}"""
