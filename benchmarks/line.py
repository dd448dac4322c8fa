"""A long and slow line between a browser and a server, as a process that forwards TCP connections.

    python -m benchmarks.line --delay-ms 75 --down-kbit 1600 --up-kbit 750 --connecting PORT:TARGET_PORT ...

Every byte arrives later by the delay. All connections of all ports share the rate of each direction, a packet of each
in turn. The process models no loss, no slow start, no packet headers and no TLS. For each line on standard input it
prints the bytes and connections since the last one, as JSON.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

_PACKET_BYTES = 1_460  # of TCP, in an Ethernet packet
_PIECE_BYTES = 1 << 16  # without a rate
_LATE_S = 0.02  # a sender that comes back this soon was held up by this process, not idle


class _Direction:
    """One direction of the line, for all connections."""

    def __init__(self, delay_s: float, kbit_per_s: float | None) -> None:
        self.bytes = 0
        self._delay_s = delay_s
        self._seconds_per_byte = 8 / (kbit_per_s * 1000) if kbit_per_s else 0.0
        self._piece_bytes = _PACKET_BYTES if kbit_per_s else _PIECE_BYTES
        self._turn = asyncio.Lock()  # fair: the sender that waits longest is next
        self._free_at = 0.0

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward the bytes of one connection until it ends, then close the writer."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.ensure_future(_deliver(under_way, writer))
        try:
            while piece := await reader.read(self._piece_bytes):
                under_way.put_nowait((await self._sent(len(piece)) + self._delay_s, piece))
            under_way.put_nowait((asyncio.get_running_loop().time() + self._delay_s, b""))
            await delivering
        except ConnectionError:
            delivering.cancel()
        finally:
            writer.close()

    async def _sent(self, size: int) -> float:
        """Wait for a turn, and until the line has taken so many bytes. Return the time at which it has."""
        async with self._turn:
            now = asyncio.get_running_loop().time()
            self.bytes += size
            start = self._free_at if self._free_at > now - _LATE_S else now
            self._free_at = start + size * self._seconds_per_byte
            if self._seconds_per_byte:
                await asyncio.sleep(self._free_at - now)
            return max(self._free_at, now)


async def _deliver(under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    while True:
        due, piece = await under_way.get()
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        if not piece:
            return
        writer.write(piece)
        await writer.drain()


class _Line:
    """Both directions, and the counts of their bytes and connections."""

    def __init__(self, delay_ms: float, down_kbit: float | None, up_kbit: float | None, *, connecting: bool) -> None:
        delay_s = delay_ms / 1000
        self._down, self._up = _Direction(delay_s, down_kbit), _Direction(delay_s, up_kbit)
        self._connect_s = 2 * delay_s if connecting else 0.0
        self._connections = 0

    def to(self, target_port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        """Return the handler of the connections to a port."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._connections += 1
            # The browser sends at once, because this process has answered its SYN: its first byte waits instead.
            await asyncio.sleep(self._connect_s)
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", target_port)
            await asyncio.gather(self._up.forward(reader, target_writer), self._down.forward(target_reader, writer))

        return connected

    def take(self) -> dict[str, int]:
        """Return the counts since the last call."""
        counts = {"down_bytes": self._down.bytes, "up_bytes": self._up.bytes, "connections": self._connections}
        self._down.bytes = self._up.bytes = self._connections = 0
        return counts


async def _serve(arguments: argparse.Namespace) -> None:
    line = _Line(arguments.delay_ms, arguments.down_kbit, arguments.up_kbit, connecting=arguments.connecting)
    for ports in arguments.ports:
        port, target_port = map(int, ports.split(":"))
        await asyncio.start_server(line.to(target_port), "127.0.0.1", port)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(line.take()), flush=True)
    await asyncio.Event().wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="line")
    parser.add_argument("ports", nargs="+", metavar="PORT:TARGET_PORT")
    parser.add_argument("--delay-ms", type=float, required=True, help="of each direction")
    parser.add_argument("--down-kbit", type=float, help="kbit per second to the browser; default: no limit")
    parser.add_argument("--up-kbit", type=float, help="kbit per second to the server; default: no limit")
    parser.add_argument("--connecting", action="store_true", help="connecting takes a round trip, too")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
