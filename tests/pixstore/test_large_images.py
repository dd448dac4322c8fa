"""An image of any length passes through in bounded memory, in and out."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCRIPT = """
    import asyncio, hashlib, sys
    from pathlib import Path
    from pixstore_asgi import Pixstore
    from tests.support.samples import SECRET, picture

    PIECE = bytes(range(256)) * 256

    def most_memory():
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

    async def pieces(size):
        small = picture("png", 1)
        end = small.rindex(b"IEND") - 4
        yield small[:end] + size.to_bytes(4, "big") + b"fiLl"
        for _ in range(size // len(PIECE)):
            yield PIECE
        yield bytes(4) + small[end:]

    async def main(path, mib):
        async with Pixstore(path, secret=SECRET, max_image_bytes=1 << 30) as pix:
            await pix.save_image(picture())
            idle = most_memory()
            record = await pix.save_image(pieces((mib << 20) - (1 << 20)))
            saved = most_memory()
            payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
            size = sum([len(piece) async for piece in payload])
            assert size == payload.size > (mib - 1) << 20
            print(f"{saved - idle:.0f} {most_memory() - idle:.0f}")

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("mib", [48, pytest.param(1024, marks=[pytest.mark.soak, pytest.mark.timeout(300)])])
def test_memory_is_bounded(tmp_path: Path, mib: int) -> None:
    """Saving and serving an image costs a few MiB, at any length up to the limit of 1 GiB."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "pixstore.db"), str(mib)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    saving, both = map(int, result.stdout.split())
    print(f"{mib} MiB: {saving} MiB above idle to save, {both} MiB to save and serve")
    assert both < 24
