"""The help of every command, and a table of its options."""

import inspect
import re
from collections.abc import Iterator

import click

from pixstore_asgi.cli.commands import commands
from tests.docs.reference.markdown import prose, table

_DEFAULT = re.compile(r"\s*\[default: (.*)\]$")


def all_commands() -> str:
    """Return a section for each command, in the order of their names."""
    return "\n\n".join(_section(name, command) for name, command in _walk("pixstore-asgi", commands))


def _walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    subcommands = command.commands if isinstance(command, click.Group) else {}
    if command is not commands:
        yield name, command
    for key, each in sorted(subcommands.items()):
        yield from _walk(f"{name} {key}", each)


def _section(name: str, command: click.Command) -> str:
    texts = [_paragraph(each) for each in inspect.cleandoc(command.help or "").split("\n\n")]
    rows = [_row(each) for each in command.params]
    return "\n\n".join([f"## {name}", *texts, *([table(["option", "default", "meaning"], rows)] if rows else [])])


def _paragraph(text: str) -> str:
    """Return a paragraph of a help text. click leaves the lines after a backspace as they are: they are code."""
    if text.startswith("\b\n"):
        lines = "\n".join(line.removeprefix("    ") for line in text.splitlines()[1:])
        return f"```text\n{lines}\n```"
    return prose(" ".join(text.split()))


def _row(parameter: click.Parameter) -> list[str]:
    if isinstance(parameter, click.Argument):
        return [f"`{parameter.human_readable_name}`", "required", "see above"]
    assert isinstance(parameter, click.Option)
    assert parameter.help
    names = " ".join([*parameter.opts, *(f"/ {name}" for name in parameter.secondary_opts)])
    value = "" if parameter.is_flag else f" {parameter.metavar or _choices(parameter)}"
    said = _DEFAULT.search(parameter.help)
    default = "required" if parameter.required else said[1] if said else _shown(parameter)
    return [f"`{names}{value}`", default, _DEFAULT.sub("", parameter.help)]


def _choices(option: click.Option) -> str:
    return "|".join(option.type.choices) if isinstance(option.type, click.Choice) else option.type.name


def _shown(option: click.Option) -> str:
    return str(option.default) if option.show_default else ""
