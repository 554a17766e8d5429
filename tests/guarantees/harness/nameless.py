"""A network behind which a broker names topics and no brokers, as one may that has just started.

    with Nameless() as proxy:
        proxy.lie()  # librdkafka's clients that ask for metadata now let go of all brokers, and never ask again

librdkafka begins anew after such an answer, unless the connection ends while it is still at it. So the answer repeats
its topics (one with many topics takes as long), and the connection ends behind it.
"""

import asyncio
from contextvars import ContextVar

from tests.guarantees.harness.proxy import Proxy, _frame

METADATA, FLEXIBLE = 3, 9
"""Kafka's request, and its first version in which lengths are varints. aiokafka speaks older ones, and is not lied
to."""
WITH_ERROR = 13
"""The version since which an error stands behind the topics."""
TOPICS = 20_000
_ASKED: ContextVar[dict[int, int]] = ContextVar("asked")
"""Versions of the Metadata requests of a connection that wait for their answers, by their correlation ids."""


class Nameless(Proxy):
    """A Proxy that lies when told to."""

    def __init__(self) -> None:
        super().__init__()
        self._lying = False
        self.told = 0
        """How many answers named no brokers."""

    def lie(self, lying: bool = True) -> None:
        """From now on, or no more."""
        self._lying = lying

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _ASKED.set({})
        await super()._connected(reader, writer)

    async def _receive(
        self, way: str, source: asyncio.StreamReader, queue: "asyncio.Queue[tuple[float, bytes]]"
    ) -> None:
        asked, frame = _ASKED.get(), b"-"
        while frame:
            frame = await _frame(source)
            if way == "up":
                _note(asked, frame)
            version = asked.pop(_number(frame, 4, 4), None) if way == "down" else None
            if version is not None and self._lying:
                self.told += 1
                await queue.put((self._loop.time(), without_brokers(frame, version)))
                frame = b""
            await queue.put((self._loop.time(), frame))


def _note(asked: dict[int, int], request: bytes) -> None:
    key, version = _number(request, 4, 2), _number(request, 6, 2)
    if key == METADATA and version >= FLEXIBLE:
        asked[_number(request, 8, 4)] = version


def without_brokers(answer: bytes, version: int) -> bytes:
    """A Metadata response as it would be while no broker is known. Frame: length, correlation id, tags; throttle time,
    brokers, cluster id, controller, topics."""
    begin = 4 + 4 + 1 + 4
    count, at = _varint(answer, begin)
    for _ in range(count - 1):
        at = _behind_text(answer, at + 4)  # id, host
        at = _behind_text(answer, at + 4) + 1  # port, rack, tags
    cluster = answer[at : (topics := _behind_text(answer, at) + 4)]
    count, first = _varint(answer, topics)
    tail = len(answer) - (3 if version >= WITH_ERROR else 1)
    times = TOPICS // (count - 1) if count > 1 else 1
    repeated = _as_varint((count - 1) * times + 1) + answer[first:tail] * times
    body = answer[4:begin] + _as_varint(1) + cluster + repeated + answer[tail:]
    return len(body).to_bytes(4, "big") + body


def _number(frame: bytes, at: int, octets: int) -> int:
    return int.from_bytes(frame[at : at + octets], "big")


def _varint(frame: bytes, at: int) -> tuple[int, int]:
    """The number, and where it ends. A compact length is one more than what it counts."""
    value = shift = 0
    while True:
        octet = frame[at]
        value |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return value, at


def _as_varint(value: int) -> bytes:
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])


def _behind_text(frame: bytes, at: int) -> int:
    length, begin = _varint(frame, at)
    return begin + max(length - 1, 0)
