"""`pixstore-asgi copy`, run as users run it: its output, its exit codes, and the state after a kill."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore, Variant
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.cli.copy_commands import copy
from pixstore_asgi.store.connect import connect
from tests.demo.process import run as run_process
from tests.support.postgres import PASSWORD, Cluster
from tests.support.s3 import S3Server
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture
from tests.support.sqlite import query
from tests.transfer.copies import Content, content_of

COUNT = 30
LAST_PASS = "When the source gets no more writes, run the same command a last time to copy the changes since."


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A database of 30 images."""
    return make(tmp_path / "source.db", SECRET)


def make(path: Path, secret: str | None) -> Path:
    async def save_all() -> None:
        async with Pixstore(path, secret=secret) as pix:
            for seed in range(COUNT):
                await pix.save_image(picture(seed=seed), directory="players")

    asyncio.run(save_all())
    return path


async def save_one(path: Path) -> str:
    async with Pixstore(path, secret=SECRET) as pix:
        return (await pix.save_image(picture())).id


def content(path: Path | str, blobs: str | None = None) -> Content:
    async def read() -> Content:
        store = connect(path, blobs)
        await store.open()
        try:
            return await content_of(store)
        finally:
            await store.close()

    return asyncio.run(read())


def run(source: object, target: object, *more: str, secret: str | None = SECRET) -> Result:
    arguments = ["copy", "--from", str(source), "--to", str(target), *more]
    return CliRunner().invoke(commands, arguments, env={"PIXSTORE_SECRET": secret})


def test_help_and_options_are_complete() -> None:
    """Every option explains itself, and the help says how the last pass is made."""
    for option in copy.params:
        assert isinstance(option, click.Option)
        assert option.help
    assert "run the command a last time" in " ".join(CliRunner().invoke(commands, ["copy", "--help"]).output.split())


@pytest.mark.slow
def test_all_goes_well(source: Path, tmp_path: Path) -> None:
    """A pass reports its counts, that one more pass is needed, and the secret that opens the target. So does the next
    one.
    """
    target = tmp_path / "target.db"
    first = run_process("copy", "--from", str(source), "--to", f"sqlite:///{target}", secret=SECRET)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == [
        f"{COUNT} images copied to {target}",
        "It opens with the source's secret.",
        LAST_PASS,
    ]
    assert content(target) == content(source)
    second = run(source, target)
    assert (second.exit_code, second.stderr) == (0, "")
    assert second.stdout.splitlines() == [
        f"0 images copied to {target}",
        f"{COUNT} images skipped, there already",
        "It opens with the source's secret.",
    ]


def test_a_deletion_is_told(source: Path, tmp_path: Path) -> None:
    """Images deleted since the earlier pass are counted as deleted, and in a dry run as to be deleted."""
    run(source, tmp_path / "target.db")
    gone = content(source).images[0].id

    async def delete() -> None:
        async with Pixstore(source, secret=SECRET) as pix:
            await pix.delete_image(gone)

    asyncio.run(delete())
    dry = run(source, tmp_path / "target.db", "--dry-run")
    assert "1 image would be deleted there" in dry.stdout.splitlines()
    done = run(source, tmp_path / "target.db")
    assert (done.exit_code, "1 image deleted there, as in the source" in done.stdout.splitlines()) == (0, True)
    assert content(tmp_path / "target.db") == content(source)


