"""System checks: `manage.py check` finds settings with which pictures are not served, or are written to the disk."""

import ast
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from inspect import isclass
from pathlib import Path
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ...errors import PixstoreError, SecretError
from ...pixstore import Pixstore, parts_of
from ...store.inspection import Inspectable
from .fields import PictureField
from .setting import get_pixstore, get_route
from .upload_memory import longest_request

_HERE = "pixstore_asgi.integrations.django"
_SERVING = {"pixstore_application", "PixstoreMiddleware", "PixstoreApp"}
_NEEDED = (
    ("sessions", "django.contrib.sessions", "django.contrib.sessions.middleware.SessionMiddleware"),
    ("users", "django.contrib.auth", "django.contrib.auth.middleware.AuthenticationMiddleware"),
)


def register_checks() -> None:
    """Register all checks of this module."""
    for check in CHECKS:
        register(check, "pixstore")
    for check in CHECKS_TO_DEPLOY:
        register(check, Tags.security, deploy=True)


def check_settings(**_: Any) -> Iterator[CheckMessage]:
    """Check the settings PIXSTORE and PIXSTORE_ROUTE.

    - E001: PIXSTORE is missing, or is not a Pixstore.
    - E002: PIXSTORE_ROUTE is not a path such as "/pixstore-image".
    """
    try:
        get_pixstore()
    except ImproperlyConfigured as error:
        text = str(error)
        hint = 'In the settings: from pixstore_asgi import Pixstore; PIXSTORE = Pixstore(BASE_DIR / "pixstore.db")'
        yield Error(f"{text[0].upper()}{text[1:]}.", hint=hint, id="pixstore.E001")
    route = get_route()
    if not route.startswith("/") or route.endswith("/"):
        text = f"The setting PIXSTORE_ROUTE must start with a slash and end without one: {route!r}."
        yield Error(text, hint='Use a path such as "/pixstore-image".', id="pixstore.E002")


def check_application(**_: Any) -> Iterator[CheckMessage]:
    """Check that the project's ASGI application serves the images.

    - W001: The ASGI application is missing, or does not use pixstore_application or PixstoreMiddleware.
    """
    module = _AsgiModule.of_project()
    if module is None or not module.serves_images:
        name = _name_of_asgi()
        text = f"The ASGI application of the project, {name}, serves no pictures."
        if module is None:
            text = f"The project has no ASGI application: there is no valid module {name}. Only ASGI serves pictures."
        hint = (
            f"In {name}: application = pixstore_application(get_asgi_application(), authorize=may_see). Run it by an "
            "ASGI server, such as uvicorn. Django's own runserver serves no pictures."
        )
        yield checks.Warning(text, hint=hint, id="pixstore.W001")


def check_uploads(**_: Any) -> Iterator[CheckMessage]:
    """Check that no upload is written to the disk, and that the errors that a client can cause have an answer.

    - W002: FILE_UPLOAD_HANDLERS has a handler that writes long files to the disk.
    - W003: The ASGI application uses Django's get_asgi_application, which writes long requests to the disk.
    - W004: PixstoreErrors is not in MIDDLEWARE.
    """
    with suppress(ImproperlyConfigured):
        if longest_request() > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            yield from _disk_uses()
    if not _has_middleware(f"{_HERE}.PixstoreErrors"):
        yield checks.Warning(
            "A picture that is refused is answered with status 500.",
            hint=f'Put "{_HERE}.PixstoreErrors" first in MIDDLEWARE.',
            id="pixstore.W004",
        )


def _disk_uses() -> Iterator[CheckMessage]:
    size = "longer than FILE_UPLOAD_MAX_MEMORY_SIZE"
    if "django.core.files.uploadhandler.TemporaryFileUploadHandler" in settings.FILE_UPLOAD_HANDLERS:
        yield checks.Warning(
            f"Django writes uploads {size} to temporary files, unencrypted.",
            hint=f'Set FILE_UPLOAD_HANDLERS = ["{_HERE}.MemoryUploadHandler"].',
            id="pixstore.W002",
        )
    module = _AsgiModule.of_project()
    if module is not None and module.writes_bodies:
        yield checks.Warning(
            f"The handler in {_name_of_asgi()} writes requests {size} to temporary files, unencrypted.",
            hint=f"Import get_asgi_application from {_HERE}, not from django.core.asgi.",
            id="pixstore.W003",
        )


def check_middleware(**_: Any) -> Iterator[CheckMessage]:
    """Check that the project has the sessions and users that `pixstore_application` gives to the rule of the images.

    - E003: The application or the middleware of Django's sessions or users is missing.
    """
    module = _AsgiModule.of_project()
    if module is None or "pixstore_application" not in module.names:
        return
    for needed, app, middleware in _NEEDED:
        if not apps.is_installed(app) or not _has_middleware(middleware):
            yield Error(
                f"pixstore_application needs {needed}, which this project does not have.",
                hint=f'Add "{app}" to INSTALLED_APPS and "{middleware}" to MIDDLEWARE.',
                id="pixstore.E003",
            )


def check_rule(**_: Any) -> Iterator[CheckMessage]:
    """Check that `pixstore_application` has a rule of the images.

    - E006: `pixstore_application` is called without `authorize` and `authorize_many`.
    """
    module = _AsgiModule.of_project()
    if module is not None and not module.has_rule:
        yield Error(
            f"pixstore_application in {_name_of_asgi()} has no rule of the images.",
            hint="Pass authorize, a function of user and image id, or authorize_many, a function of user and ids.",
            id="pixstore.E006",
        )


