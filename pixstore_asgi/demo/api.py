"""The JSON API of the page: pictures, records for the visible pictures, logins, and faults on purpose."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .background import Background
from .faults import Faults
from .gallery import Entry, Gallery
from .logins import Logins

MOST_RECORDS = 100
"""Most records in one answer: keys leave the server only for the pictures that a page shows."""

_NO_STORE = {"Cache-Control": "no-store"}
_SWITCH = {"true": True, "false": False}


class LoginApi:
    """GET returns the guest of the page or null, POST signs in, DELETE signs out."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    async def respond(self, request: Request) -> Response:
        if request.method == "POST":
            return self._logins.start(request)
        if request.method == "DELETE":
            return self._logins.end(request)
        return JSONResponse({"guest": self._logins.guest(request)}, headers=_NO_STORE)


class Api:
    """The routes for a page that is signed in."""

    def __init__(self, gallery: Gallery, faults: Faults, background: Background) -> None:
        self._gallery = gallery
        self._faults = faults
        self._background = background

    def routes(self) -> list[Route]:
        return [
            Route("/pictures", self.list_all, methods=["GET"]),
            Route("/pictures", self.upload, methods=["POST"]),
            Route("/pictures/{image_id}", self.update, methods=["PUT"]),
            Route("/pictures/{image_id}", self.delete, methods=["DELETE"]),
            Route("/records", self.records, methods=["GET"]),
            Route("/faults/truncation", self.truncate, methods=["POST"]),
            Route("/faults/restart", self.restart, methods=["POST"]),
        ]

    async def list_all(self, request: Request) -> Response:
        return JSONResponse(self._gallery.listing(), headers=_NO_STORE)

    async def records(self, request: Request) -> Response:
        image_ids = request.query_params.getlist("id")
        if len(image_ids) > MOST_RECORDS:
            return JSONResponse({"detail": f"ask for at most {MOST_RECORDS} records at once"}, 400, headers=_NO_STORE)
        entries = await self._gallery.entries(image_ids)
        return JSONResponse({"pictures": [entry.as_json() for entry in entries]}, headers=_NO_STORE)

    async def upload(self, request: Request) -> Response:
        strips = _SWITCH.get(request.query_params.get("strip_metadata", "true"))
        if strips is None:
            return JSONResponse({"detail": "strip_metadata is true or false"}, 400, headers=_NO_STORE)
        # The body stays in memory. An UploadFile would be on the disk in clear.
        return _with_record(await self._gallery.add(request.stream(), strip_metadata=strips), status=201)

    async def update(self, request: Request) -> Response:
        return _with_record(await self._gallery.replace(_image_id(request)))

    async def delete(self, request: Request) -> Response:
        await self._gallery.remove(_image_id(request))
        return Response(status_code=204, headers=_NO_STORE)

    async def truncate(self, request: Request) -> Response:
        self._faults.cut_next(self._gallery.known(request.query_params.getlist("id")))
        return Response(status_code=204, headers=_NO_STORE)

    async def restart(self, request: Request) -> Response:
        if self._faults.begin_outage():
            self._background.start(self._faults.restart())
        return Response(status_code=202, headers=_NO_STORE)


def _image_id(request: Request) -> str:
    return str(request.path_params["image_id"])


def _with_record(entry: Entry, status: int = 200) -> JSONResponse:
    # A record holds the key of the image, so no cache may store it.
    return JSONResponse(entry.as_json(), status, headers=_NO_STORE)
