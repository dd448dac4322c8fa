"""`manage.py pixstore …`: the commands of `pixstore-asgi` for the Pixstore of the setting PIXSTORE."""

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from .....keys.find import secrets_of_project
from .....pixstore import parts_of
from ...setting import get_pixstore

_NAMES_OF_STORE = ("into", "database")
"""The options of commands that name the application's store. An import has both: `database` is then another one."""


class Command(BaseCommand):
    """Runs a command of `pixstore-asgi`. The store in its options, and the secret, are those of the project."""

    help = "Runs a command of pixstore-asgi for the project's pictures: manage.py pixstore gc. --help lists them all."
    requires_system_checks = ()  # `doctor` and `restore` must work on a damaged store

    def add_arguments(self, parser: CommandParser) -> None:
        """Take all arguments from the command's name on."""
        parser.add_argument("command", nargs=argparse.REMAINDER, help="a command of pixstore-asgi and its options")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command. It ends the process with its exit code."""
        arguments = options["command"] or ["--help"]
        # The package of the command line is above the integrations, so it is loaded only here.
        cli = import_module("pixstore_asgi.cli")
        commands = import_module("pixstore_asgi.cli.commands").commands
        parts = parts_of(get_pixstore())
        defaults = _defaults(commands, arguments, parts.place.texts())
        with secrets_of_project(parts.life.given_secrets):
            cli.main(arguments, prog_name="manage.py pixstore", default_map=defaults)


def _defaults(group: Any, arguments: Sequence[str], place: Mapping[str, str]) -> dict[str, Any]:
    """Return click's default values for the options of all commands that name the application's store."""
    return {name: _defaults_of(command, arguments, place) for name, command in group.commands.items()}


def _defaults_of(command: Any, arguments: Sequence[str], place: Mapping[str, str]) -> dict[str, Any]:
    if hasattr(command, "commands"):
        return _defaults(command, arguments, place)
    options = {option.name: option for option in command.params}
    store = next((name for name in _NAMES_OF_STORE if name in options and options[name].required), None)
    # Another store that the arguments name does not have the project's blobs.
    if store is None or not place or any(argument.partition("=")[0] == f"--{store}" for argument in arguments):
        return {}
    return {store: place["database"]} | ({"blobs": place["blobs"]} if "blobs" in options and "blobs" in place else {})