def test_dry_run_makes_nothing(source: Path, tmp_path: Path) -> None:
    """--dry-run reports the planned copy, and leaves neither database nor lock."""
    before = sorted(os.listdir(tmp_path))
    result = run(source, tmp_path / "target.db", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{COUNT} images would be copied to {tmp_path / 'target.db'}; nothing was written\n"
    assert sorted(os.listdir(tmp_path)) == before


def test_the_wrong_secret_writes_nothing(source: Path, tmp_path: Path) -> None:
    """With another secret than the source's there is one line, and no target is made."""
    before = sorted(os.listdir(tmp_path))
    result = run(source, tmp_path / "target.db", secret=OTHER_SECRET)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "the store was written with secret" in result.stderr
    assert sorted(os.listdir(tmp_path)) == before


def test_without_a_secret_images_are_copied_unchecked(source: Path, tmp_path: Path) -> None:
    """No secret is needed; that nothing was decrypted is said."""
    result = run(source, tmp_path / "target.db", secret=None)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "No secret was found, so the images were copied without being decrypted to check them." in result.stdout
    assert content(tmp_path / "target.db") == content(source)
    assert not (tmp_path / "target.db.key").exists()


def test_the_key_file_is_for_the_user_to_copy(tmp_path: Path) -> None:
    """A key file is neither copied nor shown. The output says how to provide it, until that is done."""
    source, target = make(tmp_path / "source.db", None), tmp_path / "target.db"
    held, wanted = tmp_path / "source.db.key", tmp_path / "target.db.key"
    advice = f"It opens with the secret in {held}: copy that file to {wanted}, or set PIXSTORE_SECRET to its content."
    first = run(source, target, secret=None)
    assert (first.exit_code, first.stdout.splitlines()[1]) == (0, advice)
    assert not wanted.exists()
    wanted.write_text(f"{OTHER_SECRET}\n")
    wanted.chmod(0o600)
    assert advice in run(source, target, secret=None).stdout
    wanted.write_bytes(held.read_bytes())
    second = run(source, target, secret=None)
    assert second.stdout.splitlines()[-1] == f"It opens with the secret in {wanted}."
    assert held.read_text().strip() not in first.output + second.output

    async def read() -> None:
        async with Pixstore(target) as pix:
            assert len(await pix.list_images()) == COUNT

    asyncio.run(read())


def test_a_copy_goes_into_postgresql(tmp_path: Path, postgres: Cluster) -> None:
    """A store's URL is named without its password; a secret that lay in a key file is for the environment there."""
    source, url = make(tmp_path / "source.db", None), f"{postgres.url()}?schema=copy_{abs(hash(tmp_path))}"
    result = run(source, url, secret=None)
    assert (result.exit_code, result.stderr) == (0, "")
    copied, secret, last_pass = result.stdout.splitlines()
    assert copied.startswith(f"{COUNT} images copied to postgresql://")
    assert secret == f"It opens with the secret in {source}.key: set PIXSTORE_SECRET to the content of that file."
    assert (last_pass, PASSWORD in result.output) == (LAST_PASS, False)
    again = run(url, url, secret=None)
    assert (again.exit_code, "--to and --from name the same store" in again.stderr) == (2, True)
    back = run(url, tmp_path / "back.db", secret=(tmp_path / "source.db.key").read_text().strip())
    assert (back.exit_code, back.stdout.splitlines()[0]) == (0, f"{COUNT} images copied to {tmp_path / 'back.db'}")
    assert content(tmp_path / "back.db") == content(source)


def schemas(cluster: Cluster) -> set[str]:
    return set(cluster.run("SELECT nspname FROM pg_namespace").split())


def test_nothing_is_made_in_postgresql_unasked(source: Path, tmp_path: Path, postgres: Cluster) -> None:
    """Neither a dry run nor a source that is misspelt makes tables, and the latter is named as it was written."""
    before = schemas(postgres)
    dry = run(source, f"{postgres.url()}?schema=dry_{abs(hash(tmp_path))}", "--dry-run")
    assert (dry.exit_code, dry.stderr) == (0, "")
    assert dry.stdout.startswith(f"{COUNT} images would be copied to postgresql://")
    missing = run(f"{postgres.url()}?schema=missing", tmp_path / "target.db")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert f"there is no store at postgresql://127.0.0.1:{postgres.port}/postgres?schema=missing" in missing.stderr
    assert (schemas(postgres), (tmp_path / "target.db").exists()) == (before, False)


def test_one_database_by_two_names_is_noticed(source: Path, tmp_path: Path, postgres: Cluster) -> None:
    """A database by another spelling of its URL is no target of its own copy; another schema of it is one."""
    url = f"{postgres.url()}?schema=spelt_{abs(hash(tmp_path))}"
    assert run(source, url).exit_code == 0
    for again in (f"{url}&application_name=other", url.replace("127.0.0.1", "localhost"), url.replace("ql:", ":")):
        result = run(url, again)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1), again
        assert "the source can't be copied onto itself" in result.stderr
    other = run(url, url.replace("spelt", "another"))
    copied = other.stdout.splitlines()[0]
    assert (other.exit_code, copied.endswith(f"?schema=another_{abs(hash(tmp_path))}")) == (0, True)


@pytest.mark.slow
def test_bodies_go_into_a_bucket_and_back(source: Path, tmp_path: Path, s3: S3Server) -> None:
    """With --to-blobs the target has its bodies in a bucket, from where --from-blobs takes them."""
    bucket = s3.url(f"copy-{abs(hash(tmp_path))}")
    there = run(source, tmp_path / "there.db", "--to-blobs", bucket)
    assert (there.exit_code, there.stderr) == (0, "")
    assert query(tmp_path / "there.db", "SELECT count(*) FROM chunk") == [(0,)]
    shared = run(tmp_path / "there.db", tmp_path / "back.db", "--from-blobs", bucket, "--to-blobs", bucket)
    assert (shared.exit_code, "need two places" in shared.stderr) == (2, True)
    elsewhere = run(tmp_path / "there.db", tmp_path / "none.db", "--from-blobs", f"{bucket}".replace("?", "-not?"))
    assert (elsewhere.exit_code, elsewhere.stdout.splitlines()[0]) == (1, f"0 images copied to {tmp_path / 'none.db'}")
    assert "missing from the bucket" in elsewhere.stdout
    assert "No image could be read: check that --from-blobs" in elsewhere.stdout
    asyncio.run(save_one(source))
    without = run(source, tmp_path / "there.db")
    assert (without.exit_code, "but --to-blobs was not given" in without.stdout) == (0, True)
    assert "--to-blobs was not given" not in run(source, tmp_path / "there.db").stdout
    back = run(tmp_path / "there.db", tmp_path / "back.db", "--from-blobs", bucket)
    assert (back.exit_code, back.stderr) == (0, "")
    assert content(tmp_path / "back.db") == content(source)


