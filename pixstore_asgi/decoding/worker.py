"""A worker process: reads one picture from its link, decodes it, sends the reply and ends."""

import io
import os
import socket
import sys
from typing import NoReturn

from .messages import MAX_REPLY_BYTES, NO_FOCUS, REQUEST, write_refusal, write_reply
from .pictures import Refused, decode
from .sandbox import Confinement, use_spare_memory
from .task import Refusal, Task

LINK_FD = 0
_STDERR_FD = 2
_OUT_OF_MEMORY = "Out of memory"  # libavif's text of its own error, which Pillow raises as a RuntimeError


def live(task: Task, confinement: Confinement) -> NoReturn:
    """Decode the picture that arrives on the descriptor LINK_FD, send the reply, and end the process."""
    status = 1
    try:
        confinement.apply()
        os.close(_STDERR_FD)  # a decoder could print bytes of the picture
        link = socket.socket(fileno=LINK_FD)
        link.sendall(answer(link, task))
        status = 0
    except ConnectionError:
        status = 0  # the application no longer waits
    except Exception as error:
        sys.stderr.write(f"pixstore-asgi: a process to decode in could not be set up: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(status)


def answer(link: socket.socket, task: Task) -> bytes:
    """Return the reply for the picture that arrives on the link. Raises ConnectionError if the link is closed."""
    try:
        size, name, *x_y = REQUEST.unpack(_received(link, REQUEST.size).getvalue())
        if (focus := (x_y[0], x_y[1])) != NO_FOCUS:
            task = task.with_focus(focus)
        return _reply(_received(link, size), name.rstrip(b"\0").decode(), task)
    except MemoryError:
        pass
    use_spare_memory()
    return write_refusal(Refusal.MEMORY)


def _reply(file: io.BytesIO, name: str, task: Task) -> bytes:
    try:
        reply = write_reply(decode(file, name, task))
    except Refused as refused:
        return write_refusal(refused.refusal)
    except (MemoryError, ConnectionError):
        raise
    except Exception as error:  # a decoder may raise any error for damaged bytes
        if _OUT_OF_MEMORY in str(error):
            raise MemoryError from None
        return write_refusal(Refusal.DAMAGED)
    return reply if len(reply) <= MAX_REPLY_BYTES else write_refusal(Refusal.REPLY)


def _received(link: socket.socket, size: int) -> io.BytesIO:
    file = io.BytesIO(bytes(size))
    with file.getbuffer() as view:
        taken = 0
        while taken < size:
            count = link.recv_into(view[taken:])
            if not count:
                raise ConnectionError("the application has gone")
            taken += count
    return file
