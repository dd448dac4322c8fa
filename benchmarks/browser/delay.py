"""Forwards TCP connections and lets every byte arrive later, as a long way does: `delay.py PORT TARGET_PORT DELAY_MS`.

Each direction has its own delay, and no limit on how much is under way. Connecting itself takes no time.
"""

import asyncio
import sys

_PIECE_BYTES = 1 << 16


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, piece = await under_way.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()

    delivering = asyncio.ensure_future(deliver())
    try:
        while piece := await reader.read(_PIECE_BYTES):
            under_way.put_nowait((loop.time() + delay_s, piece))
        under_way.put_nowait((loop.time() + delay_s, b""))
        await delivering
    except ConnectionError:
        delivering.cancel()
    finally:
        writer.close()


async def _serve(port: int, target_port: int, delay_s: float) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", target_port)
        await asyncio.gather(_forward(reader, target_writer, delay_s), _forward(target_reader, writer, delay_s))

    server = await asyncio.start_server(connect, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
