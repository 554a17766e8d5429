"""Reading verdicts: what a mailer written in Python imports.

    with Verdicts("127.0.0.1:9092", group="mailer") as verdicts:
        for verdict in verdicts:
            if verdict.action == "send": mailer.send(verdict)

What is no verdict is passed over, and told of: nobody can do anything about it in a mailer, and one broken record must
not stop all mail. Who would rather stop says so. Groups, and what counts as handled: subscribe.py.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from sidestep.schemas.verdicts import Verdict
from sidestep.topics.beginnings import Start
from sidestep.topics.catalog import APPROVED, REJECTED
from sidestep.topics.connection import Connection
from sidestep.topics.errors import UnreadableVerdict
from sidestep.topics.received import Received, Unproved
from sidestep.topics.subscribe import Subscription
from sidestep.topics.verdict_keys import VerdictKeys

TOLD_SECONDS = 60.0
"""Between two lines of the log about the same reason."""

log = logging.getLogger(__name__)


class Verdicts:
    """Verdicts, as they are made: of email-approved and email-rejected unless told otherwise.

    `unreadable`: what becomes of a record that is no verdict, or of which nothing proves that it is one. "skip": it is
    passed over, counted in `skipped` by the reason's code, and told to `report`, which writes a line into the log at
    most once a minute for each reason unless you give another. "raise": UnreadableVerdict, once those before it were
    handed out; reading does not go on, and the record does not count as handled. All else as Subscription.
    """

    def __init__(
        self,
        connection: Connection | str,
        group: str | None = None,
        topics: Sequence[str] = (APPROVED.name, REJECTED.name),
        start: Start | None = None,
        verify: VerdictKeys | None = None,
        unreadable: Literal["skip", "raise"] = "skip",
        report: Callable[[Received], None] | None = None,
        **kafka_config: Any,
    ):
        if unreadable not in ("skip", "raise"):
            raise ValueError(f"unreadable={unreadable!r} is neither 'skip' nor 'raise'")
        self.skipped: Counter[str] = Counter()
        """What was passed over, by the reason's code."""
        self._raises = unreadable == "raise"
        self._report = report or _Log()
        self._broken: UnreadableVerdict | None = None
        self._records = Subscription(connection, topics, group, start, verify, **kafka_config)

    def poll(self, timeout: float) -> Verdict | None:
        """The next verdict, or None after `timeout` seconds. Raises UnreadableVerdict if that was asked for."""
        verdicts = self.batch(1, timeout)
        return verdicts[0] if verdicts else None

    def batch(self, most: int, timeout: float) -> list[Verdict]:
        """Up to `most` verdicts, what has arrived; they count as handled at the next call. Raises as poll."""
        deadline = time.monotonic() + timeout
        while True:
            if self._broken is not None:
                self._records.handled()  # those before it
                raise self._broken
            records = self._records.batch(most, max(deadline - time.monotonic(), 0))
            through = self._until(records)
            verdicts = [record.value for record in records[:through] if isinstance(record.value, Verdict)]
            if verdicts or (through == len(records) and (not records or time.monotonic() >= deadline)):
                return verdicts

    @property
    def refused(self) -> Counter[str]:
        """Of those passed over, what nothing proves, by the reason's code; empty without `verify`."""
        return self._records.refused

    def handled(self) -> None:
        """What was handed out is done with."""
        self._records.handled()

    def close(self) -> None:
        """Leaves the group."""
        self._records.close()

    def __iter__(self) -> Iterator[Verdict]:
        while True:
            if (verdict := self.poll(1.0)) is not None:
                yield verdict

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._records.__exit__(kind, error, trace)

    def _until(self, records: Sequence[Received]) -> int:
        """How many of these records to go through: all, or those before one that ends reading."""
        for number, record in enumerate(records):
            if isinstance(record.value, Verdict):
                continue
            if self._raises:
                self._broken = UnreadableVerdict(_told(record))
                self._records.let_go(number)
                return number
            self.skipped[record.value.code] += 1
            self._report(record)
        return len(records)


class _Log:
    """Tells of records that are passed over, each reason once a minute."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def __call__(self, record: Received) -> None:
        if isinstance(record.value, Unproved):
            return  # the check of proofs has said so
        code, now = record.value.code, time.monotonic()
        if now - self._told.get(code, -TOLD_SECONDS) >= TOLD_SECONDS:
            self._told[code] = now
            log.warning("passed over: %s", _told(record))


def _told(record: Received) -> str:
    """Where it stands and what is wrong with it; nothing of what is in it."""
    position = f"{record.topic}/{record.partition}/{record.offset}"
    return f"{position} is no verdict: {record.value.code}: {record.value.text}"
