"""rotating-the-secret.md: its steps, run as they stand while two server processes are under load."""

import asyncio
import json
import os
import random
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import ImageRecord, Pixstore, decode_payload
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.errors import SecretError
from tests.demo.process import COMMAND
from tests.deployment.behind_nginx import Balanced, balanced, handlers_of, paths_of, restart
from tests.deployment.behind_nginx import Load as ReadLoad
from tests.support.console import Shell, section_of, steps_of
from tests.support.hosts import Host, running_hosts
from tests.support.paths import DOCS, ROOT
from tests.support.postgres import Cluster
from tests.support.rings import OLD, make_database
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import Server, running

pytestmark = pytest.mark.servers

PAGE = (DOCS / "rotating-the-secret.md").read_text()
TAKING_OUT = section_of((DOCS / "rolling-restarts.md").read_text(), "Take each host out of nginx first")
URL = "postgresql://pictures@db/pictures"
STEPS = re.split(r"^\d\. ", section_of(PAGE, "Steps"), flags=re.MULTILINE)[1:]
EACH_HOST = "On each host"
IMAGES = [picture(seed=seed) for seed in range(8)] + [large_png(300_000), large_png(900_000)]
LENGTHS = [
    pytest.param(4, 0.3, id="short"),
    pytest.param(32, 6, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
]


def commands_of(step: str) -> list[str]:
    """Return the settings and commands of a step, as they stand there; what a restart takes is one setting."""
    codes = [command for command, _ in steps_of(step)]
    if len(codes) > 1 and re.search(EACH_HOST, step, re.IGNORECASE):
        (line,) = [code for code in codes if "PIXSTORE_SECRET" in code]
        found = re.fullmatch(r'echo "PIXSTORE_SECRET=\\"(.*)\\"" > \S+', line)
        assert found, line
        return [f'PIXSTORE_SECRET="{found[1]}"']
    return [code for code in codes if code.startswith(("new=", "export ", "pixstore-asgi "))]


class Fleet:
    """Two server processes on one database; one that is to be restarted gets no requests, and ends those it has."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._busy: Counter[str] = Counter()
        self._idle: dict[str, asyncio.Event] = {}
        self._started = 0
        self.servers: list[Server] = []

    async def start(self, secrets: str) -> None:
        """Start one more server."""
        folder = self._folder / f"server-{self._started}"
        folder.mkdir()
        self._started += 1
        environment = {"PIXSTORE_SECRET": secrets, "PIXSTORE_TEST_DB": str(self._folder / "pixstore.db")}
        app = running("uvicorn", "tests.stress.server_app:app", folder, cwd=ROOT, environment=environment)
        self.servers.append(await asyncio.to_thread(self._stack.enter_context, app))

    async def roll_out(self, secrets: str) -> None:
        """Restart one server after another with these secrets, at work for a moment between them."""
        for server in list(self.servers):
            self.servers.remove(server)
            if self._busy[server.url]:
                self._idle[server.url] = asyncio.Event()
                await self._idle[server.url].wait()
            assert await asyncio.to_thread(server.stop) in (0, -15), server.log
            assert "Traceback" not in server.log
            await self.start(secrets)
            await asyncio.sleep(0.3)

    async def send(self, http: httpx.AsyncClient, method: str, path: str, **options: object) -> httpx.Response:
        """Send a request to either server."""
        url = random.choice(self.servers).url
        self._busy[url] += 1
        try:
            answer = await http.request(method, url + path, **options)  # type: ignore[arg-type]
        finally:
            self._busy[url] -= 1
            if url in self._idle and not self._busy[url]:
                self._idle[url].set()
        assert answer.is_success, f"{method} {path}: {answer.status_code} of {url}"
        return answer


class Load:
    """Saves, updates, looks up and fetches by so many clients, until it is told to stop; the first failure ends it."""

    def __init__(self, fleet: Fleet, clients: int) -> None:
        self._fleet = fleet
        self._clients = clients
        self.images: dict[str, set[bytes]] = {}
        self.requests: Counter[str] = Counter()
        self.is_over = False

    async def run(self) -> None:
        async with httpx.AsyncClient(timeout=30) as http, asyncio.TaskGroup() as group:
            for _ in range(self._clients):
                group.create_task(self._go_on(http))

    async def _go_on(self, http: httpx.AsyncClient) -> None:
        while not self.is_over:
            match random.choice("sufffff") if self.images else "s":
                case "s":
                    await self._save(http)
                case "u":
                    await self._update(http)
                case _:
                    await self._fetch(http)
            await asyncio.sleep(0.1)

    async def _save(self, http: httpx.AsyncClient) -> None:
        image = random.choice(IMAGES)
        record = (await self._fleet.send(http, "POST", "/images", content=image)).json()
        self.images[record["id"]] = {image}
        self.requests["save"] += 1

    async def _update(self, http: httpx.AsyncClient) -> None:
        image_id, image = random.choice(list(self.images)), random.choice(IMAGES)
        self.images[image_id].add(image)
        await self._fleet.send(http, "PUT", f"/images/{image_id}", content=image)
        self.requests["update"] += 1

    async def _fetch(self, http: httpx.AsyncClient) -> None:
        image_id = random.choice(list(self.images))
        record = ImageRecord.parse((await self._fleet.send(http, "GET", f"/images/{image_id}")).json())
        headers = {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}
        answer = await self._fleet.send(http, "GET", f"/pixstore-image/{image_id}", headers=headers)
        payload = decode_payload(answer.content)
        key, iv, tag = payload.key or record.key, payload.iv or record.iv, payload.tag or record.tag
        assert unseal(key=key, iv=iv, tag=tag, ciphertext=payload.ciphertext)[1] in self.images[image_id]
        self.requests["fetch"] += 2


class Operator:
    """Follows the steps: sets variables, runs commands, restarts servers."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self._fleet = fleet
        self._folder = folder
        self.variables = {"old": SECRET}
        self.done: list[str] = []

    async def do(self, code: str) -> None:
        if code.startswith("export "):  # for the commands after it; the servers have it already
            assert self.variables["PIXSTORE_SECRET"] == self._expanded(code.partition("=")[2])
            return
        name, is_setting, value = code.partition("=")
        self.done.append(name if is_setting and name.isidentifier() else " ".join(code.split()[1:3]))
        if code.startswith("pixstore-asgi "):
            await self._run(code)
        elif value.startswith("$("):
            self.variables[name] = (await self._run(value[2:-1])).strip()
        else:
            self.variables[name] = self._expanded(value)
            await self._fleet.roll_out(self.variables[name])

    def _expanded(self, value: str) -> str:
        return re.sub(r"\$\{?(\w+)(?::\?\})?", lambda found: self.variables[found[1]], value.strip('"'))

    async def _run(self, command: str) -> str:
        program, *arguments = shlex.split(command.replace("0a1b2c3d", OLD).replace("$STORE", "pixstore.db"))
        assert program == "pixstore-asgi"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)} | {
            name: value for name, value in self.variables.items() if name == "PIXSTORE_SECRET"
        }
        ended = await asyncio.to_thread(
            subprocess.run,
            [*COMMAND, *arguments],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
        return str(ended.stdout)


async def rotate(folder: Path, clients: int, pause_s: float) -> tuple[Load, Operator]:
    """Do the documented steps under load, and go on under it for a moment before, between and after them."""
    await make_database(folder / "pixstore.db")
    with ExitStack() as stack:
        fleet = Fleet(stack, folder)
        for _ in range(2):
            await fleet.start(SECRET)
        load, operator = Load(fleet, clients), Operator(fleet, folder)
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run())
            for step in STEPS:
                await asyncio.sleep(pause_s)
                for code in commands_of(step):
                    await operator.do(code)
            await asyncio.sleep(pause_s)
            load.is_over = True
        for server in fleet.servers:
            assert "Traceback" not in server.log
    return load, operator


