"""`manage.py pixstore_unnamed`: finds pictures that no row names, such as those of a save that was killed."""

import time
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from ...columns import Column, columns_of, names_in_use
from ...setting import get_images

_PAGE = 500
_GRACE_S = 3600


class Command(BaseCommand):
    """Prints the ids of pictures that no row names, and deletes them with `--delete`."""

    help = "Prints the ids of pictures that no ImageField or PictureField names. Leaves out the last hour's pictures."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options."""
        parser.add_argument("--directory", help="only the pictures of this directory: the folder of upload_to")
        parser.add_argument(
            "--grace-s",
            type=float,
            default=_GRACE_S,
            help="leave out pictures saved within the last GRACE_S seconds, 3600 by default. Choose it longer than the "
            "longest transaction: its pictures have no committed row yet",
        )
        parser.add_argument("--delete", action="store_true", help="delete them too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the ids, and delete the pictures if asked to.

        Raises:
            CommandError: No model has such a field, so every picture would be deleted.
        """
        columns = list(_columns())
        if not columns:
            raise CommandError("no model has an ImageField or PictureField on PixstoreStorage: nothing names pictures")
        # A query that begins after this moment sees the row of each picture that is older than this.
        before_ms = (time.time() - options["grace_s"]) * 1000
        images = get_images()
        for page in _pages(options["directory"]):
            old = [image.id for image in page if image.created < before_ms]
            named = names_in_use(columns, old)
            for image_id in old:
                if image_id not in named:
                    self.stdout.write(image_id)
                    if options["delete"]:
                        images.delete_image(image_id)


def _columns() -> Iterator[Column]:
    for using in connections:
        yield from columns_of(using)


def _pages(directory: str | None) -> Iterator[list[Any]]:
    after = None
    while page := get_images().list_images(directory=directory, after=after, limit=_PAGE):
        yield page
        after = page[-1].id
