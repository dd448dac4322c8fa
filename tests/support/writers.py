"""The state of a version that is being written."""

from pixstore_asgi.store.contract import ImageWriter
from pixstore_asgi.store.tables.bodies import ChunkSink
from pixstore_asgi.store.writers import Writer


async def staged(writer: ImageWriter) -> ChunkSink:
    """Return the sink of a body in chunks once the database has the chunks that were handed to it."""
    assert isinstance(writer, Writer)
    assert isinstance(writer._sink, ChunkSink)
    await writer._sink.staged()
    return writer._sink