@pytest.mark.parametrize(("clients", "pause_s"), LENGTHS)
async def test_a_secret_is_replaced_under_load(tmp_path: Path, clients: int, pause_s: float) -> None:
    """By the documented steps no request of either process fails, and then the new secret alone opens all images."""
    load, operator = await rotate(tmp_path, clients, pause_s)
    settings = ["PIXSTORE_SECRET"] * 2
    assert operator.done == ["new", *settings, "keys rewrap", "keys status", "keys retire", "PIXSTORE_SECRET"]
    assert load.requests.total() > 100
    assert min(load.requests[kind] for kind in ("save", "update", "fetch")) > 5
    path, new = tmp_path / "pixstore.db", operator.variables["new"]
    async with Pixstore(path, secret=new) as pix:
        (state,) = await pix.key_status()
        assert (state.images, state.signs) == (len(load.images), True)
        for image_id, images in load.images.items():
            found = await pix.read_image(image_id)
            assert found is not None
            assert found.data in images
    with pytest.raises(SecretError, match=f"written with secret {state.key_id}, but this process has {OLD}"):
        await Pixstore(path, secret=SECRET).open()
    print(f"\n{json.dumps(load.requests)} requests, {len(load.images)} images")


def any_number(text: str) -> str:
    """Return the text with any number of images in its outputs: clients save some meanwhile."""
    return re.sub(
        r"\b7(?= keys| images)| +7 (?= signs)", lambda found: " … " if found[0].startswith(" ") else "…", text
    )


