"""The ASGI application of a Django project: Django, and beside it the images and their records."""

from typing import Unpack

from django.apps import apps
from django.contrib.auth import get_user
from starlette.types import Receive, Scope, Send

from ...asgi.app import AnyASGIApp, PixstoreMiddleware, ServingOptions
from ...asgi.http import route_path
from ...asgi.records import RecordsApp
from ...errors import ConfigError
from .page import PAGE_PATH, RECORDS_PATH, VIEW_PATH, PageFiles
from .sessions import ManyRule, SessionRules, UserOf, UserRule
from .setting import get_pixstore, get_route

_NEEDED = ("django.contrib.auth", "django.contrib.sessions")


def pixstore_application(
    django: AnyASGIApp,
    *,
    authorize: UserRule | None = None,
    authorize_many: ManyRule | None = None,
    user_of: UserOf | None = None,
    **serving_options: Unpack[ServingOptions],
) -> AnyASGIApp:
    """Return the ASGI application of a project: Django, and the images of the setting PIXSTORE at PIXSTORE_ROUTE.

    It opens the Pixstore at the server's startup and closes it at the shutdown. Below the route, `/-/records` is a
    RecordsApp, and `/-/view/{image id}` a page that shows the image. The rule receives the user of the session's
    cookie, as `request.user` of a view, or an AnonymousUser. Proofs and records are bound to the session, so they are
    invalid after its end. Each request loads session and user once.

    Args:
        django: The result of this package's `get_asgi_application()`, or an application around it.
        authorize: A plain or async function of user and image id. Only True admits the user. PermissionDenied,
            Http404 and ObjectDoesNotExist refuse too. A plain function runs in a thread, so it may use the database.
        authorize_many: Replaces `authorize`: a function of the user and a list of ids. It returns the ids that the user
            may see.
        user_of: For other logins, such as by a token: a plain function of the request. It returns the user, or None.
            Middleware does not run before it, but the request has its session. Default: the session's user, as
            `django.contrib.auth.get_user` returns it.
        serving_options: The other options of PixstoreApp, except `audience`.

    Raises:
        ConfigError: An option has an invalid value, or the project has no sessions or users.
        ImproperlyConfigured: The setting PIXSTORE is not a Pixstore.
    """
    missing = [name for name in _NEEDED if not apps.is_installed(name)]
    if missing:
        raise ConfigError(f"pixstore_application needs {' and '.join(missing)} in INSTALLED_APPS")
    pixstore, route = get_pixstore(), get_route()
    rules = SessionRules(authorize, authorize_many, user_of or get_user)
    records = RecordsApp(pixstore, authorize_many=rules.admitted, audience=rules.audience_of_records)
    page_files = PageFiles()
    images = PixstoreMiddleware(
        django,
        pixstore,
        route=route,
        authorize_many=rules.admitted,
        audience=rules.audience_of_images,
        **serving_options,
    )

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        path = route_path(scope) if scope["type"] == "http" else ""
        if path == route + RECORDS_PATH:
            await records(scope, receive, send)
        elif path == route + PAGE_PATH or path.startswith(route + VIEW_PATH + "/"):
            await page_files(scope, receive, send)
        else:
            await images(scope, receive, send)

    return application
