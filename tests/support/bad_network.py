"""A proxy on 127.0.0.1 between a client and a server, which disturbs connections as networks and servers do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.servers import free_port

_PIECE = 16 * 1024


@dataclass
class BadNetwork:
    """The disturbances of connections; clients connect to `port`.

    statuses: answered in their order in the server's place, each to one connection. refusal: a status and S3's code for
    it, answered to all. cut_after: bytes of the server's
    after which a connection is closed. trickle_s: a pause before each piece of the server's. says_more: not set while
    the server's bytes are held back. is_gone: connections are closed as soon as they are made. connections: how many
    there were.
    """

    port: int
    statuses: list[int] = field(default_factory=list)
    refusal: tuple[int, str] | None = None
    cut_after: int | None = None
    trickle_s: float = 0
    says_more: asyncio.Event = field(default_factory=asyncio.Event)
    is_gone: bool = False
    connections: int = 0
    tasks: set[asyncio.Task[object]] = field(default_factory=set)

    def drop(self) -> None:
        """End all connections: clients keep some open for their next requests."""
        for task in self.tasks:
            task.cancel()


@asynccontextmanager
async def bad_network(server_port: int) -> AsyncIterator[BadNetwork]:
    """Run a proxy to a server, which does nothing bad until it is told to."""
    network = BadNetwork(free_port())
    network.says_more.set()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        network.connections += 1
        task = asyncio.current_task()
        assert task is not None
        network.tasks.add(task)
        try:
            if not network.is_gone:
                await (_answer if network.statuses or network.refusal else _join)(network, reader, writer, server_port)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one of both has gone, or the connection was dropped
        finally:
            network.tasks.discard(task)
            writer.transport.abort()
            writer.close()

    server = await asyncio.start_server(connect, "127.0.0.1", network.port)
    async with server:
        yield network
        server.close()
        tasks = list(network.tasks)
        network.drop()
        await asyncio.gather(*tasks)


async def _answer(
    network: BadNetwork, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _server_port: int
) -> None:
    await reader.readuntil(b"\r\n\r\n")
    if network.refusal:
        status, code = network.refusal
    else:
        status = network.statuses.pop(0)
        code = "SlowDown" if status == 503 else "InternalError"
    body = f"<Error><Code>{code}</Code></Error>".encode()
    head = f"HTTP/1.1 {status} Bad\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    writer.write_eof()
    await reader.read()  # until the client has read it too: an abort would take it away


async def _join(
    network: BadNetwork, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server_port: int
) -> None:
    from_server, to_server = await asyncio.open_connection("127.0.0.1", server_port)
    forth = asyncio.create_task(_pass_on(reader, to_server))
    back = asyncio.create_task(_pass_back(network, from_server, writer))
    try:
        await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        to_server.close()
        forth.cancel()
        back.cancel()
        await asyncio.gather(forth, back, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()


async def _pass_back(network: BadNetwork, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    left = network.cut_after
    while piece := await reader.read(_PIECE):
        await network.says_more.wait()
        await asyncio.sleep(network.trickle_s)
        writer.write(piece if left is None else piece[:left])
        await writer.drain()
        left = None if left is None else left - len(piece)
        if left is not None and left <= 0:
            return
