"""Django: no picture is deleted that a row names, and no row names a picture that is gone."""

import asyncio
import threading
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers import deserialize
from django.core.signals import request_finished
from django.db import connection, connections, models, transaction
from django.db.models.signals import pre_save
from django.test.utils import CaptureQueriesContext, override_settings

from pixstore_asgi.errors import ImageNotFound, InputError
from pixstore_asgi.integrations.django import PictureField
from pixstore_asgi.integrations.django.columns import columns_of
from pixstore_asgi.testing import SAMPLES, MemoryPixstore
from tests.integrations.test_django_fields import ON_BOTH, database, listed, pix, png, rolled_back, stored
from tests.support.django_setup import configure_django

if TYPE_CHECKING:
    from collections.abc import Callable

configure_django()

from tests.integrations.django_app.models import Album, Member, Photo  # noqa: E402  after Django is set up

_ = database, pix  # fixtures


@ON_BOTH
def test_rows_share_a_picture(pix: MemoryPixstore) -> None:
    """A picture that two rows name is deleted after the second one has let it go."""
    ann = Member.objects.create(name="Ann", avatar=png())
    bob = Member.objects.create(name="Bob", avatar=ann.avatar.name)
    shared = ann.avatar.name
    ann.avatar = png()
    ann.save()
    assert stored(pix) == {shared, ann.avatar.name}
    bob.delete()
    assert stored(pix) == {ann.avatar.name}


@ON_BOTH
def test_a_picture_that_is_gone_is_not_named(pix: MemoryPixstore) -> None:
    """A save, a bulk save and an update that name a deleted picture are refused, and no row is written."""
    ann = Member.objects.create(name="Ann", avatar=png())
    gone = str(ann.avatar.name)
    ann.delete()
    Member.objects.create(name="Bob")
    for write in (
        lambda: Member.objects.create(name="Eve", avatar=gone),
        lambda: Member.objects.bulk_create([Member(name="Eve", avatar=gone)]),
        lambda: Member.objects.update(avatar=gone),
    ):
        with pytest.raises(ImageNotFound, match="there is no picture"), transaction.atomic():
            write()
    with pytest.raises(InputError, match=r"without a transaction.*use transaction.atomic\(\)"):
        Member.objects.update(avatar=gone)
    assert list(Member.objects.values_list("name", "avatar")) == [("Bob", "")]


@ON_BOTH
def test_a_take_over_between_question_and_deletion(pix: MemoryPixstore) -> None:
    """The save that names the picture at that moment waits, and then finds that it is gone."""
    ann = Member.objects.create(name="Ann", avatar=png())
    taken = str(ann.avatar.name)
    outcome: list[type[BaseException] | None] = []
    wrapper = connections["default"]

    def take_over() -> None:
        connections["default"] = type(wrapper)(wrapper.settings_dict)
        try:
            Member.objects.create(name="Bob", avatar=taken)
            outcome.append(None)
        except Exception as error:
            outcome.append(type(error))
        finally:
            connections["default"].close()

    thread = threading.Thread(target=take_over)
    delete = pix.delete_image

    async def pause(image_id: str) -> bool:
        thread.start()
        await asyncio.to_thread(thread.join, 0.5)
        return await delete(image_id)

    with patch.object(pix, "delete_image", pause):
        ann.delete()
    thread.join(20)
    assert outcome == [ImageNotFound]
    assert (Member.objects.count(), stored(pix)) == (0, set())


@pytest.mark.parametrize("kind", ["update", "bulk_update", "text", "name", "create"])
def test_what_is_not_saved_is_refused(pix: MemoryPixstore, kind: str) -> None:
    """A file in a statement, and a text that is no id of the field's directories, are refused. Filters are not."""
    ann = Member.objects.create(name="Ann", avatar=png())
    kept = ann.avatar.name
    other = Album.objects.create(owner="eve", cover=png())

    def text() -> None:
        ann.avatar = "some/other.png"
        ann.save()

    def name() -> None:
        ann.avatar.name = str(other.cover.name)
        ann.save()

    def bulk() -> None:
        ann.avatar = png()
        Member.objects.bulk_update([ann], ["avatar"])

    writes: dict[str, tuple[Callable[[], object], str]] = {
        "update": (lambda: Member.objects.update(avatar=png()), "is not saved: assign it to an instance"),
        "bulk_update": (bulk, "is not saved: assign it to an instance"),
        "text": (text, r"takes pictures of its directories \(avatars\), not 'some/other.png'"),
        "create": (
            lambda: Member.objects.create(name="Eve", avatar=other.cover.name),
            r"takes pictures of its directories \(avatars\), not 'eve:",
        ),
        "name": (name, r"takes pictures of its directories \(avatars\), not 'eve:"),
    }
    write, reason = writes[kind]
    with pytest.raises(InputError, match=reason):
        write()
    assert Member.objects.get().avatar.name == kept
    assert Member.objects.filter(avatar="some/other.png").count() == 0
    assert Member.objects.filter(avatar__startswith="avatars:").exclude(avatar="x").count() == 1
    Member.objects.update(avatar=models.F("avatar"))
    Member.objects.bulk_update([Member.objects.get()], ["avatar"])
    assert Member.objects.get().avatar.name == kept


