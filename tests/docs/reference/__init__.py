"""The blocks of the documents that are made from the code, between two comments that name the block.

`python -m tests.docs.reference --write` puts them into their pages.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial

from pixstore_asgi import (
    ImageRecord,
    PayloadResponse,
    Pixstore,
    PixstoreApp,
    PixstoreMiddleware,
    RecordsApp,
    Variant,
    decode_payload,
    recipient_of,
)
from pixstore_asgi.core.recipient import Recipient
from pixstore_asgi.integrations import fastapi, flask, litestar, opentelemetry, prometheus, quart, starlette
from pixstore_asgi.integrations.sqladmin import PictureView
from pixstore_asgi.integrations.sqlalchemy import NewPicture, PictureType, SessionPictures
from pixstore_asgi.integrations.starlette_admin import PictureField
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.s3 import S3Bucket
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.sync import SyncPayload, SyncPixstore
from pixstore_asgi.transfer import import_plain_file, import_plain_image, plain_image_id
from pixstore_asgi.transfer.variants import make_variants
from tests.docs.reference.api import (
    METHODS,
    applications,
    fixtures_for_pytest,
    integrations,
    methods,
    results,
    things,
    tools_for_tests,
)
from tests.docs.reference.commands import all_commands
from tests.docs.reference.django import checks_of_django, fill_pictures, names_of_django, pixstore_application
from tests.docs.reference.errors import exceptions
from tests.docs.reference.events import audit, log_events
from tests.docs.reference.options import options, options_of_typedef

_BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end of generated: \2 -->\n)", re.DOTALL)

BLOCKS: Mapping[str, Callable[[], str]] = {
    **{f"methods-{kind}": partial(methods, kind) for kind in METHODS},
    "sync": partial(things, ("SyncPixstore", SyncPixstore), ("SyncPayload", SyncPayload)),
    "applications": applications,
    "results": results,
    "functions": partial(
        things,
        ("decode_payload", decode_payload),
        ("recipient_of", recipient_of),
        ("Recipient.parse", Recipient.parse),
        ("ImageRecord.parse", ImageRecord.parse),
        ("make_variants", make_variants),
        ("fill_pictures", fill_pictures),
        ("import_plain_file", import_plain_file),
        ("import_plain_image", import_plain_image),
        ("plain_image_id", plain_image_id),
    ),
    "starlette": partial(integrations, starlette),
    "fastapi": partial(integrations, fastapi),
    "admins": partial(things, ("PictureView", PictureView), ("PictureField", PictureField)),
    "sqlalchemy": partial(
        things,
        ("PictureType", PictureType),
        ("NewPicture", NewPicture),
        ("SessionPictures", SessionPictures),
        ("SessionPictures.unnamed", SessionPictures.unnamed),
    ),
    "django": names_of_django,
    "django-checks": checks_of_django,
    "litestar": partial(integrations, litestar),
    "quart": partial(integrations, quart),
    "flask": partial(integrations, flask),
    "prometheus": partial(integrations, prometheus),
    "opentelemetry": partial(integrations, opentelemetry),
    "testing": tools_for_tests,
    "fixtures": fixtures_for_pytest,
    "options-pixstore": partial(options, Pixstore),
    "options-variant": partial(options, Variant),
    "options-applications": partial(options, PixstoreMiddleware, PixstoreApp, without=["app", "pixstore"]),
    "options-records": partial(options, RecordsApp, without=["pixstore"]),
    "options-response": partial(options, PayloadResponse, without=["payload"]),
    "options-sqlalchemy": partial(options, NewPicture, SessionPictures, without=["pix"]),
    "options-admins": partial(options, PictureField),
    "options-django": partial(options, pixstore_application, without=["django"]),
    "options-litestar": partial(options, litestar.PixstorePlugin, without=["pixstore"]),
    "options-flask": partial(options, flask.add_pixstore, without=["app", "images"]),
    "options-quart": partial(options, quart.add_pixstore, without=["app", "pixstore"]),
    "options-sqlite": partial(options, SqliteStore),
    "options-postgres": partial(options, PostgresStore),
    "options-s3": partial(options, S3Bucket),
    "options-image-worker": partial(options_of_typedef, "image-worker/index.js", "ImageWorkerOptions"),
    "commands": all_commands,
    "exceptions": exceptions,
    "log-events": log_events,
    "audit": audit,
}
"""The program of each block, by its name."""


def filled(page: str) -> str:
    """Return the text of a page with its blocks made from the code."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{BLOCKS[block[2]]()}\n\n{block[3]}", page)


def blocks_in(page: str) -> list[str]:
    """Return the names of the blocks of a page."""
    return [name for _, name, _ in _BLOCK.findall(page)]