class Operators:
    """Two hosts on one store behind nginx, and a shell that follows the page.

    with_uploads: take each host out of nginx first, as the page's first warning says.
    """

    def __init__(self, behind: Balanced, folder: Path, store: str, *, with_uploads: bool) -> None:
        self._behind = behind
        self._with_uploads = with_uploads
        self._folder = folder
        self._at = behind.hosts[0]
        for host in behind.hosts:
            self._environment_of(host).write_text(f'PIXSTORE_SECRET="{SECRET}"\n')
        self.shell = Shell(
            folder,
            environment={},
            instead={URL: store, "/srv/pictures/.venv/bin": str(Path(sys.executable).parent)},
            handlers=handlers_of(behind, self._restart),
        )
        self._go_to(self._at)

    def _environment_of(self, host: Host) -> Path:
        return self._folder / f"{host.address}.env"

    def _go_to(self, host: Host) -> None:
        self._at = host
        self.shell.instead |= {
            **paths_of(self._behind, host),
            "/etc/pictures/secret.env": str(self._environment_of(host)),
        }

    def _restart(self) -> None:
        (value,) = re.findall(r'^PIXSTORE_SECRET="(.*)"\n$', self._environment_of(self._at).read_text())
        self._at.environment["PIXSTORE_SECRET"] = value
        restart(self._at)

    def follow(self, text: str) -> None:
        """Do the numbered steps of a text; those that say so on each host."""
        for step in re.split(r"^\d\. ", text, flags=re.MULTILINE)[1:]:
            is_for_all = re.search(EACH_HOST, step, re.IGNORECASE)
            for host in self._behind.hosts if is_for_all else self._behind.hosts[:1]:
                self._go_to(host)
                if is_for_all and self._with_uploads:
                    self._take_out(step)
                else:
                    self.shell.follow(step)

    def _take_out(self, step: str) -> None:
        """Do a step with the steps of the other page in place of the restart and the wait after it."""
        commands = steps_of(step)
        (at,) = [n for n, (command, _) in enumerate(commands) if command == "systemctl restart pictures"]
        assert commands[at - 1].command.startswith("echo ")
        for before in commands[:at]:
            self.shell.do(before)
        self.shell.follow(TAKING_OUT)
        for after in commands[at + 2 :]:
            self.shell.do(after)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("way", "with_uploads"),
    [("to the end", False), ("to the end", True), ("back from step 5", False), ("back from step 2", False)],
)
def test_the_page_loses_no_request(tmp_path: Path, postgres: Cluster, way: str, with_uploads: bool) -> None:
    """By the page alone, on two hosts behind nginx and on PostgreSQL, no request fails; nor on the way back."""
    store = postgres.create("rotation")
    try:
        asyncio.run(_save_three(store))
        environment = {"PIXSTORE_TEST_DB": store, "PIXSTORE_SECRET": SECRET}
        with (
            running_hosts(tmp_path, environment, number=2, workers=1) as hosts,
            balanced(hosts, tmp_path) as behind,
            # nginx's reload closes idle connections: a browser would ask again on another one.
            ReadLoad(behind.nginx, uploads=with_uploads, keep_alive=not with_uploads) as load,
        ):
            load.go_on(50)
            operators = Operators(behind, tmp_path, store, with_uploads=with_uploads)
            started = time.monotonic()
            with operators.shell as shell:
                steps, back = (any_number(section_of(PAGE, heading)) for heading in ("Steps", "Go back"))
                if way == "to the end":
                    operators.follow(steps)
                    shell.follow(any_number(section_of(PAGE, "Check it")))
                else:
                    is_late = way == "back from step 5"
                    operators.follow(steps.partition("\n6. " if is_late else "\n3. ")[0])
                    operators.follow(back if is_late else "\n3. " + back.partition("\n3. ")[2])
                    shell.run('export PIXSTORE_SECRET="$old"')
                    code, printed = shell.run('pixstore-asgi keys status --database "$STORE"')
                    assert (code, len(printed.splitlines())) == (0, 2), printed
            took = time.monotonic() - started
            load.go_on(50)
        print(f"\n{load.done} in {took:.0f} s")
        assert load.failed == []
        assert sorted(path.name for path in tmp_path.glob("*.env*")) == ["127.0.0.2.env", "127.0.0.3.env"]
        assert load.done.total() > 120  # a hundred before and after the steps, the rest while they go on
    finally:
        postgres.run("DROP DATABASE rotation WITH (FORCE)")


async def _save_three(store: str) -> None:
    async with Pixstore(store, secret=SECRET) as pix:
        for seed in range(3):
            await pix.save_image(picture(seed=seed))
