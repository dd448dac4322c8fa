"""Django: the pictures of a PictureField live and end with their rows."""

import copy
import gc
import io
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import Mock, patch
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.core.signals import request_finished
from django.db import DatabaseError, IntegrityError, InterfaceError, connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.migrations.writer import MigrationWriter
from django.forms import modelform_factory
from django.test import TestCase
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils.datastructures import MultiValueDict

from pixstore_asgi.errors import DirectoryFull, ImageNotFound, StoreBusy, StoreError
from pixstore_asgi.integrations.django import PictureField, PixstoreStorage
from pixstore_asgi.integrations.django.columns import DjangoRows
from pixstore_asgi.integrations.django.lifecycle import after_request
from pixstore_asgi.integrations.django.management.commands import pixstore_unnamed
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import SAMPLES, MemoryPixstore
from tests.support.django_setup import configure_django
from tests.support.postgres import Cluster

configure_django()

from tests.integrations.django_app.models import Album, Guest, Member, Photo  # noqa: E402  after Django is set up

ON_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> Iterator[None]:
    """The project's database."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield
        return
    with request.getfixturevalue("postgres").lent() as url:
        parts = urlsplit(url)
        names = {"NAME": parts.path[1:], "USER": parts.username, "PASSWORD": parts.password}
        place = {"ENGINE": "django.db.backends.postgresql", "HOST": parts.hostname, "PORT": parts.port}
        before = connections["default"]
        connections["default"] = PostgresWrapper({**before.settings_dict, **place, **names})
        yield
        connections["default"].close()
        connections["default"] = before


@pytest.fixture(autouse=True)
def pix(database: None) -> Iterator[MemoryPixstore]:
    pixstore = MemoryPixstore()
    with override_settings(PIXSTORE=pixstore):
        with connection.schema_editor() as editor:
            editor.create_model(Member)
            editor.create_model(Photo)
            editor.create_model(Album)
        yield pixstore
        request_finished.send(sender=None)
        with connection.schema_editor() as editor:
            editor.delete_model(Member)
            editor.delete_model(Photo)
            editor.delete_model(Album)


def png(name: str = "me.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, SAMPLES["png"], "image/png")


def stored(pix: MemoryPixstore) -> set[str]:
    return {image.id for image in pix.run(pix.list_images())}


class Wrong(Exception):
    """An error of the application."""


@contextmanager
def rolled_back() -> Iterator[None]:
    with suppress(Wrong), transaction.atomic():
        yield
        raise Wrong


@ON_BOTH
def test_a_rollback_deletes_the_new_picture(pix: MemoryPixstore) -> None:
    """At the end of the request, and also for a savepoint; an outer commit keeps the pictures of the outer block."""
    with rolled_back():
        Member.objects.create(name="Ann", avatar=png())
        assert len(stored(pix)) == 1
    request_finished.send(sender=None)
    assert not stored(pix)
    with transaction.atomic():
        ann = Member.objects.create(name="Ann", avatar=png())
        with pytest.raises(IntegrityError), transaction.atomic():
            Member.objects.create(name="Ann", avatar=png())
        after_request()  # the transaction still runs
        assert stored(pix) >= {ann.avatar.name}
    request_finished.send(sender=None)
    assert stored(pix) == {Member.objects.get().avatar.name}


@ON_BOTH
def test_a_rollback_keeps_a_picture_that_another_row_has(pix: MemoryPixstore) -> None:
    """The row of another transaction has taken it over."""
    ann = Member(name="Ann")
    ann.avatar.save("me.png", png(), save=False)
    Member.objects.create(name="Bob", avatar=ann.avatar.name)
    with rolled_back():
        ann.save()
    request_finished.send(sender=None)
    assert stored(pix) == {Member.objects.get().avatar.name}


@ON_BOTH
def test_a_replaced_picture_goes_after_the_commit(pix: MemoryPixstore) -> None:
    """Until then both are there; a rollback keeps the old one, and deletes the new one."""
    first = Member.objects.create(name="Ann", avatar=png()).avatar.name
    with rolled_back():
        ann = Member.objects.get()
        ann.avatar = png()
        ann.save()
        assert len(stored(pix)) == 2
    request_finished.send(sender=None)
    assert stored(pix) == {first} == {Member.objects.get().avatar.name}
    for change in ("assign", "save", "form"):
        ann = Member.objects.get()
        with transaction.atomic():
            if change == "assign":
                ann.avatar = png()
                ann.save()
            elif change == "save":
                ann.avatar.save("me.png", ContentFile(SAMPLES["png"]))
            else:
                files: Any = MultiValueDict({"avatar": [png()]})
                modelform_factory(Member, fields=["name", "avatar"])({"name": "Ann"}, files, instance=ann).save()
            assert len(stored(pix)) == 2
        assert stored(pix) == {Member.objects.get().avatar.name}, change
    assert first not in stored(pix)


@ON_BOTH
def test_without_a_transaction_the_same_holds(pix: MemoryPixstore) -> None:
    """A save in autocommit mode deletes the old picture; a failed insert leaves none once its instance is gone."""
    ann = Member.objects.create(name="Ann", avatar=png())
    ann.avatar = png()
    ann.save()
    assert stored(pix) == {ann.avatar.name}
    with pytest.raises(IntegrityError):
        Member.objects.create(name="Ann", avatar=png())
    gc.collect()
    request_finished.send(sender=None)
    assert stored(pix) == {ann.avatar.name}


@ON_BOTH
def test_a_removed_picture_and_a_deleted_row(pix: MemoryPixstore) -> None:
    """The form's checkbox, the file's own delete, a row's and a query's delete all wait for the commit."""
    form = modelform_factory(Member, fields=["name", "avatar"])
    ann = Member.objects.create(name="Ann", avatar=png())
    with transaction.atomic():
        form({"name": "Ann", "avatar-clear": "on"}, instance=ann).save()
        assert len(stored(pix)) == 1
    assert not stored(pix)
    for remove in (lambda: Member.objects.get().avatar.delete(), lambda: Guest.objects.get().delete()):
        Member.objects.update(avatar="")
        ann = Member.objects.get()
        ann.avatar = png()
        ann.save()
        with rolled_back():
            remove()
        assert Member.objects.get().avatar.read() == SAMPLES["png"]
        with transaction.atomic():
            remove()
            assert len(stored(pix)) == 1
        assert not stored(pix)
    Member.objects.create(name="Ann", avatar=png())
    Guest.objects.create(name="Bob", avatar=png())
    assert len(stored(pix)) == 2
    Member.objects.only("name").delete()
    assert not stored(pix)


def test_a_picture_that_a_row_has_stays(pix: MemoryPixstore) -> None:
    """Two rows with one id, an update of other columns, and a read of the row again delete nothing."""
    ann = Member.objects.create(name="Ann", avatar=png())
    bob = Member.objects.create(name="Bob", avatar=ann.avatar.name)
    bob.delete()
    ann.avatar = png()
    ann.save(update_fields=["name"])
    ann.refresh_from_db()
    ann.save()
    assert stored(pix) == {ann.avatar.name}


@ON_BOTH
def test_hooks_that_fail_delete_no_picture_of_a_row(pix: MemoryPixstore) -> None:
    """An error of the application's own hook drops all later hooks after the commit, which is no rollback."""

    def fail() -> None:
        raise Wrong

    with suppress(Wrong), transaction.atomic():
        transaction.on_commit(fail)
        Member.objects.create(name="Ann", avatar=png())
    gc.collect()
    request_finished.send(sender=None)
    assert stored(pix) == {Member.objects.get().avatar.name}