def test_a_name_from_before_the_move_stays(pix: MemoryPixstore) -> None:
    """A row may keep the path of a file that was not moved to the store yet, and can be given a picture."""
    Member.objects.create(name="Ann")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_app_member SET avatar = 'avatars/old.png'")
    ann = Member.objects.get()
    assert ann.avatar.name == "avatars/old.png"
    ann.name = "Anna"
    ann.save()
    Member.objects.bulk_update([ann], ["avatar"])
    assert Member.objects.get().avatar.name == "avatars/old.png"
    ann.avatar = png()
    ann.save()
    assert stored(pix) == {Member.objects.get().avatar.name}


def test_a_second_save_leaves_a_picture_that_was_replaced(pix: MemoryPixstore) -> None:
    """An instance that never used its picture does not write it, however often it is saved."""
    Member.objects.create(name="Ann", avatar=png())
    early, late = Member.objects.get(), Member.objects.get()
    early.name = "Anna"
    early.save()
    late.avatar = png()
    late.save()
    early.name = "Annie"
    early.save()
    ann = Member.objects.get()
    assert (ann.name, ann.avatar.name) == ("Annie", late.avatar.name)
    assert stored(pix) == {late.avatar.name}


def test_directories_of_a_field() -> None:
    """They are those of `upload_to`, as far as it is fixed, and the listed ones. A function needs a list."""
    taken = {
        PictureField(upload_to="a/b"): ("a-b:x", "a:x"),
        PictureField(upload_to="photos/%Y"): ("photos-2026:x", "other:x"),
        PictureField(upload_to="%Y"): ("2026:x", "x"),
        PictureField(): ("x", "a:x"),
        PictureField(upload_to=lambda *_: "x", directories=["user-*"]): ("user-1:x", "x"),
        PictureField(upload_to="a", directories=["*"]): ("b:x", "x"),
    }
    for field, (held, other) in taken.items():
        assert (field.holds(held), field.holds(other)) == (True, False), field.directories
    assert not PictureField(upload_to=lambda *_: "x").holds("x")


def test_a_function_without_directories_deletes_only_new_pictures(pix: MemoryPixstore) -> None:
    """The field deletes the pictures of a rollback, and leaves replaced ones."""
    (field,) = [each for each in Album._meta.concrete_fields if isinstance(each, PictureField)]
    with patch.object(field, "directories", None):
        album = Album.objects.create(owner="ann", cover=png())
        with rolled_back():
            Album.objects.create(owner="ann", cover=png())
        request_finished.send(sender=None)
        first = str(album.cover.name)
        assert stored(pix) == {first}
        album.cover = png()
        album.save()
        assert stored(pix) == {first, album.cover.name}


def test_a_field_of_the_setting(pix: MemoryPixstore) -> None:
    """A picture stays that a field of PIXSTORE_ALSO names. A field that does not exist is refused."""
    ann = Member.objects.create(name="Ann", avatar=png())
    name = str(ann.avatar.name)
    Photo.objects.create(title=name)
    with override_settings(PIXSTORE_ALSO=["django_app.Photo.title"]):
        ann.delete()
    assert stored(pix) == {name}
    for wrong in ("django_app.Photo.none", "nothing", "django_app.None.title"):
        with override_settings(PIXSTORE_ALSO=[wrong]), pytest.raises(ImproperlyConfigured, match="PIXSTORE_ALSO must"):
            list(columns_of("default"))


