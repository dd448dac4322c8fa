"""Django REST framework: uploads by serializers, and records for the page that asks."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.client import MULTIPART_CONTENT, encode_multipart
from django.test.utils import override_settings
from django.urls import path
from django.views.decorators.cache import cache_page

from pixstore_asgi.core.record import ImageRecord
from pixstore_asgi.errors import ConfigError
from pixstore_asgi.integrations.django.rest import RecordField
from pixstore_asgi.testing import SAMPLES, MemoryPixstore, SealedPage, image_in
from tests.support.django_setup import configure_django

configure_django()

from rest_framework import generics, serializers, views  # noqa: E402  after Django is set up
from rest_framework.parsers import FileUploadParser  # noqa: E402
from rest_framework.response import Response  # noqa: E402

from tests.integrations.django_app.models import Member, Photo  # noqa: E402


class MemberSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    class Meta:
        model = Member
        fields = ("id", "name", "avatar")


class UrlSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    avatar = serializers.ImageField()

    class Meta:
        model = Member
        fields = ("name", "avatar")


class PhotoSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    picture = RecordField(required=False)

    class Meta:
        model = Photo
        fields = ("title", "picture")


class TeamSerializer(serializers.Serializer):  # type: ignore[misc]
    head = MemberSerializer()
    members = MemberSerializer(many=True)


class Members(generics.ListCreateAPIView):  # type: ignore[misc]
    queryset = Member.objects.order_by("name")
    serializer_class = MemberSerializer


class OneMember(generics.RetrieveUpdateDestroyAPIView):  # type: ignore[misc]
    queryset = Member.objects.all()
    serializer_class = MemberSerializer


class Urls(generics.ListCreateAPIView):  # type: ignore[misc]
    queryset = Member.objects.order_by("name")
    serializer_class = UrlSerializer


class Photos(generics.ListCreateAPIView):  # type: ignore[misc]
    queryset = Photo.objects.all()
    serializer_class = PhotoSerializer


class RawUpload(views.APIView):  # type: ignore[misc]
    parser_classes = (FileUploadParser,)

    def put(self, request: Any, name: str) -> Response:
        Member.objects.create(name=name, avatar=request.data["file"])
        return Response(status=204)


class Routes:
    urlpatterns = (
        path("members", Members.as_view()),
        path("cached", cache_page(60)(Members.as_view())),
        path("members/<int:pk>", OneMember.as_view()),
        path("urls", Urls.as_view()),
        path("photos", Photos.as_view()),
        path("raw/<name>", RawUpload.as_view()),
    )


class CountingPixstore(MemoryPixstore):
    """A Pixstore that counts the queries for records."""

    asked: list[set[str]]

    async def get_image_records(self, image_ids: Any, **options: Any) -> Any:
        ids = set(image_ids)
        self.asked.append(ids)
        return await super().get_image_records(ids, **options)


@pytest.fixture(autouse=True)
def pix() -> Iterator[CountingPixstore]:
    pixstore = CountingPixstore()
    pixstore.asked = []
    middleware = ["pixstore_asgi.integrations.django.PixstoreErrors"]
    handlers = ["pixstore_asgi.integrations.django.MemoryUploadHandler"]
    settings = {"ROOT_URLCONF": Routes, "MIDDLEWARE": middleware, "FILE_UPLOAD_HANDLERS": handlers}
    with override_settings(PIXSTORE=pixstore, **settings):
        with connection.schema_editor() as editor:
            editor.create_model(Member)
            editor.create_model(Photo)  # a deletion asks all columns with pictures
        yield pixstore
        with connection.schema_editor() as editor:
            editor.delete_model(Photo)
            editor.delete_model(Member)


def png(data: bytes = SAMPLES["png"]) -> SimpleUploadedFile:
    return SimpleUploadedFile("me.png", data, "image/png")


def test_djangos_cache_stores_no_record(pix: CountingPixstore) -> None:
    """Its views and middleware do not look at Cache-Control no-store. The keys would reach other users, or a disk."""
    member = Member.objects.create(name="Ann", avatar=png())
    assert len(Client().get("/cached").json()) == 1
    member.delete()
    assert Client().get("/cached").json() == []


def test_an_upload_gets_its_record(pix: CountingPixstore) -> None:
    """POST saves the picture, PATCH replaces it and DELETE removes it; each answer with a record is no-store."""
    answer = Client().post("/members", {"name": "Ann", "avatar": png()})
    assert answer.status_code == 201, answer.content
    assert answer.headers["cache-control"] == "no-store"
    first = ImageRecord.parse(answer.json()["avatar"])
    assert Member.objects.get().avatar.name == first.id
    url = f"/members/{answer.json()['id']}"
    body = encode_multipart("B", {"avatar": png()})
    answer = Client().patch(url, body, MULTIPART_CONTENT.replace("BoUnDaRyStRiNg", "B"))
    second = ImageRecord.parse(answer.json()["avatar"])
    assert {image.id for image in pix.run(pix.list_images())} == {second.id} != {first.id}
    assert Client().delete(url).status_code == 204
    assert pix.run(pix.list_images()) == []
    answer = Client().post("/members", {"name": "Bob"})
    assert answer.json()["avatar"] is None
    assert "cache-control" not in answer.headers


def test_a_list_takes_one_query_for_its_records(pix: CountingPixstore) -> None:
    """Each field of a list asks once, also for related rows and lists; a second pass gets fresh records."""
    members = [Member.objects.create(name=name, avatar=png()) for name in ("Ann", "Bob", "Eve")]
    Member.objects.create(name="Zoe")
    answer = Client().get("/members")
    ids = {member.avatar.name for member in members}
    assert pix.asked == [ids]
    records = [row["avatar"] for row in answer.json()]
    assert [record and ImageRecord.parse(record).id for record in records] == [*(m.avatar.name for m in members), None]
    pix.asked.clear()
    request = answer.wsgi_request
    ann, bob, eve = members
    rows: list[dict[str, Any]] = [
        {"head": ann, "members": [bob]},
        {"head": bob, "members": Member.objects.filter(name__in=["Eve", "Zoe"])},
    ]
    list(rows[1]["members"])  # prefetched
    teams = TeamSerializer(rows, many=True, context={"request": request}).data
    assert [team["head"]["avatar"].id for team in teams] == [ann.avatar.name, bob.avatar.name]
    assert teams[1]["members"][0]["avatar"].id == eve.avatar.name
    assert pix.asked == [{ann.avatar.name, bob.avatar.name}, {bob.avatar.name, eve.avatar.name}]
    pix.asked.clear()
    pix.run(pix.delete_image(str(eve.avatar.name)))
    gone = MemberSerializer([eve, ann, eve], many=True, context={"request": request}).data
    assert [row["avatar"] and row["avatar"].id for row in gone] == [None, ann.avatar.name, None]
    assert len(pix.asked) == 1  # several rows share a picture
    pix.asked.clear()
    one = MemberSerializer(members[0], context={"request": request})
    assert one.data["avatar"].id == one.to_representation(members[0])["avatar"].id
    assert len(pix.asked) == 2
    with pytest.raises(ConfigError, match=r"context=\{\"request\": request\}"):
        _ = MemberSerializer(members[0]).data


def test_records_are_sealed_to_the_page(pix: CountingPixstore) -> None:
    """A page that sends its public key gets sealed records; a damaged key gets 400."""
    member = Member.objects.create(name="Ann", avatar=png())
    page = SealedPage()
    (row,) = Client().get("/members", headers=page.headers).json()
    assert "key" not in row["avatar"]["meta"]
    record = page.open(ImageRecord.parse(row["avatar"]))
    audience = "no session"
    payload = pix.run(
        pix.open_payload(member.avatar.name, token=record.token, proof=record.stateless_proof, audience=audience)
    )
    assert payload.whole is not None
    assert image_in(record, payload.whole) == SAMPLES["png"]
    answer = Client().get("/members", headers={"pixstore-recipient": "no key"})
    assert answer.status_code == 400


@pytest.mark.parametrize("names", [("members", "name", "avatar"), ("photos", "title", "picture")])
def test_a_refused_picture_is_an_error_of_its_field(names: tuple[str, str, str], pix: CountingPixstore) -> None:
    """A field that REST framework derives and a declared one answer 400 with the reason, and save nothing."""
    route, text, field = names
    answer = Client().post(f"/{route}", {text: "Ann", field: png(SAMPLES["gif"])})
    assert answer.status_code == 400
    assert "GIF is not among the image formats" in answer.json()[field][0]
    answer = Client().post(f"/{route}", {text: "Ann", field: png(b"no picture")})
    assert answer.status_code == 400
    assert Client().get(f"/{route}").json() == []
    assert pix.run(pix.list_images()) == []


def test_a_serializer_derives_its_field_from_the_model(pix: CountingPixstore) -> None:
    """A PictureField becomes a RecordField, which is optional as in the model. An ImageField needs a declared one."""
    field = MemberSerializer().fields["avatar"]
    assert isinstance(field, RecordField)
    assert not field.required
    answer = Client().post("/photos", {"title": "Lake", "picture": png()})
    assert answer.status_code == 201
    assert ImageRecord.parse(answer.json()["picture"]).id == Photo.objects.get().picture.name


def test_the_own_field_of_rest_framework_links_to_a_page() -> None:
    """Its URL is the address of a page, which shows the picture if the user may see it."""
    answer = Client().post("/urls", {"name": "Ann", "avatar": png()})
    assert answer.status_code == 201
    name = Member.objects.get().avatar.name
    assert answer.json()["avatar"] == f"http://testserver/pixstore-image/-/view/{name}"


def test_parsers_use_the_upload_handler(pix: CountingPixstore) -> None:
    """The picture as a whole body is saved; too long forms and bodies get 413."""
    client, named = Client(), {"content-disposition": "attachment; filename=me.png"}
    assert client.put("/raw/Ann", SAMPLES["png"], "image/png", headers=named).status_code == 204
    assert Member.objects.get().avatar.read() == SAMPLES["png"]
    limits = {"DATA_UPLOAD_MAX_MEMORY_SIZE": 100, "FILE_UPLOAD_MAX_MEMORY_SIZE": 100}
    with override_settings(PIXSTORE=MemoryPixstore(max_image_bytes=20), **limits):
        assert client.post("/members", {"name": "Bob", "avatar": png()}).status_code == 413
        assert client.put("/raw/Bob", bytes(121), "image/png", headers=named).status_code == 413
    assert Member.objects.count() == len(pix.run(pix.list_images())) == 1


@pytest.mark.slow
def test_without_rest_framework_the_error_has_the_pip_command() -> None:
    """The import names the package to install."""
    code = (
        "import sys; sys.modules['rest_framework.fields'] = None; from tests.support.django_setup import *;"
        "configure_django(); import pixstore_asgi.integrations.django.rest"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install djangorestframework" in child.stderr