def test_an_error_of_a_hook_that_is_kept_deletes_no_picture(pix: MemoryPixstore) -> None:
    """Its traceback has the dropped hooks. It may end in a later transaction, which looks like a rollback then."""

    def fail() -> None:
        raise Wrong

    kept: list[Exception] = []
    try:
        with transaction.atomic():
            transaction.on_commit(fail)
            ann = Member.objects.create(name="Ann", avatar=png())
    except Wrong as error:
        kept.append(error)
    with transaction.atomic():
        Member.objects.create(name="Bob")
    with transaction.atomic():
        Member.objects.create(name="Eve")
        kept.clear()
        gc.collect()
    assert stored(pix) == {ann.avatar.name}


def test_the_hooks_of_a_test_case_keep_their_order(pix: MemoryPixstore) -> None:
    """`captureOnCommitCallbacks` returns those that are added within it."""
    early, late = Mock(), Mock()
    block: Any = transaction.atomic()
    block._from_testcase = True  # as TestCase does
    with block:
        Member.objects.create(name="Ann", avatar=png())
        transaction.on_commit(early)
        with TestCase.captureOnCommitCallbacks() as captured:
            Member.objects.create(name="Bob", avatar=png())
            transaction.on_commit(late)
    assert early not in captured
    assert late in captured


