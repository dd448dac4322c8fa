"""`manage.py pixstore_unnamed`: finds pictures that no row names, such as those of a save that was killed."""

from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from ....unnamed import unnamed_ids
from ...columns import columns_of, rows_of
from ...setting import get_images


class Command(BaseCommand):
    """Prints the ids of pictures that no row names, and deletes them with `--delete`."""

    help = "Prints the ids of pictures that no ImageField or PictureField names. Leaves out the last hour's pictures."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options."""
        parser.add_argument("--directory", help="only the pictures of this directory: the folder of upload_to")
        parser.add_argument(
            "--grace-s",
            type=float,
            default=3600,
            help="leave out pictures saved within the last GRACE_S seconds, 3600 by default. Choose it longer than the "
            "longest transaction: its pictures have no committed row yet",
        )
        parser.add_argument("--delete", action="store_true", help="delete them too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the ids, and delete the pictures if asked to.

        Raises:
            CommandError: No model has such a field, so every picture would be deleted.
        """
        databases = [using for using in connections if any(columns_of(using))]
        if not databases:
            raise CommandError("no model has an ImageField or PictureField on PixstoreStorage: nothing names pictures")
        images, directory, grace_s = get_images(), options["directory"], options["grace_s"]
        begin = partial(rows_of, databases)
        for image_id in unnamed_ids(images, begin, directory=directory, grace_s=grace_s, delete=options["delete"]):
            self.stdout.write(image_id)
