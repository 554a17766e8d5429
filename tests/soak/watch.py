"""Verdicts as they come, by a plain reader of committed records; and all of them again in the end."""

import threading
import time
from collections.abc import Callable, Iterable

from sidestep.streams.runtime.record import Record
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, REJECTED
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import TopicReader
from tests.soak.checker import Account
from tests.soak.load import Judged, read_name

VERDICTS = (APPROVED.name, REJECTED.name)


class Watch:
    """Reads in a thread of its own from start() to finish(). `lock` guards the account."""

    def __init__(
        self, connection: Connection, account: Account, lock: threading.Lock, answered: Callable[[Judged], object]
    ):
        self.last = time.monotonic()
        """When the latest verdict was read."""
        self._account = account
        self._lock = lock
        self._answered = answered
        self._reader = TopicReader(connection, *VERDICTS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """End the thread and the reader."""
        self._stop.set()
        self._thread.join()
        self._reader.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            records = self._reader.take(0.2)
            with self._lock:
                judged = count(self._account, records)
            for each in judged:
                if not isinstance(each.name, int):
                    self._answered(each)
            if records:
                self.last = time.monotonic()


def count(account: Account, records: Iterable[Record]) -> list[Judged]:
    """Take verdicts into the account."""
    judged = [read_name(record.value() or b"") for record in records]
    for each in judged:
        account.judge(each.name)
    return judged


def everything(connection: Connection, account: Account) -> int:
    """All verdicts from the beginning, into the account; how many dead letters there are."""
    reader = TopicReader(connection, *VERDICTS, DEAD_LETTERS.name)
    dead = 0
    while not reader.ended:
        records = reader.take(0.1)
        verdicts = [record for record in records if record.topic() != DEAD_LETTERS.name]
        dead += len(records) - len(verdicts)
        count(account, verdicts)
    reader.close()
    return dead