def test_a_save_of_other_columns_keeps_a_newer_picture(pix: MemoryPixstore) -> None:
    """An instance that was read before does not write the name of the deleted picture. A name that it was given counts,
    also with a file in the instance.
    """
    Member.objects.create(name="Ann", avatar=png())
    early, late = Member.objects.get(), Member.objects.get()
    late.avatar = png()
    late.save()
    early.name = "Anna"
    early.save()
    ann = Member.objects.get()
    assert (ann.name, stored(pix)) == ("Anna", {ann.avatar.name})
    bob = Member.objects.create(name="Bob", avatar=png())
    for change in ("assign", "rename", "remove"):
        ann = Member.objects.get(name="Anna")
        if change == "rename":
            ann.avatar.name = ""
        else:
            ann.avatar = bob.avatar.name if change == "assign" else ""
        ann.save()
        assert Member.objects.get(name="Anna").avatar.name == (bob.avatar.name if change == "assign" else "")
    Member.objects.update(avatar="")
    early.save(force_update=True)
    early.pk = None
    early.name = "Copy"
    with suppress(ImageNotFound):  # before Django 6, whose save reads the row's own picture
        early.save()
    assert set(Member.objects.exclude(avatar="").values_list("avatar", flat=True)) <= stored(pix)


def test_a_deletion_of_many_rows_asks_once(pix: MemoryPixstore) -> None:
    """No index helps to find the rows of a picture, so a query for each deleted row would take long."""
    for name in ("Ann", "Bob", "Eve"):
        Member.objects.create(name=name, avatar=png())
    with CaptureQueriesContext(connection) as captured:
        Member.objects.all().delete()
    assert len([query for query in captured if '"avatar" IN' in query["sql"]]) == 1
    assert not stored(pix)


def test_a_picture_that_another_model_has_taken_over_stays(pix: MemoryPixstore) -> None:
    """A row of another model or column has its id, as in an archive. Its own row is deleted, or has another picture."""
    ann, bob = (Member.objects.create(name=name, avatar=png()) for name in ("Ann", "Bob"))
    kept = {Photo.objects.create(title=each.name, picture=each.avatar.name).picture.name for each in (ann, bob)}
    ann.delete()
    bob.avatar = png()
    bob.save()
    assert stored(pix) == {*kept, bob.avatar.name}


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_lost_connection_is_no_certain_rollback(pix: MemoryPixstore, postgres: Cluster) -> None:
    """The picture stays, because the commit may be under way. The command finds it."""
    with suppress(DatabaseError), transaction.atomic():
        Member.objects.create(name="Ann", avatar=png())
        postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in%'")
    request_finished.send(sender=None)
    assert len(stored(pix)) == 1
    assert listed() == stored(pix)


@ON_BOTH
def test_an_instance_can_be_saved_again_after_a_rollback(pix: MemoryPixstore) -> None:
    """Its picture waits for the next commit or the end of the request. A row that names it later is refused."""
    Member.objects.create(name="Ann")
    bob = Member(name="Ann", avatar=png())
    with pytest.raises(IntegrityError), transaction.atomic():
        bob.save()
    bob.name = "Bob"
    bob.save()
    assert stored(pix) == {Member.objects.get(name="Bob").avatar.name}
    eve = Member(name="Eve")
    with rolled_back():
        eve.avatar.save("me.png", ContentFile(SAMPLES["png"]))
    request_finished.send(sender=None)
    with pytest.raises(ImageNotFound, match=r"there is no picture avatars:.*assign the file again"):
        eve.save()
    eve.avatar = png()
    eve.save()
    assert len(stored(pix)) == 2


