"""`python -m tests.fuzz TARGET --seconds 60`: a coverage-guided search for bytes that a target does not stand.

It begins with the seeds in tests/fuzz/corpus, and what it finds beside them is kept in `--keep`, if that is given.
Bytes that fail are written to the working directory, as `crash-…`: once mended, they are to be a seed.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

try:
    import atheris
except ImportError as error:
    raise ImportError("fuzzing needs atheris: pip install atheris") from error

with atheris.instrument_imports(include=["pixstore_asgi"]):
    from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
_MOST_BYTES = 8192


def _silent(target: Callable[[bytes], bool]) -> Callable[[bytes], None]:
    """Return a target that returns nothing: to the fuzzer that would mean something."""

    def run(data: bytes) -> None:
        target(data)

    return run


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition(":")[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = [str(options.keep or scratch), str(CORPUS / options.target)]
        limits = [f"-max_total_time={options.seconds}", f"-max_len={_MOST_BYTES}", "-timeout=10"]
        # Linux counts the largest memory of the process that started this one as its own: a long pytest run has 2 GiB.
        limits.append("-rss_limit_mb=8192")
        atheris.Setup([sys.argv[0], *folders, *limits, "-print_final_stats=1"], _silent(TARGETS[options.target]))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