@pytest.mark.slow
def test_a_folder_goes_to_postgresql_with_a_bucket_and_back(tmp_path: Path, postgres: Cluster, s3: S3Server) -> None:
    """Long and short bodies, ids, keys and tombstones are the same in each store. A further pass copies nothing."""
    first, last, pictures, back = (str(tmp_path / name) for name in ("source.db", "back.db", "pictures", "back"))
    url, bucket = f"{postgres.url()}?schema=files_{abs(hash(tmp_path))}", s3.url(f"files-{abs(hash(tmp_path))}")

    async def save_all() -> None:
        async with Pixstore(first, blobs=pictures, secret=SECRET) as pix:
            for image in (picture(), large_png(1_500_000), large_png(1_200_000)):
                gone = await pix.save_image(image)
            await pix.delete_image(gone.id)

    asyncio.run(save_all())
    wanted = content(first, pictures)
    for _ in range(2):
        for source, blobs, target, into in ((first, pictures, url, bucket), (url, bucket, last, back)):
            done = run(source, target, "--from-blobs", blobs, "--to-blobs", into)
            assert (done.exit_code, done.stderr) == (0, "")
            assert content(target, into) == wanted
    assert done.stdout.startswith(f"0 images copied to {last}\n2 images skipped, there already\n")
    assert len(list(Path(back).glob("??/*"))) == 1


@pytest.mark.slow
def test_variants_go_along(tmp_path: Path, postgres: Cluster, s3: S3Server) -> None:
    """Variants, widths and placeholders go to another kind of store and back, with the records that carry them."""
    first, last = tmp_path / "source.db", tmp_path / "back.db"
    url, bucket = f"{postgres.url()}?schema=group_{abs(hash(tmp_path))}", s3.url(f"group-{abs(hash(tmp_path))}")
    options: dict[str, Any] = {"secret": SECRET, "variants": [Variant("thumb", width=16)], "placeholder": True}

    async def save_all() -> list[str]:
        async with Pixstore(first, **options) as pix:
            return [(await pix.save_image(picture("jpeg", seed=seed))).id for seed in range(3)]

    async def read_all(database: str | Path, blobs: str | None = None) -> list[object]:
        async with Pixstore(database, blobs=blobs, **options) as pix:
            records = (await pix.get_image_records(ids)).values()
            everything = [each for record in records for each in (record, *record.variants.values())]
            seen = [(each.id, each.token, each["meta"], each.width, each.placeholder) for each in everything]
            return [*seen, *[await pix.export_image(each.id) for each in everything]]

    ids = asyncio.run(save_all())
    wanted = asyncio.run(read_all(first))
    assert len(wanted) == 12
    there = run(first, url, "--to-blobs", bucket)
    assert (there.exit_code, there.stdout.startswith("3 images and 3 variants copied to ")) == (0, True)
    assert asyncio.run(read_all(url, bucket)) == wanted
    back = run(url, last, "--from-blobs", bucket)
    assert (back.exit_code, back.stdout.splitlines()[0]) == (0, f"3 images and 3 variants copied to {last}")
    assert asyncio.run(read_all(last)) == wanted
    assert content(last) == content(first)


@pytest.mark.slow
def test_a_prefix_is_no_second_stores(source: Path, tmp_path: Path, s3: S3Server) -> None:
    """Where a prefix has objects that are not the target's it is refused, and no target is made; its own are."""
    bucket = s3.url(f"copy-{abs(hash(tmp_path))}")
    assert run(source, tmp_path / "one.db", "--to-blobs", bucket).exit_code == 0
    before = sorted(os.listdir(tmp_path))
    for dry_run in ([], ["--dry-run"]):
        result = run(source, tmp_path / "two.db", "--to-blobs", bucket, *dry_run)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert "the prefix has objects, but none of them is the target's" in result.stderr
        assert sorted(os.listdir(tmp_path)) == before
    run(source, tmp_path / "two.db")
    assert "the prefix has objects" in run(source, tmp_path / "two.db", "--to-blobs", bucket).stderr
    again = run(source, tmp_path / "one.db", "--to-blobs", bucket)
    assert (again.exit_code, again.stderr) == (0, "")


