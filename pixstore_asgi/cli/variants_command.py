"""The command `pixstore-asgi variants`: adds smaller copies to existing images."""

import re
from typing import Any

import click

from ..decoding.task import Variant
from ..errors import ConfigError
from ..pixstore import Pixstore
from ..transfer.steps import count_ids, ids_of
from ..transfer.variants import make_variants
from .frame import Move, all_of
from .stores import Database, blobs, existing_database, opened_as_made

_NUMBER, _TEXT, _FOCUS = (re.compile(form) for form in (r"\d+", r".*", r"\d*\.?\d+x\d*\.?\d+"))
_FORMS = {"width": _NUMBER, "height": _NUMBER, "format": _TEXT, "quality": _NUMBER, "fit": _TEXT, "focus": _FOCUS}


class _VariantType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions of click
    """The type of an option whose text, such as `NAME:width=320,format=webp`, becomes a Variant."""

    name = "variant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Variant:
        """Return the Variant that a text describes, or a Variant unchanged. An invalid text is a usage error."""
        return value if isinstance(value, Variant) else _variant(value)


def _of_different_names(_: click.Context, __: click.Parameter, wanted: tuple[Variant, ...]) -> list[Variant]:
    if len({variant.name for variant in wanted}) < len(wanted):
        raise click.UsageError("--variant names the same variant twice: give each a name of its own")
    return list(wanted)


def _variant(value: str) -> Variant:
    name, _, text = value.partition(":")
    options: dict[str, Any] = {}
    for item in text.split(","):
        key, _, given = item.partition("=")
        form = _FORMS.get(key)
        if form is None or key in options or not form.fullmatch(given):
            raise click.BadParameter(
                f"{value!r} is not a variant such as thumb:width=320,height=320,format=webp,quality=80"
            )
        if form is _FOCUS:
            options[key] = tuple(float(each) for each in given.split("x"))
        else:
            options[key] = int(given) if form is _NUMBER else given
    try:
        return Variant(name, **options)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


variant_options = all_of(
    click.option(
        "--variant",
        "wanted",
        type=_VariantType(),
        callback=_of_different_names,
        metavar="NAME:SIZES",
        multiple=True,
        help="As one of the application's variants, such as thumb:width=320, card:width=960,height=960,format=webp,"
        "quality=80 or avatar:width=96,height=96,fit=cover,focus=0.5x0.3; repeatable.",
    ),
    click.option("--placeholder", is_flag=True, help="As the application's placeholder."),
    click.option("--pad-to", type=click.Choice(["bucket"]), help="As the application's pad_to."),
)
"""Adds `--variant`, `--placeholder` and `--pad-to` to a command."""


@click.command()
@existing_database
@blobs
@variant_options
@click.option("--directory", metavar="NAME", help="Only the images of this directory.  [default: all]")
@click.option("--again", is_flag=True, help="Make existing variants again too, all of them in each run.")
@click.option("--dry-run", is_flag=True, help="Read and decode everything, write nothing.")
def variants(
    database: Database,
    blobs: str | None,
    wanted: list[Variant],
    placeholder: bool,
    pad_to: Any,
    directory: str | None,
    again: bool,
    dry_run: bool,
) -> None:
    """Make variants of existing images.

    Adds missing data to every image: the variants of this list, width and height, and with --placeholder a placeholder.
    The image, its token and its key stay the same, and so do existing variants. Start the application with the same
    variants first, so that new images have them. The application keeps running meanwhile, and its records contain the
    variants immediately.

    Run it again to continue after an interruption: complete images are skipped, except with --again. Images that do not
    decode are listed at the end with the reason. Then the exit code is 1.
    """
    done = f"would be completed in {database}; nothing was written" if dry_run else f"completed in {database}"
    doing, goes_on = "Checking" if dry_run else "Making variants", not (again or dry_run)
    move = Move(doing, done, present="skipped, complete already", goes_on=goes_on)

    async def steps() -> None:
        options: dict[str, Any] = {"variants": wanted, "placeholder": placeholder, "pad_to": pad_to}
        async with opened_as_made(database, blobs) as store, Pixstore(store, check_pixels=True, **options) as pix:
            total = await count_ids(store, directory, originals_only=True)
            ids = ids_of(store, directory, originals_only=True)
            await move.follow(make_variants(pix, ids, again=again, dry_run=dry_run), total)

    move.run(steps())
