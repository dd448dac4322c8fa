"""The command line, run as users run it."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import click
import httpx
import pytest
from click.testing import CliRunner

import pixstore_asgi.cli
from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.core.keyring import KeyRing
from tests.demo.process import run, running, signed_in
from tests.support.paths import DOCS
from tests.support.samples import OTHER_SECRET, SECRET, picture


@pytest.mark.parametrize("name", ["secret", "serve", "demo"])
def test_help_is_complete(name: str) -> None:
    """Every command has a help text, and so has every option."""
    command = commands.commands[name]
    result = CliRunner().invoke(commands, [name, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
    for option in command.params:
        assert isinstance(option, click.Option)
        assert option.help


def test_help_lists_the_commands() -> None:
    """A newcomer sees every command with one line each, and which to try first."""
    result = CliRunner().invoke(commands, ["--help"])
    assert "pixstore-asgi demo --open" in result.output
    for command in commands.commands.values():
        assert command.get_short_help_str() in result.output


def test_help_says_where_the_documents_are() -> None:
    """The pages that errors and docstrings name are in the folder that --help ends with, on a line of its own."""
    result = CliRunner().invoke(commands, ["--help"])
    folder = Path(result.output.splitlines()[-1].strip())
    assert folder.is_absolute()
    assert {"deployment.md", "troubleshooting.md", "wire-format.md"} <= {page.name for page in folder.iterdir()}


@pytest.mark.slow
def test_a_shell_completes_commands_and_options() -> None:
    """The scripts that command-line.md names are printed, and their requests are answered."""
    script = Path(sys.executable).with_name("pixstore-asgi")
    environment = {**os.environ, "_PIXSTORE_ASGI_COMPLETE": "bash_source"}
    printed = subprocess.run([script], env=environment, capture_output=True, text=True).stdout
    assert "_PIXSTORE_ASGI_COMPLETE" in printed

    def answer(**variables: str) -> str:
        return CliRunner().invoke(commands, prog_name="pixstore-asgi", env=variables).output

    lines = dict(
        re.findall(r"^\| (\w+) \| `(.*COMPLETE=.*)` \|$", (DOCS / "command-line.md").read_text(), re.MULTILINE)
    )
    assert set(lines) == {"bash", "zsh", "fish"}
    for shell, line in lines.items():
        assert f"_PIXSTORE_ASGI_COMPLETE={shell}_source pixstore-asgi" in line
        assert "_PIXSTORE_ASGI_COMPLETE" in answer(_PIXSTORE_ASGI_COMPLETE=f"{shell}_source")
    path = f"{script.parent}:{os.environ['PATH']}"
    told = ["bash", "-c", f"{lines['bash']}; complete -p pixstore-asgi"]
    assert (
        "pixstore-asgi"
        in subprocess.run(told, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True).stdout
    )
    for words, expected in (("pixstore-asgi ver", "plain,verify"), ("pixstore-asgi doctor --u", "plain,--url")):
        number = str(words.count(" "))
        found = answer(_PIXSTORE_ASGI_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=number)
        assert found.splitlines() == [expected]


@pytest.mark.parametrize("name", ["stats", "doctor"])
def test_a_command_that_only_looks_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Ctrl-C is told from a finding by its exit code, in a command that has nothing to say of its state, too."""
    (tmp_path / "pixstore.db").touch()
    monkeypatch.setattr("pixstore_asgi.cli.upkeep_commands.check_made", mock.AsyncMock(side_effect=KeyboardInterrupt))
    result = CliRunner().invoke(commands, [name, "--database", str(tmp_path / "pixstore.db")])
    assert (result.exit_code, result.output.strip()) == (130, "Stopped.")


def test_version_is_that_of_the_package() -> None:
    """--version names the package and its version."""
    result = CliRunner().invoke(commands, ["--version"])
    assert result.output.startswith("pixstore-asgi 0.")


@pytest.mark.slow
def test_secret_prints_one_good_secret_alone() -> None:
    """`secret` writes one line that Pixstore accepts as a secret, a new one each time, and nothing else."""
    first, second = run("secret"), run("secret")
    assert first.stderr == ""
    assert first.stdout.count("\n") == 1
    assert KeyRing(first.stdout.strip())
    assert first.stdout != second.stdout


