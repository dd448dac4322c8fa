"""Django: the system checks of `manage.py check` find the mistakes of a project, each with its id and a hint."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, run_checks
from django.test.utils import override_settings

from pixstore_asgi import Pixstore
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import MemoryPixstore
from tests.support.django_setup import APPS, configure_django
from tests.support.samples import OTHER_SECRET, SECRET, picture

configure_django()

from tests.integrations.django_app.models import Album  # noqa: E402  after Django is set up

HERE = "pixstore_asgi.integrations.django"
GOOD = f"from {HERE} import get_asgi_application, pixstore_application"
MIDDLEWARE = [
    f"{HERE}.PixstoreErrors",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
SETTINGS: dict[str, Any] = {
    "FILE_UPLOAD_HANDLERS": [f"{HERE}.MemoryUploadHandler"],
    "MIDDLEWARE": MIDDLEWARE,
    "SESSION_COOKIE_SECURE": True,
    "SECRET_KEY": "the secret key of a project, which is long enough for Django: 0123456789",
}

Found = Callable[..., list[str]]


class OwnSessions(SessionMiddleware):
    """A session middleware of the project."""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Found]:
    """Runs the checks of a project whose asgi.py has this text, with these settings; returns the ids of messages."""
    monkeypatch.syspath_prepend(tmp_path)

    def ids(asgi: str | None = GOOD, *, deploy: bool = False, **changes: Any) -> list[str]:
        if asgi is not None:
            (tmp_path / "checked_site_asgi.py").write_text(asgi)
        importlib.invalidate_caches()
        place = {"ASGI_APPLICATION": "checked_site_asgi.application"}
        with override_settings(**{**SETTINGS, **place, "PIXSTORE": MemoryPixstore(), **changes}):
            messages = [each for each in run_checks(include_deployment_checks=deploy) if each.id]
        return [_checked(each) for each in messages if str(each.id).startswith("pixstore.")]

    yield ids
    importlib.invalidate_caches()


def _checked(message: CheckMessage) -> str:
    assert message.hint
    return str(message.id).removeprefix("pixstore.")


def test_a_complete_project_has_no_message(found: Found) -> None:
    """The settings of the documents pass, also for a deployment."""
    assert found(deploy=True) == []


@pytest.mark.parametrize("value", [None, "pixstore.db"])
def test_the_setting_is_no_pixstore(found: Found, value: Any) -> None:
    """E001 alone: the other checks need a Pixstore and are silent."""
    assert found(PIXSTORE=value, deploy=True) == ["E001"]


@pytest.mark.parametrize("route", ["pictures", "/pictures/", "/", ""])
def test_the_route_is_no_path(found: Found, route: str) -> None:
    """E002: the route must start with a slash and end without one."""
    assert found(PIXSTORE_ROUTE=route) == ["E002"]


def test_no_asgi_application_serves_the_images(found: Found, tmp_path: Path) -> None:
    """W001: there is no module, or one that does not mount the images. The middleware alone is enough."""
    assert found(None) == ["W001"]
    assert found(None, ASGI_APPLICATION="no_such_package.asgi.application") == ["W001"]
    (tmp_path / "checked_site").mkdir()
    (tmp_path / "checked_site" / "urls.py").write_text("urlpatterns = []")
    assert found(None, ASGI_APPLICATION=None, ROOT_URLCONF="checked_site.urls") == ["W001"]
    (tmp_path / "checked_site" / "asgi.py").write_text(GOOD)
    assert found(None, ASGI_APPLICATION=None, ROOT_URLCONF="checked_site.urls") == []
    assert found(f"from {HERE} import get_asgi_application") == ["W001"]
    assert found("from pixstore_asgi import PixstoreMiddleware") == []
    assert found(f"import {HERE} as pictures\napplication = pictures.pixstore_application(None, authorize=rule)") == []
    assert found("a text that is (") == ["W001"]  # `migrate` runs the checks too


def test_uploads_are_written_to_the_disk(found: Found) -> None:
    """W002 and W003, unless Django keeps the longest request in memory anyway. W004 without the middleware."""
    djangos = "from django.core.asgi import get_asgi_application\nfrom pixstore_asgi import PixstoreApp"
    handlers = [
        "django.core.files.uploadhandler.MemoryFileUploadHandler",
        "django.core.files.uploadhandler.TemporaryFileUploadHandler",
    ]
    assert found(djangos, FILE_UPLOAD_HANDLERS=handlers) == ["W002", "W003"]
    assert found(djangos, FILE_UPLOAD_HANDLERS=handlers, FILE_UPLOAD_MAX_MEMORY_SIZE=2**30) == []
    assert found(MIDDLEWARE=MIDDLEWARE[1:]) == ["W004"]


def test_the_application_has_no_rule(found: Found) -> None:
    """E006: the server would stop at its start. Keywords in a dict are not read."""
    for call in ("pixstore_application(django, authorize=rule)", "pixstore_application(django, **rules)"):
        assert found(f"{GOOD}\napplication = {call}") == []
    assert found(f"{GOOD}\napplication = pixstore_application(django, user_of=user)") == ["E006"]


def test_sessions_or_users_are_missing(found: Found) -> None:
    """E003 for each of them: the application needs both. A subclass of the middleware is enough."""
    assert found(MIDDLEWARE=[*MIDDLEWARE[:1], "no.such.middleware"]) == ["E003", "E003"]
    assert found(MIDDLEWARE=[MIDDLEWARE[0], f"{__name__}.OwnSessions", MIDDLEWARE[2]]) == []
    assert found(INSTALLED_APPS=[name for name in APPS if "sessions" not in name]) == ["E003"]
    assert found("from pixstore_asgi import PixstoreApp", MIDDLEWARE=MIDDLEWARE[:1]) == []


def test_the_cookie_for_a_deployment(found: Found) -> None:
    """W005 without HTTPS alone, and W006 if the cookie's path is not above the route. Only --deploy reports them."""
    assert found(deploy=True, SESSION_COOKIE_SECURE=False) == ["W005"]
    assert found(SESSION_COOKIE_SECURE=False) == []
    assert found(deploy=True, SESSION_COOKIE_PATH="/app") == ["W006"]
    assert found(deploy=True, SESSION_COOKIE_PATH="/app/", PIXSTORE_ROUTE="/app/pictures") == []


def test_the_store_for_a_deployment(found: Found, tmp_path: Path) -> None:
    """E004 for a wrong secret, and E005 for a damaged database. A missing store is not created."""
    path = tmp_path / "pixstore.db"
    assert found(deploy=True, PIXSTORE=Pixstore(path, secret=SECRET)) == []
    assert not path.exists()
    SyncPixstore(Pixstore(path, secret=SECRET)).save_image(picture())
    assert found(deploy=True, PIXSTORE=Pixstore(path, secret=SECRET)) == []
    assert found(deploy=True, PIXSTORE=Pixstore(path, secret=OTHER_SECRET)) == ["E004"]
    path.write_bytes(b"no database" * 1000)
    assert found(deploy=True, PIXSTORE=Pixstore(path, secret=SECRET)) == ["E005"]


def test_fields_without_index_or_directories(found: Found) -> None:
    """W007 for a PictureField without an index, and W008 for a function without the directories that it returns."""
    assert found() == []
    field: Any = Album._meta.get_field("cover")
    with patch.object(field, "db_index", False):
        assert found() == ["W007"]
    with patch.object(field, "directories", None):
        assert found() == ["W008"]