def check_fields(**_: Any) -> Iterator[CheckMessage]:
    """Check that pictures that no row names can be found and deleted.

    - W007: A PictureField has no index, so each deletion of a picture reads the whole table.
    - W008: The `upload_to` of a PictureField is a function, and `directories` is missing: it deletes no pictures.
    """
    for model in apps.get_models(include_auto_created=True):
        indexes = [index.fields[:1] for index in model._meta.indexes]
        for field in model._meta.local_fields:
            if not isinstance(field, PictureField):
                continue
            # The types of Django lack `db_index`.
            if not (field.db_index or field.unique or [field.name] in indexes):  # type: ignore[attr-defined]
                text, hint = "has no index, so each deletion of a picture reads the whole table.", "Set db_index=True."
                yield checks.Warning(f"{field} {text}", hint=hint, obj=field, id="pixstore.W007")
            if field.directories is None:
                text = "deletes no replaced pictures, because upload_to is a function."
                hint = 'List the directories that it returns, such as directories=["user-*"].'
                yield checks.Warning(f"{field} {text}", hint=hint, obj=field, id="pixstore.W008")


def check_cookie(**_: Any) -> Iterator[CheckMessage]:
    """Check that the session's cookie reaches the images, and travels only over HTTPS. Only with --deploy.

    - W005: SESSION_COOKIE_SECURE is not set.
    - W006: Browsers do not send the cookie to the images, because of SESSION_COOKIE_PATH.
    """
    if not settings.SESSION_COOKIE_SECURE:
        yield checks.Warning(
            "The session's cookie, which opens pictures, is also sent without HTTPS.",
            hint="Set SESSION_COOKIE_SECURE = True. Browsers decrypt pictures only in pages of HTTPS and localhost.",
            id="pixstore.W005",
        )
    path: str = settings.SESSION_COOKIE_PATH
    if not f"{get_route()}/".startswith(f"{path.rstrip('/')}/"):
        yield checks.Warning(
            f"Browsers do not send the session's cookie to the pictures: its path is {path!r}, theirs {get_route()!r}.",
            hint="Set PIXSTORE_ROUTE to a path below SESSION_COOKIE_PATH.",
            id="pixstore.W006",
        )


def check_store(**_: Any) -> Iterator[CheckMessage]:
    """Check that the store opens. A store that does not exist yet is not created. Only with --deploy.

    - E004: The secret is missing, or is not the one of the images.
    - E005: The store does not open for another reason.
    """
    with suppress(ImproperlyConfigured):
        pixstore = get_pixstore()
        try:
            async_to_sync(_open)(pixstore)
        except SecretError as error:
            hint = "Give this process the secret of the application. `manage.py pixstore doctor` checks it."
            yield Error(f"The secret is refused: {error}.", hint=hint, id="pixstore.E004")
        except PixstoreError as error:
            hint = "Run `manage.py pixstore doctor`."
            yield Error(f"The store does not open: {error}.", hint=hint, id="pixstore.E005")


async def _open(pixstore: Pixstore) -> None:
    store = parts_of(pixstore).store
    if not isinstance(store, Inspectable) or await store.is_made():
        async with pixstore:
            await pixstore.ping()


def _has_middleware(path: str) -> bool:
    """Return whether MIDDLEWARE has this class or a subclass."""
    if path in settings.MIDDLEWARE:
        return True
    wanted = import_string(path)
    for name in settings.MIDDLEWARE:
        with suppress(ImportError):  # Django's own error, at the start, is enough
            found = import_string(name)
            if isclass(found) and issubclass(found, wanted):
                return True
    return False


def _name_of_asgi() -> str:
    """Return the name of the module with the project's ASGI application, as `startproject` arranges it."""
    dotted = getattr(settings, "ASGI_APPLICATION", None)
    if dotted:
        return str(dotted).rpartition(".")[0]
    return f"{str(getattr(settings, 'ROOT_URLCONF', '')).rpartition('.')[0]}.asgi".lstrip(".")


class _AsgiModule(NamedTuple):
    """The names in the module with the ASGI application: the whole names of imports, and all last parts.

    has_rule: whether each call of `pixstore_application` has a rule of the images.
    """

    whole: set[str]
    names: set[str]
    has_rule: bool

    @classmethod
    def of_project(cls) -> "_AsgiModule | None":
        """Read the module's text, because its import would set up the application. None if it cannot be read."""
        try:
            spec = find_spec(_name_of_asgi())
            text = Path(spec.origin).read_text() if spec and spec.origin else None
            tree = None if text is None else list(ast.walk(ast.parse(text)))
        except (ImportError, OSError, SyntaxError, ValueError):
            return None
        if tree is None:
            return None
        imports = [node for node in tree if isinstance(node, ast.ImportFrom)]
        pairs = [(node.module or "", alias.name) for node in imports for alias in node.names]
        attributes = {node.attr for node in tree if isinstance(node, ast.Attribute)}
        has_rule = all(_has_rule(node) for node in tree if isinstance(node, ast.Call))
        return cls({f"{module}.{name}" for module, name in pairs}, {name for _, name in pairs} | attributes, has_rule)

    @property
    def serves_images(self) -> bool:
        return bool(self.names & _SERVING)

    @property
    def writes_bodies(self) -> bool:
        return "django.core.asgi.get_asgi_application" in self.whole


def _has_rule(call: ast.Call) -> bool:
    if "pixstore_application" not in (getattr(call.func, "id", None), getattr(call.func, "attr", None)):
        return True
    # The name of `**options`, which may have the rule, is None.
    return any(keyword.arg in ("authorize", "authorize_many", None) for keyword in call.keywords)


CHECKS = (check_settings, check_application, check_uploads, check_middleware, check_rule, check_fields)
CHECKS_TO_DEPLOY = (check_cookie, check_store)