@pytest.mark.slow
def test_what_only_unix_has_is_not_assumed() -> None:
    """The commands can be loaded if the system module lacks the functions that Windows does not have."""
    code = "import os, click, sqlite3, asyncio; del os.O_CLOEXEC, os.O_NOFOLLOW, os.O_NONBLOCK, os.O_DIRECTORY, os.sync"
    code += "; import pixstore_asgi.cli.commands"
    loading = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (loading.returncode, loading.stderr) == (0, "")


@pytest.mark.parametrize(("extra", "missing"), [("cli", "click"), ("cli", "uvicorn"), ("demo", "PIL")])
def test_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], extra: str, missing: str
) -> None:
    """Without the packages of an extra, one line says which extra to install."""
    monkeypatch.setattr("pixstore_asgi.cli.installed.find_spec", lambda module: None if module == missing else object())
    monkeypatch.setattr(sys, "argv", ["pixstore-asgi", "demo"])
    with pytest.raises(SystemExit) as exit_info:
        pixstore_asgi.cli.main()
    line = str(exit_info.value)
    assert f"pip install '.[{extra}]' in the checkout" in line
    assert "\n" not in line
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize("command", [["demo"], ["serve", "--create", "--database"]])
def test_taken_port_says_which_option_to_use(command: list[str], tmp_path: Path) -> None:
    """A port that is in use is one line on stderr that names the port and --port, and exit code 1."""
    database = [str(tmp_path / "pixstore.db")] if command[0] == "serve" else []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(*command, *database, "--port", str(port))
    assert result.returncode == 1
    assert result.stdout == ""
    assert f"port {port} is taken" in result.stderr
    assert "--port" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_unusable_host_is_one_line(tmp_path: Path) -> None:
    """An address that is not this machine's is refused without a traceback, and no database is made."""
    database = tmp_path / "pixstore.db"
    result = run("serve", "--create", "--database", str(database), "--host", "192.0.2.1", "--port", "0")
    assert not database.exists()
    assert result.returncode == 1
    assert result.stderr.startswith("Error: can't listen on 192.0.2.1")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_serve_refuses_a_missing_database(tmp_path: Path) -> None:
    """A path without a database is taken for a slip: the error says how to make one, and nothing is made."""
    result = run("serve", "--database", str(tmp_path / "typo.db"))
    assert result.returncode == 1
    assert "typo.db" in result.stderr
    assert "--create" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "options"),
    [("this is no database", []), (None, ["--allow-origin", "app.example"])],
    ids=["no database", "no origin"],
)
def test_errors_of_the_library_are_one_line(tmp_path: Path, content: str | None, options: list[str]) -> None:
    """An option that Pixstore refuses ends in one line on stderr and exit code 1, never in a traceback."""
    database = tmp_path / "pixstore.db"
    if content is not None:
        database.write_text(content)
    result = run("serve", "--create", "--database", str(database), "--port", "0", *options, secret=SECRET)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def _save(database: Path) -> tuple[str, dict[str, str]]:
    async def save() -> ImageRecord:
        async with Pixstore(database, secret=SECRET) as pix:
            return await pix.save_image(picture("png"))

    record = asyncio.run(save())
    headers = {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}
    return record.id, headers


@pytest.mark.slow
def test_serve_answers_records_of_another_process(tmp_path: Path) -> None:
    """Payloads come out of the application's database, for its records, to the origins that were listed."""
    database = tmp_path / "pixstore.db"
    image_id, headers = _save(database)
    origin = "https://app.example"
    arguments = ("serve", "--database", str(database), "--port", "0", "--allow-origin", origin)
    with running(*arguments, secret=SECRET) as server:
        assert httpx.get(f"{server.url.removesuffix('pixstore-image')}", trust_env=False).status_code == 404
        answer = httpx.get(f"{server.url}/{image_id}", headers={**headers, "origin": origin}, trust_env=False)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    assert answer.headers["x-pixstore-state"] == "Success"
    assert answer.headers["access-control-allow-origin"] == origin
    assert str(database) in server.greeting


