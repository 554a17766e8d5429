"""Publishing with a word for each record that Kafka has it. One thread, which publishes all that wait as one group.

A group succeeds or fails together: where one record of it is not confirmed, none is, and all of them come again.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed
from sidestep.topics.publish import Headers, Publisher
from sidestep.topics.signer import Signer

DELIVERY_MS = 5_000
"""Milliseconds after which a record is given up: providers wait some ten seconds for an answer."""
WAIT_SECONDS = 8.0
"""For which one record is waited for, the group before it included."""
WAITING_MOST = 2_000
WAITING_OCTETS = 64 * 1024 * 1024
GROUP_MOST = 500

log = logging.getLogger(__name__)


class NotTaken(Exception):
    """Kafka has not confirmed the record: it may or may not be there."""


class _Publishes(Protocol):
    def publish_bytes(self, topic: str, value: bytes, *, headers: Headers) -> None: ...

    def flush(self) -> None: ...


@dataclass(frozen=True)
class _Waiting:
    topic: str
    value: bytes
    headers: Headers
    done: asyncio.Future[None]


class ConfirmingPublisher:
    """The publisher. `publish` belongs to one event loop, on which it is made; `close` ends its thread."""

    def __init__(self, new_publisher: Callable[[], _Publishes]) -> None:
        self._new_publisher = new_publisher
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._waiting = self._octets = 0
        self.trouble = ""
        """Why Kafka did not take the last group; empty: it did."""
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    @classmethod
    def to(cls, connection: Connection, signer: Signer | None = None) -> "ConfirmingPublisher":
        """A publisher to a cluster; nothing is asked yet. `signer` belongs to its thread from now on."""
        return cls(lambda: Publisher(connection, signer=signer, **{"delivery.timeout.ms": DELIVERY_MS}))

    async def publish(self, topic: str, value: bytes, headers: Headers) -> None:
        """Returns when Kafka has the record. Raises NotTaken."""
        if self._waiting >= WAITING_MOST or self._octets + len(value) > WAITING_OCTETS:
            raise NotTaken("too many records wait for Kafka")
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting, self._octets = self._waiting + 1, self._octets + len(value)
        self._queue.put(_Waiting(topic, value, headers, done))
        try:
            await asyncio.wait_for(asyncio.shield(done), WAIT_SECONDS)
        except TimeoutError:
            raise NotTaken("Kafka has not answered in time") from None

    async def close(self) -> None:
        """Publish what waits, and end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        publisher: _Publishes | None = None
        while (first := self._queue.get()) is not None:
            group, more = self._group(first)
            try:
                publisher = publisher or self._new_publisher()
                self._publish(publisher, group)
            except PublishFailed as error:
                self._tell(group, str(error))
            except Exception as error:
                log.exception("publishing failed")
                publisher = None  # librdkafka's fatal errors last as long as the client
                self._tell(group, type(error).__name__)
            else:
                self._tell(group, "")
            if not more:
                return

    def _group(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """All that wait now; and whether more may come."""
        group = [first]
        while len(group) < GROUP_MOST and not self._queue.empty():
            item = self._queue.get()
            if item is None:
                return group, False
            group.append(item)
        return group, True

    def _publish(self, publisher: _Publishes, group: list[_Waiting]) -> None:
        for item in group:
            publisher.publish_bytes(item.topic, item.value, headers=item.headers)
        publisher.flush()

    def _tell(self, group: list[_Waiting], trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.error("Kafka did not take what was received: %s", trouble)
        self.trouble = trouble
        self._loop.call_soon_threadsafe(self._end, group, trouble)

    def _end(self, group: list[_Waiting], trouble: str) -> None:
        for item in group:
            self._waiting, self._octets = self._waiting - 1, self._octets - len(item.value)
            if item.done.done():
                continue
            if trouble:
                item.done.set_exception(NotTaken(trouble))
            else:
                item.done.set_result(None)
