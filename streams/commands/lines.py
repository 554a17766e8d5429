"""Lines of files and pipes, each as soon as it is there, for programs that keep the pipe open."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import IO

LINE_MAX = 1_048_576
"""Octets of a line; what follows is dropped."""

CHUNK = 65_536
AHEAD = 4
"""Chunks read before the first of them is taken."""

BOM = b"\xef\xbb\xbf"


class NotAnAddress(ValueError):
    """A line in which no address can be; says why."""


def address_in(line: bytes) -> str:
    """The text of a line that is to be an address: the line as it is, or the JSON string in it, lone surrogates
    included. Raises NotAnAddress."""
    if len(line) > LINE_MAX:
        raise NotAnAddress(f"longer than {LINE_MAX} octets")
    try:
        text = line.decode("utf-8").strip(" \t\r\n")
    except UnicodeDecodeError as error:
        raise NotAnAddress(f"not UTF-8 at octet {error.start}") from None
    if not (text.startswith('"') and text.endswith('"')):
        if "@" not in text or text.startswith(("{", "[")):
            raise NotAnAddress("neither an address nor a JSON string")
        return text
    try:
        return str(json.loads(text))
    except json.JSONDecodeError as error:
        raise NotAnAddress(f"not a JSON string: {error.msg.removesuffix(' at')} at character {error.pos}") from None


def split(stream: IO[bytes]) -> Iterator[list[bytes]]:
    """Lines as they arrive, several at once where they came at once; the last one need not end."""
    # unbuffered: a thread that waits in a buffered reader holds a lock that the interpreter wants when it ends
    raw = getattr(stream, "raw", stream)
    rest = b""
    while chunk := raw.read(CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[: LINE_MAX + 1]
        if whole:
            yield whole
    if rest:
        yield [rest]


async def arriving(streams: Iterable[IO[bytes]]) -> AsyncIterator[list[bytes]]:
    """The lines of all streams, one after the other, without holding up the event loop. Raises what reading raises."""
    queue: asyncio.Queue[list[bytes] | BaseException | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    room = threading.Semaphore(AHEAD)
    # a daemon: nobody can end a read of a pipe that stays open and silent
    threading.Thread(target=_read, args=(streams, queue, loop, room), name="lines", daemon=True).start()
    while (lines := await queue.get()) is not None:
        if isinstance(lines, BaseException):
            raise lines
        room.release()
        yield lines


def _read(
    streams: Iterable[IO[bytes]],
    queue: "asyncio.Queue[list[bytes] | BaseException | None]",
    loop: asyncio.AbstractEventLoop,
    room: threading.Semaphore,
) -> None:
    try:
        end: BaseException | None = None
        try:
            for stream in streams:
                for lines in split(stream):
                    room.acquire()
                    loop.call_soon_threadsafe(queue.put_nowait, lines)
        except (OSError, ValueError) as error:
            end = error
        loop.call_soon_threadsafe(queue.put_nowait, end)
    except RuntimeError:
        pass  # the loop was closed: nobody listens any more
