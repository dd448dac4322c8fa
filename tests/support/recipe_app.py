"""An application of docs/recipes, with additions for its tests.

GET /in-use tells how many images are being read; /page/ serves the files of the working directory.

PIXSTORE_TEST_RECIPE is the application's module; PIXSTORE_TEST_NO_DISK makes every temporary file fail.
"""

import os
import tempfile
from importlib import import_module
from typing import Any

from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.sqlite import SqliteStore

MODULES = {"mysite.asgi": ("application", "mysite.settings", "PIXSTORE")}

if os.environ.get("PIXSTORE_TEST_NO_DISK"):
    tempfile.tempdir = "/nonexistent"

recipe = os.environ["PIXSTORE_TEST_RECIPE"]
name, module_of_pix, name_of_pix = MODULES.get(recipe, ("app", recipe, "pix"))
inner = getattr(import_module(recipe), name)
pix = getattr(import_module(module_of_pix), name_of_pix)


files = StaticFiles(directory=os.getcwd())


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope.get("path") == "/in-use":
        store = parts_of(pix).store
        assert isinstance(store, SqliteStore)
        await JSONResponse(store.in_use)(scope, receive, send)
    elif scope.get("path", "").startswith("/page/"):
        await files({**scope, "path": scope["path"].removeprefix("/page"), "root_path": ""}, receive, send)
    else:
        await inner(scope, receive, send)
