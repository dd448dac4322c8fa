"""Prints the generated blocks, or writes them into their pages: `python -m tests.docs.reference [--write]`."""

import argparse

from tests.docs.reference import BLOCKS, filled
from tests.support.paths import DOCS

parser = argparse.ArgumentParser(prog="python -m tests.docs.reference", description=__doc__)
parser.add_argument("--write", action="store_true", help="put the blocks into their pages")
if parser.parse_args().write:
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text()))
else:
    print(*(f"{name}\n\n{make()}\n" for name, make in BLOCKS.items()), sep="\n")