def test_a_picture_that_cannot_be_deleted_now(pix: MemoryPixstore, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the ids, and the command finds them."""
    Member.objects.create(name="Ann", avatar=png())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SyncPixstore, "delete_image", Mock(side_effect=StoreBusy("the store is busy")))
        with rolled_back():
            Member.objects.create(name="Bob", avatar=png())
        Member.objects.all().delete()
    assert len(stored(pix)) == 2
    (record,) = caplog.records
    assert set(vars(record)["image_id"].split(", ")) == stored(pix) == listed()


def test_a_closed_connection_breaks_no_request(pix: MemoryPixstore, caplog: pytest.LogCaptureFixture) -> None:
    """Some drivers raise InterfaceError, which is no DatabaseError. The pictures stay, and the log names them."""
    Member.objects.create(name="Ann", avatar=png())
    with pytest.raises(IntegrityError):
        Member.objects.create(name="Ann", avatar=png())
    gc.collect()
    with patch.object(DjangoRows, "named_among", side_effect=InterfaceError("closed")):
        request_finished.send(sender=None)
    (record,) = caplog.records
    assert vars(record)["image_id"] in stored(pix)
    assert len(stored(pix)) == 2


def test_bulk_create_keeps_its_pictures(pix: MemoryPixstore) -> None:
    """The pictures of rows that no save wrote are left alone, also after their instances are gone."""
    Member.objects.bulk_create([Member(name="Ann", avatar=png()), Member(name="Bob", avatar=png())])
    gc.collect()
    request_finished.send(sender=None)
    assert stored(pix) == {member.avatar.name for member in Member.objects.all()}
    assert len(stored(pix)) == 2


def test_async_code_saves_and_reads(pix: MemoryPixstore) -> None:
    """The async methods of models, as in an async view; files are read in a thread."""

    async def use() -> None:
        ann = await Member.objects.acreate(name="Ann", avatar=png())
        ann.avatar = png()
        await ann.asave()
        assert await sync_to_async(lambda: ann.avatar.read())() == SAMPLES["png"]
        assert {image.id for image in await pix.list_images()} == {ann.avatar.name}
        with pytest.raises(StoreError, match="called in an event loop"):
            PixstoreStorage().open(str(ann.avatar.name))
        await ann.adelete()

    async_to_sync(use)()
    assert not stored(pix)


def test_copies_and_pickles_of_instances() -> None:
    """They have the picture's name, and no state of the original's save."""
    ann = Member(name="Ann", avatar=png())
    ann.avatar.save("me.png", png(), save=False)
    for twin in (pickle.loads(pickle.dumps(ann)), copy.deepcopy(ann)):  # noqa: S301
        assert twin.avatar.name == ann.avatar.name


def listed(*options: str) -> set[str]:
    out = io.StringIO()
    call_command("pixstore_unnamed", *options, stdout=out)
    return set(out.getvalue().split())


def test_the_command_finds_pictures_without_a_row(pix: MemoryPixstore) -> None:
    """After a kill or QuerySet.update; not those of the last hour, of another directory or of any row."""
    ann = Member.objects.create(name="Ann", avatar=png())
    left = Member.objects.create(name="Bob", avatar=png()).avatar.name
    Member.objects.filter(name="Bob").update(avatar="")
    other = PixstoreStorage().save("me.png", png())
    assert left
    assert listed("--grace-s", "1e9") == set()
    assert listed() == {left, other}  # the clock of MemoryPixstore stands still, years ago
    assert listed("--directory", "avatars", "--delete") == {left}
    assert stored(pix) == {ann.avatar.name, other}


def test_the_command_refuses_to_run_without_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no model names pictures, it would delete all of them."""
    monkeypatch.setattr(pixstore_unnamed, "columns_of", lambda _: iter(()))
    with pytest.raises(CommandError, match="nothing names pictures"):
        listed("--delete")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (SAMPLES["gif"], "GIF is not among the image formats accepted here"),
        (SAMPLES["png"] + bytes(200_000), "larger than 100000 bytes"),
        (SAMPLES["jpg"][:-200], "truncated|corrupted"),  # some versions of Pillow notice it first
    ],
)
def test_a_form_refuses_pictures_that_the_store_would(data: bytes, named: str) -> None:
    """Their errors stand at the field, before anything is saved."""
    with override_settings(PIXSTORE=MemoryPixstore(max_image_bytes=100_000)):
        ann = Member(name="Ann", avatar=SimpleUploadedFile("me.png", data))
        with pytest.raises(ValidationError, match=named) as caught:
            ann.full_clean()
        assert set(caught.value.message_dict) == {"avatar"}
        files: Any = MultiValueDict({"avatar": [SimpleUploadedFile("me.png", data)]})
        form = modelform_factory(Member, fields=["name", "avatar"])({"name": "Ann"}, files)
        assert re.search(named, str(form.errors["avatar"]))
        ann.avatar = png()
        ann.full_clean()
        ann.save()
        ann.full_clean()


def test_a_full_directory(pix: MemoryPixstore) -> None:
    """A save that exceeds a limit of the field is refused before its row is written. A limit may depend on the row."""
    for owner, quota in [("ann", None), ("ann", 10_000_000), ("bob", 10_000_000)]:
        Album.objects.create(owner=owner, quota=quota, cover=png())
    for owner, quota in [("ann", None), ("bob", 10)]:
        with pytest.raises(DirectoryFull):
            Album.objects.create(owner=owner, quota=quota, cover=png())
    assert stored(pix) == set(Album.objects.values_list("cover", flat=True))
    assert len(stored(pix)) == 3


def test_migrations_name_the_field() -> None:
    """A migration contains the public import path, without the storage, the validators and the limits."""
    limited, _ = MigrationWriter.serialize(PictureField(upload_to="a", max_directory_bytes=lambda row: row.quota))
    assert limited == "pixstore_asgi.integrations.django.PictureField(upload_to='a')"
    written, _ = MigrationWriter.serialize(Member._meta.get_field("avatar"))
    assert written == "pixstore_asgi.integrations.django.PictureField(blank=True, db_index=True, upload_to='avatars')"
    (column,) = [each for each in Member._meta.concrete_fields if isinstance(each, PictureField)]
    assert isinstance(column.clone(), PictureField)