@pytest.mark.slow
def test_serve_refuses_the_wrong_secret_at_once(tmp_path: Path) -> None:
    """With another secret than the application's, the process ends with the library's text, before it serves."""
    _save(tmp_path / "pixstore.db")
    result = run("serve", "--database", str(tmp_path / "pixstore.db"), "--port", "0", secret=OTHER_SECRET)
    assert result.returncode == 1
    assert "secret" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_demo_ends_cleanly_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the demo with exit code 0, no word on stderr, and without its temporary folder."""
    with running("demo", "--port", "0", "--pictures", "1", extra={"TMPDIR": str(tmp_path)}) as server:
        assert server.greeting == f"Pixstore demo on {server.url}  (Ctrl-C stops it)\n"
        assert server.url.startswith("http://127.0.0.1:")
        assert httpx.get(server.url, trust_env=False).status_code == 200
        assert [path.name[:14] for path in tmp_path.iterdir()] == ["pixstore-demo-"]
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
        assert server.errors == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_demo_keeps_a_database_it_was_given(tmp_path: Path) -> None:
    """With --database the pictures stay, and the next run shows the same ones."""
    arguments = ("demo", "--port", "0", "--pictures", "2", "--database", str(tmp_path / "kept.db"))
    ids = []
    for _ in range(2):
        with running(*arguments) as server:
            with signed_in(server) as client:
                while (answer := client.get("api/pictures").json())["toPaint"]:
                    time.sleep(0.05)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0
        ids.append({picture["id"] for picture in answer["pictures"]})
    assert ids[0] == ids[1]
    assert len(ids[0]) == 2


@pytest.mark.slow
def test_demo_in_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    """A database in a folder that does not exist is one line on stderr that names the path."""
    result = run("demo", "--port", "0", "--database", str(tmp_path / "nowhere" / "pixstore.db"))
    assert result.returncode == 1
    assert "nowhere" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_demo_opens_the_page_where_it_is_asked_to(tmp_path: Path) -> None:
    """With --open the browser gets the demo's URL; the server answers meanwhile, however long the browser takes."""
    seen = tmp_path / "url"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.part && mv {seen}.part {seen} && exec sleep 3\n')
    script.chmod(0o700)
    with running("demo", "--port", "0", "--pictures", "1", "--open", extra={"BROWSER": f"{script} %s"}) as server:
        assert httpx.get(server.url, trust_env=False).status_code == 200
        for _ in range(100):
            if seen.exists():
                break
            time.sleep(0.05)
        assert seen.read_text() == server.url


@pytest.mark.slow
@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_output_is_no_error(tmp_path: Path, closed: int) -> None:
    """A command that is started without stdout or stderr does its work, and its exit code tells of that alone."""
    main = "from pixstore_asgi.cli import main; main()"
    start = ["sh", "-c", f'exec "$0" "$@" {closed}>&-', sys.executable, "-c", main]

    async def save() -> None:
        async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as pix:
            await pix.save_image(picture())

    asyncio.run(save())
    for command in (["verify"], ["backup", "--to", "backup.db"], ["export", "images", "--to", "files"]):
        ended = subprocess.run(
            [*start, *command, "--database", "pixstore.db"],
            cwd=tmp_path,
            env={**os.environ, "PIXSTORE_SECRET": SECRET},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file that is always full")
@pytest.mark.parametrize("command", ["secret", "--help"])
def test_an_output_without_room_is_told(command: str) -> None:
    """If the output can't be written, one line says so."""
    with Path("/dev/full").open("w") as full:
        main = "from pixstore_asgi.cli import main; main()"
        ended = subprocess.run([sys.executable, "-c", main, command], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (1, "Error: the output can't be written: No space left on device\n")


@pytest.mark.slow
def test_an_output_that_lacks_characters(tmp_path: Path) -> None:
    """Characters that the encoding of the output lacks are escaped."""
    (tmp_path / "über 日本.txt").write_text("no picture")
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pixstore_asgi.cli import main; main()",
            "import",
            "files",
            ".",
            "--into",
            "new.db",
        ],
        cwd=tmp_path,
        env={**os.environ, "PIXSTORE_SECRET": SECRET, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        text=True,
        encoding="latin-1",
        timeout=60,
    )
    assert r"'über \u65e5\u672c.txt'" in ended.stdout
