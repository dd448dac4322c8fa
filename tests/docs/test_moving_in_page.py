"""moving-in.md: its commands print the text below them, and its code fills the tables of SQLAlchemy and Django."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from pixstore_asgi.cli.commands import commands
from pixstore_asgi.transfer import plain_image_id
from tests.support.console import Shell
from tests.support.paths import DOCS, ROOT
from tests.support.samples import SECRET, picture
from tests.transfer.test_plain_import import files_of, rows_of, stored, write

pytestmark = pytest.mark.slow

PAGE = (DOCS / "moving-in.md").read_text()
CODE = dict(re.findall(r"```python\n# ([\w/]+\.py)\n(.*?)```", PAGE, re.DOTALL))
NAMES = ["ada.jpeg", "old/bob.png", "old/eve.webp"]

APP = """
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from pixstore_asgi import Pixstore
from pixstore_asgi.integrations.sqlalchemy import PictureType

pix, engine = Pixstore("pixstore.db"), create_engine("sqlite:///posts.db")

class Base(DeclarativeBase):
    pass

class Post(Base):
    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
    photo: Mapped[str | None]
    picture: Mapped[str | None] = mapped_column(PictureType("posts"))
"""
FILLED = """
import runpy
from sqlalchemy import select
from sqlalchemy.orm import Session
from app import Base, Post, engine

Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add_all(Post(photo=name) for name in ["ada.jpeg", "old/bob.png", "notes.txt", "../outside.png", None])
    session.commit()
for _ in range(2):
    runpy.run_path("move_posts.py")
with Session(engine) as session:
    print(*(str(post.picture) for post in session.scalars(select(Post).order_by(Post.id))))
"""
MODELS = """
from blog.folders import of_user
from django.db import models
from pixstore_asgi.integrations.django import PictureField

class Post(models.Model):
    photo = models.ImageField(upload_to="old", null=True)
    picture = PictureField(upload_to=UPLOAD_TO, blank=True)
"""
FIRST = """
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    operations = [migrations.CreateModel("Post", [
        ("id", models.BigAutoField(primary_key=True)), ("photo", models.ImageField(upload_to="old", null=True))])]
"""
SECOND = """
from blog.folders import of_user
from django.db import migrations
from pixstore_asgi.integrations.django import PictureField

class Migration(migrations.Migration):
    dependencies = [("blog", "0001_initial")]
    operations = [migrations.AddField("post", "picture", PictureField(upload_to=UPLOAD_TO, blank=True))]
"""
MIGRATED = """
import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings
from pixstore_asgi import Pixstore
from pixstore_asgi.errors import InputError

