"""The runner of the pages' commands: what it reads of a page, and which outputs it refuses."""

from pathlib import Path

import pytest

from tests.support.console import Shell, Step, steps_of

PAGE = """# A page

1. Begin:

   ```console
   $ name=world
   $ echo "hello $name"; \\
     echo again
   hello world
   again
   ```

```sh
echo this is not run
```

```console
$ printf 'no newline'
no newline
```
"""


def run(folder: Path, *steps: Step) -> None:
    with Shell(folder, environment={}, instead={"/var/lib": str(folder)}) as shell:
        for step in steps:
            shell.do(step)


def test_steps_run_in_one_shell(tmp_path: Path) -> None:
    """Commands of all blocks share their variables; those that continue on the next line are one."""
    assert len(steps_of(PAGE)) == 3
    with Shell(tmp_path, environment={}, instead={}) as shell:
        shell.follow(PAGE)


@pytest.mark.parametrize(
    "step",
    [
        Step("echo other", "this\n"),
        Step("echo this; false", "this\n"),
        Step("echo this; echo more", "this\n"),
        Step("echo this", ""),
    ],
    ids=["another text", "an exit code", "more text", "text where the page has none"],
)
def test_another_output_is_refused(tmp_path: Path, step: Step) -> None:
    """What a command prints must be the page's, and its exit code 0."""
    with pytest.raises(AssertionError):
        run(tmp_path, step)


def test_paths_and_placeholders_are_filled(tmp_path: Path) -> None:
    """A path of the page is this test's, `…` is anything, and a key id stays what it was when it came first."""
    first, second = Step("echo '89abcdef  5 s'", "0a1b2c3d  …\n"), Step("echo 0a1b2c3d", "0a1b2c3d\n")
    run(tmp_path, Step("cd /var/lib && pwd", "/var/lib\n"), first, second)
    with pytest.raises(AssertionError):
        run(tmp_path, first, Step("echo 01234567", "0a1b2c3d\n"))