def test_a_further_pass_goes_to_the_targets_own_prefix(source: Path, tmp_path: Path, s3: S3Server) -> None:
    """An empty prefix, or another store's, is refused once the target has its bodies below another one."""
    own, other, empty = (s3.url(f"{name}-{abs(hash(tmp_path))}") for name in ("own", "other", "empty"))
    assert run(source, tmp_path / "target.db", "--to-blobs", own).exit_code == 0
    assert run(make(tmp_path / "others.db", SECRET), tmp_path / "other.db", "--to-blobs", other).exit_code == 0
    asyncio.run(save_one(source))
    for wrong in (empty, other):
        result = run(source, tmp_path / "target.db", "--to-blobs", wrong)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert "the target has bodies in a bucket, but none of them below this prefix" in result.stderr
    assert run(source, tmp_path / "target.db", "--to-blobs", own).stdout.startswith("1 image copied")


def test_a_pass_that_was_cut_off_at_its_first_object_goes_on(source: Path, tmp_path: Path, s3: S3Server) -> None:
    """A target with its bodies in the database, and the row of one that never came to the bucket, takes its prefix."""
    assert run(source, tmp_path / "target.db").exit_code == 0
    query(tmp_path / "target.db", "INSERT INTO blob (state, changed_ms, object) VALUES (0, 1, zeroblob(16))")
    assert run(source, tmp_path / "target.db", "--to-blobs", s3.url(f"cut-{abs(hash(tmp_path))}")).exit_code == 0


@pytest.mark.parametrize("option", ["--from-blobs", "--to-blobs"])
def test_a_bucket_that_cannot_be_is_refused(source: Path, tmp_path: Path, option: str) -> None:
    """A value that is not a bucket's URL is refused with its mistake, before anything is done."""
    result = run(source, tmp_path / "target.db", option, "s3://pictures/x?endpoint=127.0.0.1:1")
    assert (result.exit_code, result.stdout, (tmp_path / "target.db").exists()) == (2, "", False)
    assert f"Error: Invalid value for '{option}': " in result.stderr
    assert "must begin with http://" in result.stderr


def test_a_store_is_not_copied_onto_itself(source: Path, tmp_path: Path) -> None:
    """The same file by its path, a URL or a link is a wrong use, and stays as it is."""
    before = content(source)
    (tmp_path / "link.db").symlink_to(source)
    for target in (source, f"sqlite:///{source}", tmp_path / "link.db"):
        result = run(source, target)
        assert (result.exit_code, "--to and --from name the same store" in result.stderr) == (2, True)
    assert content(source) == before


def test_a_target_of_another_origin_is_one_line(source: Path, tmp_path: Path) -> None:
    """A database with images of its own is refused, and stays as it is."""
    other = make(tmp_path / "other.db", SECRET)
    before = content(other)
    result = run(source, other)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "the target has images of another origin" in result.stderr
    assert content(other) == before


def test_a_source_that_is_none_makes_nothing(tmp_path: Path) -> None:
    """A database that is not there is a wrong use, and no file is made."""
    result = run(tmp_path / "none.db", tmp_path / "target.db")
    assert (result.exit_code, os.listdir(tmp_path)) == (2, [])


def test_what_is_left_alone_is_listed(source: Path, tmp_path: Path) -> None:
    """Each image left alone has a line with its id and the reason; the exit code is 1."""
    target = tmp_path / "target.db"
    run(source, target)
    own = asyncio.run(save_one(target))
    result = run(source, target)
    assert (result.exit_code, result.stderr) == (1, "")
    assert f"  '{own}'  the source never had it: something else writes to the target" in result.stdout.splitlines()


DIES_AFTER_SEVEN = """
import os, signal
from pixstore_asgi.transfer.steps import Report
add = Report.add
def dying(self, step):
    add(self, step)
    if self.moved == 7:
        os.kill(os.getpid(), signal.SIGKILL)
Report.add = dying
from pixstore_asgi.cli import main; main()
"""


@pytest.mark.slow
def test_a_copy_that_was_killed_goes_on(source: Path, tmp_path: Path) -> None:
    """After kill -9 in the middle a second run copies the rest, and the target equals the source."""
    target = tmp_path / "target.db"
    killed = subprocess.run(
        [sys.executable, "-c", DIES_AFTER_SEVEN, "copy", "--from", str(source), "--to", str(target)],
        env={**os.environ, "PIXSTORE_SECRET": SECRET},
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    there = len(content(target).images)
    assert 7 <= there < COUNT
    result = run_process("copy", "--from", str(source), "--to", str(target), secret=SECRET)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:2] == [
        f"{COUNT - there} images copied to {target}",
        f"{there} images skipped, there already",
    ]
    assert content(target) == content(source)
