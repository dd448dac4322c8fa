"""An application of one picture, to be looked at from outside: its argument is the picture's file and format."""

import asyncio
import sys
from pathlib import Path

from pixstore_asgi.decoding import Decoder, Variant


async def main(path: str, kind: str) -> None:
    """Decode the picture again and again until standard input ends, and tell of the first time."""
    data = Path(path).read_bytes()
    decoder = Decoder([Variant("v", 200)], placeholder=True)
    await decoder.decode([data], kind)
    print("decoded", flush=True)
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not ended.done():
        await decoder.decode([data], kind)
    await decoder.close()


asyncio.run(main(*sys.argv[1:]))