@ON_BOTH
def test_a_bulk_save_that_is_rolled_back_leaves_no_picture(pix: MemoryPixstore) -> None:
    """The pictures of bulk_create wait for the end of the request, as those of a save do."""
    with rolled_back():
        Member.objects.bulk_create([Member(name=name, avatar=png()) for name in ("Ann", "Bob")])
        assert len(stored(pix)) == 2
    request_finished.send(sender=None)
    assert not stored(pix)


def test_a_save_asks_nothing(pix: MemoryPixstore) -> None:
    """A commit with a new picture and its row needs no question. A replacement needs one."""
    with CaptureQueriesContext(connection) as captured:
        ann = Member.objects.create(name="Ann", avatar=png())
    assert not [query for query in captured if "SELECT" in query["sql"]]
    with CaptureQueriesContext(connection) as captured:
        ann.avatar = png()
        ann.save()
    assert len([query for query in captured if '"avatar" IN' in query["sql"]]) == 1


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_the_schema_of_a_tenant(pix: MemoryPixstore) -> None:
    """The question is asked in the schema that the transaction wrote to, also if it is set for the transaction only."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE SCHEMA tenant; CREATE TABLE tenant.django_app_member (LIKE django_app_member INCLUDING ALL)"
        )

    def in_schema(work: "Callable[[], object]") -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL search_path = tenant")
            work()

    def share() -> None:
        ann = Member.objects.create(name="Ann", avatar=png())
        Member.objects.create(name="Bob", avatar=ann.avatar.name)

    in_schema(share)
    in_schema(lambda: Member.objects.get(name="Ann").delete())
    assert len(stored(pix)) == 1
    in_schema(lambda: Member.objects.all().delete())
    assert not stored(pix)


def test_a_receiver_that_saves_the_instance_again(pix: MemoryPixstore) -> None:
    """The save around it still notes the picture that it replaces."""

    def save_again(instance: Member, update_fields: object = None, **_: object) -> None:
        if update_fields is None and instance.pk:
            instance.save(update_fields=["name"])

    ann = Member.objects.create(name="Ann", avatar=png())
    pre_save.connect(save_again, sender=Member)
    try:
        ann.avatar = png()
        ann.save()
    finally:
        pre_save.disconnect(save_again, sender=Member)
    assert stored(pix) == {Member.objects.get().avatar.name}


def test_an_error_of_a_receiver_leaves_the_transaction_usable(pix: MemoryPixstore) -> None:
    """As without a PictureField, the application may go on after an error before the row was written."""

    def refuse(**_: object) -> None:
        raise LookupError

    pre_save.connect(refuse, sender=Member)
    try:
        with transaction.atomic():
            with pytest.raises(LookupError):
                Member.objects.create(name="Ann")
            Photo.objects.create(title="kept")
    finally:
        pre_save.disconnect(refuse, sender=Member)
    assert Photo.objects.count() == 1


def test_a_fixture_may_come_before_its_pictures(pix: MemoryPixstore) -> None:
    """`loaddata` writes the names of a backup, before or without its store."""
    fixture = [{"model": "django_app.member", "pk": 1, "fields": {"name": "Ann", "avatar": "avatars:missing"}}]
    for loaded in deserialize("python", fixture):
        loaded.save()
    assert Member.objects.get().avatar.name == "avatars:missing"


def test_an_instance_that_has_looked_at_its_picture_leaves_a_newer_one(pix: MemoryPixstore) -> None:
    """Looking at the picture, and `refresh_from_db`, do not count as a change. An empty column does not, either."""
    Album.objects.create(owner="ann")
    Album.objects.update(cover=None)
    empty = Album.objects.get()
    looked, refreshed = Album.objects.get(), Album.objects.get()
    assert not looked.cover
    refreshed.refresh_from_db()
    newer = Album.objects.get()
    newer.cover = png()
    newer.save()
    for early in (empty, looked, refreshed):
        early.quota = 7
        early.save()
    assert stored(pix) == {Album.objects.get().cover.name}


@ON_BOTH
def test_two_names_of_one_database(pix: MemoryPixstore) -> None:
    """The command deletes also if the project has another name for its database."""
    left = pix.run(pix.save_image(SAMPLES["png"], directory="avatars")).id
    connections.settings["twin"] = connections["default"].settings_dict
    connections["twin"] = type(connections["default"])(connections["default"].settings_dict, "twin")
    try:
        assert listed("--delete") == {left}
    finally:
        connections["twin"].close()
        del connections.settings["twin"], connections["twin"]
    assert not stored(pix)
