"""Where the browser client's files are: inside an installed package, or beside it in a source checkout."""

from pathlib import Path

from ..errors import ConfigError


def client_directory() -> Path:
    """Return the folder of the browser client as it is served: index.js, one ES module, and its worker.

    Raises ConfigError where it is missing.
    """
    package = Path(__file__).parents[1]
    for directory in (package / "_client", package.parent / "js_client" / "dist"):
        if (directory / "index.js").is_file():
            return directory
    raise ConfigError("the browser client's files are missing from the installation: install pixstore-asgi again")