settings.configure(
    INSTALLED_APPS=["pixstore_asgi.integrations.django", "blog"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MEDIA_ROOT="media",
    PIXSTORE=Pixstore("pixstore.db"),
)
django.setup()
call_command("migrate", "blog", "0001", verbosity=0)
names = ["ada.jpeg", "old/bob.png", "notes.txt", "../outside.png", "gone.png", "", None]
with connection.cursor() as cursor:
    cursor.executemany("INSERT INTO blog_post (photo) VALUES (%s)", [(name,) for name in names])
with override_settings(MEDIA_ROOT="."):
    try:
        call_command("migrate", verbosity=0)
    except InputError as error:
        print(error)
call_command("migrate", verbosity=0)
try:
    call_command("pixstore", "import", "files", "media", "--directory", "posts")
except SystemExit as ended:
    print(ended.code)
from blog.models import Post
for post in Post.objects.order_by("id"):
    print(repr(post.photo.name), repr(post.picture.name), len(post.picture.read()) if post.picture else 0)
"""

RESTORED = """
from pixstore_asgi.integrations.django.setting import get_images
from pixstore_asgi.transfer.django import fill_pictures
rows = Post.objects.filter(photo="ada.jpeg")
get_images().delete_image(rows.get().picture.name)
rows.update(picture="")
for options in ({}, {"restore_deleted": True}):
    try:
        fill_pictures(rows, "photo", "picture", **options)
    except InputError:
        print("refused")
print(repr(rows.get().picture.name), len(rows.get().picture.read()))
"""


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with three pictures and a text."""
    for number, name in enumerate(NAMES):
        write(tmp_path / "media" / name, picture(name.rpartition(".")[2], seed=number))
    write(tmp_path / "media" / "notes.txt", b"These are notes, and no picture.")
    return tmp_path / "media"


def run(folder: Path, code: str) -> str:
    """Run code in a process of its own, and return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code],
        env={"PYTHONPATH": f"{folder}:{ROOT}", "PIXSTORE_SECRET": SECRET, "PATH": "/usr/bin:/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_of_the_page(media: Path) -> None:
    """Check, import, and import a last time: each prints the text of the page; the files stay as they were."""
    folder, before = media.parent, files_of(media)

    def command(arguments: Sequence[str]) -> str:
        result = CliRunner().invoke(commands, arguments, env={"PIXSTORE_SECRET": SECRET})
        assert result.exit_code == 1  # because of the text
        return result.output

    instead = {"/srv/app/media": str(media), "/var/lib/pictures": str(folder), "moved.csv": str(folder / "moved.csv")}
    with Shell(folder, environment={}, instead=instead, handlers={"pixstore-asgi": command}) as shell:
        shell.follow(PAGE)
    assert rows_of(folder / "moved.csv")["ada.jpeg"] == (plain_image_id("ada.jpeg", "posts"), "")
    assert len(stored(folder / "pixstore.db")) == 3
    assert files_of(media) == before


def test_the_table_of_sqlalchemy(media: Path) -> None:
    """The script fills the new column, twice with the same ids; refused rows are printed and stay empty."""
    folder = media.parent
    write(folder / "outside.png", picture())
    (folder / "app.py").write_text(APP)
    (folder / "move_posts.py").write_text(CODE["move_posts.py"].replace("/srv/app/media", str(media)))
    *refused, last = run(folder, FILLED).splitlines()
    ids = [plain_image_id(name, "posts") for name in ("ada.jpeg", "old/bob.png")]
    assert last.split() == [*ids, "None", "None", "None"]
    assert [line.partition(" ")[0] for line in refused] == ["notes.txt", "../outside.png"] * 2
    assert sorted(stored(folder / "pixstore.db")) == sorted(ids)


def test_ids_of_the_rows_of_sqlalchemy(media: Path) -> None:
    """With the line of the page, rows that name one file have pictures of their own, under the keys of the rows."""
    folder = media.parent
    (folder / "app.py").write_text(APP)
    (line,) = re.findall(r"```python\n(post\.picture = .*)\n```", PAGE)
    script, count = re.subn(r"post\.picture = .*", line, CODE["move_posts.py"])
    assert count == 1
    (folder / "move_posts.py").write_text(script.replace("/srv/app/media", str(media)))
    *_, last = run(folder, FILLED.replace('"notes.txt", "../outside.png"', '"ada.jpeg"')).splitlines()
    assert last.split() == ["posts:1", "posts:2", "posts:3", "None"]
    images = stored(folder / "pixstore.db")
    assert images["posts:1"] == images["posts:3"] == (media / "ada.jpeg").read_bytes()


def write_blog(folder: Path, upload_to: str = "'posts'") -> None:
    """Write the application `blog` of Django, with this code for the `upload_to` of its new field."""
    files = {
        "__init__.py": "",
        "folders.py": "def of_user(row, name):\n    return f'user-{row.id}/{name}'\n",
        "models.py": MODELS.replace("UPLOAD_TO", upload_to),
        "migrations/__init__.py": "",
        "migrations/0001_initial.py": FIRST,
        "migrations/0002_post_picture.py": SECOND.replace("UPLOAD_TO", upload_to),
        "migrations/0003_fill_picture.py": CODE["blog/migrations/0003_fill_picture.py"],
    }
    for name, text in files.items():
        write(folder / "blog" / name, text.encode())


def test_the_table_of_django(media: Path) -> None:
    """The migration fills each row with the id that the command gives, and prints each refused file. With a wrong
    folder, it fails.
    """
    folder = media.parent
    write(folder / "outside.png", picture())
    write_blog(folder)
    lines = run(folder, MIGRATED).splitlines()
    sizes = [len((media / name).read_bytes()) for name in ("ada.jpeg", "old/bob.png")]
    ids = [plain_image_id(name, "posts") for name in ("ada.jpeg", "old/bob.png")]
    shown = [line.partition("  ")[0] for line in lines]
    names = ["'notes.txt'", "'../outside.png'", "'gone.png'"]
    assert shown[:5] == ["'ada.jpeg'", "'old/bob.png'", *names]
    assert lines[5].startswith("no file of the field photo can be saved: see the 5 reasons above")
    assert shown[6:9] == names
    assert lines[9:11] == ["1 image imported into pixstore.db", "2 images skipped, there already"]
    assert lines[13:] == [
        "1",
        f"'ada.jpeg' '{ids[0]}' {sizes[0]}",
        f"'old/bob.png' '{ids[1]}' {sizes[1]}",
        "'notes.txt' '' 0",
        "'../outside.png' '' 0",
        "'gone.png' '' 0",
        "'' '' 0",
        "None '' 0",
    ]


def test_a_deleted_picture_of_django(media: Path) -> None:
    """`fill_pictures` refuses a file whose picture was deleted since, names its own option, and takes it again with
    it.
    """
    write_blog(media.parent)
    *_, reason, refused, restored = run(media.parent, MIGRATED + RESTORED).splitlines()
    assert reason == "'ada.jpeg'  it was deleted in the store since: pass restore_deleted=True to import it again"
    size = (media / "ada.jpeg").stat().st_size
    assert (refused, restored) == ("refused", f"{plain_image_id('ada.jpeg', 'posts')!r} {size}")


def test_a_directory_for_each_user_of_django(media: Path) -> None:
    """The directory of a picture is the one that `upload_to` returns for its row."""
    write_blog(media.parent, upload_to="of_user")
    lines = run(media.parent, MIGRATED).splitlines()
    for number, name in enumerate(("ada.jpeg", "old/bob.png"), 1):
        image_id = plain_image_id(name, f"user-{number}")
        assert f"{name!r} {image_id!r} {(media / name).stat().st_size}" in lines
