"""`manage.py pixstore …`: the commands of `pixstore-asgi` for the Pixstore of the setting PIXSTORE."""

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandParser

from .....keys.find import secrets_of_project
from .....pixstore import parts_of
from .....saving.options import SaveOptions
from ...setting import get_pixstore

_NAMES_OF_STORE = ("into", "database")
"""The options of commands that name the application's store. An import has both: `database` is then another one."""


class Command(BaseCommand):
    """Runs a command of `pixstore-asgi`. Store, secret and the application's options are those of the project."""

    help = "Runs a command of pixstore-asgi for the project's pictures. Without a command, it lists all commands."
    requires_system_checks = ()  # `doctor` and `restore` must work on a damaged store

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command. Its own `--help` lists the commands, because messages about wrong arguments name it."""
        super().run_from_argv(argv[:2] if argv[2:] in (["--help"], ["-h"]) else argv)

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """List the commands, for `manage.py help pixstore`."""
        self.run_from_argv([prog_name, subcommand])

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
        defaults = _Defaults(parts.place.texts(), _values_of(parts.options), arguments)
        with secrets_of_project(parts.life.given_secrets):
            cli.main(arguments, prog_name="manage.py pixstore", default_map=defaults.of_group(commands))


def _values_of(options: SaveOptions) -> dict[str, Any]:
    """Return the project's values for the options "As the application's …" of commands."""
    task = None if options.decoder is None else options.decoder.task
    return {
        "check_pixels": task is not None,
        "image_formats": sorted(options.formats),
        "max_image_bytes": options.limits.max_bytes,
        "pad_to": "bucket" if options.pad else None,
        "placeholder": task is not None and task.placeholder,
        "strip_metadata": options.strip_metadata,
        "wanted": () if task is None else task.variants,
    }


class _Defaults(NamedTuple):
    """The default values of options, for click. place: of the store. values: by the names of options."""

    place: Mapping[str, str]
    values: Mapping[str, Any]
    arguments: Sequence[str]

    def of_group(self, group: Any) -> dict[str, Any]:
        """Return the default values of all commands that name the application's store."""
        return {name: self._of_command(command) for name, command in group.commands.items()}

    def _of_command(self, command: Any) -> dict[str, Any]:
        if hasattr(command, "commands"):
            return self.of_group(command)
        options = {option.name: option for option in command.params}
        store = next((name for name in _NAMES_OF_STORE if name in options and options[name].required), None)
        # Another store, which the arguments name, does not have the project's blobs and options.
        if store is None or not self.place or self._has(f"--{store}"):
            return {}
        defaults = {store: self.place["database"], "blobs": self.place.get("blobs"), **self.values}
        return {name: value for name, value in defaults.items() if name in options and value is not None}

    def _has(self, option: str) -> bool:
        return any(argument.partition("=")[0] == option for argument in self.arguments)
