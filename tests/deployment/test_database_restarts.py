"""PostgreSQL stops and restarts under a running application: the answers to clients, and that nothing is lost."""

import signal
from collections.abc import Iterator

import httpx
import pytest

from pixstore_asgi import ImageRecord, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.deployment.traffic import Traffic
from tests.support.hosts import Host, running_hosts
from tests.support.postgres import Cluster, running_cluster
from tests.support.requests import headers, image_of, url_of
from tests.support.samples import SECRET, large_png, picture
from tests.support.service import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LARGE = large_png(32 * 1024 * 1024)
NOT_READY = {"ready": False, "reason": "store"}


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    """A cluster that these tests stop and start."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def hosts(database: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    """Two hosts, which no test starts again: they recover by themselves.

    Of one worker each: uvicorn ends where a second one, which may still be starting, finds no database.
    """
    environment = {"PIXSTORE_TEST_DB": database.url(), "PIXSTORE_SECRET": SECRET}
    with running_hosts(tmp_path_factory.mktemp("hosts"), environment, number=2, workers=1) as running:
        yield running
        assert [host.process.poll() for host in running] == [None, None]


@pytest.fixture
def host(hosts: list[Host]) -> Host:
    return hosts[0]


def client() -> httpx.Client:
    return httpx.Client(timeout=60, trust_env=False)


def save(host: Host, image: bytes) -> ImageRecord:
    with client() as http:
        return ImageRecord.parse(http.post(f"{host.url}/images", content=image).raise_for_status().json())


def fresh(host: Host, record: ImageRecord) -> ImageRecord:
    with client() as http:
        return ImageRecord.parse(http.get(f"{host.url}/images/{record.id}").raise_for_status().json())


def go_on(traffic: Traffic) -> None:
    """Wait until twenty further updates went well."""
    wanted = traffic.done["updates"] + 20
    until(lambda: traffic.done["updates"] >= wanted, traffic.failed)


def restart(database: Cluster) -> None:
    """Let the database die without a word to its clients' transactions, and recover."""
    database.stop(signal.SIGQUIT)
    database.start()


def test_a_database_that_is_away_is_told_and_come_back_is_used(database: Cluster, host: Host) -> None:
    """Without its database a host is not ready, pages get InternalError and savers 503; with it all goes on."""
    record = save(host, picture())
    database.stop()
    try:
        until(lambda: host.readiness == NOT_READY, host)
        with client() as http:
            answer = http.get(url_of(host, record), headers=headers(record))
            assert (answer.status_code, answer.headers["x-pixstore-state"]) == (200, "InternalError")
            assert "no-store" in answer.headers["cache-control"]
            saving = http.post(f"{host.url}/images", content=picture())
            assert (saving.status_code, "retry-after" in saving.headers) == (503, True)
            assert saving.json() == {"detail": "the database can't be reached: try again later"}
            assert http.get(f"{host.url}/images/{record.id}").status_code == 503
            assert http.get(f"{host.url}/pixstore-image/-/live").json() == {"live": True}
    finally:
        database.start()
    host.wait_until_ready()
    assert image_of(host, fresh(host, record)) == picture()
    assert image_of(host, save(host, picture("webp"))) == picture("webp")


def test_a_stream_goes_on_after_a_restart(database: Cluster, host: Host) -> None:
    """A client in the middle of a large image gets all of it when the database restarts meanwhile."""
    record = save(host, LARGE)
    with client() as http, http.stream("GET", url_of(host, record), headers=headers(record)) as response:
        pieces = response.iter_raw()
        body = next(pieces)
        restart(database)
        body += b"".join(pieces)
    sealed = decode_payload(body).ciphertext
    assert unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=sealed)[1] == LARGE


def test_a_stream_without_its_database_ends_as_cut(database: Cluster, host: Host) -> None:
    """Where the database stays away, the body ends before its announced length, and never as if it were whole."""
    record = save(host, LARGE)
    try:
        with client() as http, http.stream("GET", url_of(host, record), headers=headers(record)) as response:
            pieces = response.iter_raw()
            next(pieces)
            database.stop(signal.SIGQUIT)
            with pytest.raises(httpx.RemoteProtocolError):
                b"".join(pieces)
    finally:
        database.start()
    host.wait_until_ready()
    assert image_of(host, fresh(host, record)) == LARGE


def test_an_upload_goes_on_after_a_restart(database: Cluster, host: Host) -> None:
    """An upload during a restart of the database is stored whole, or gets a 503 if it was being written."""

    def upload() -> Iterator[bytes]:
        yield LARGE[: len(LARGE) // 2]
        restart(database)
        yield LARGE[len(LARGE) // 2 :]

    with client() as http:
        answer = http.post(f"{host.url}/images", content=upload())
        if answer.status_code == 503:
            answer = http.post(f"{host.url}/images", content=LARGE)
    assert image_of(host, ImageRecord.parse(answer.raise_for_status().json())) == LARGE


def test_an_update_without_its_database_leaves_the_image(database: Cluster, host: Host) -> None:
    """Where the database stays away in the middle of an update, it is a 503 and the image stays as it was."""
    record = save(host, picture())

    def upload() -> Iterator[bytes]:
        yield LARGE[: len(LARGE) // 2]
        database.stop(signal.SIGQUIT)
        yield LARGE[len(LARGE) // 2 :]

    try:
        with client() as http:
            assert http.put(f"{host.url}/images/{record.id}", content=upload()).status_code == 503
    finally:
        database.start()
    host.wait_until_ready()
    after = fresh(host, record)
    assert (after.token, image_of(host, after)) == (record.token, picture())


def test_restarts_under_traffic_lose_nothing(database: Cluster, hosts: list[Host]) -> None:
    """The database dies and recovers three times: failures are reported, and every acknowledged image is there."""
    with Traffic(hosts[0].url, hosts) as traffic:
        for _ in range(3):
            go_on(traffic)
            restart(database)
        go_on(traffic)
    traffic.check_all()
    print(f"{dict(traffic.done)}, failed: {traffic.failed}")
    assert traffic.stale == []
    told = ("503", "InternalError", "without sending complete message body")
    assert [failure for failure in traffic.failed if not any(word in failure for word in told)] == []
