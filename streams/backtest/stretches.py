"""A log in stretches of time, one after the other. Pure."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from sidestep.streams.audit.replay import LogRecord
from sidestep.streams.runtime.readable import MOST, UNREADABLE


class _Stamped(Struct, gc=False):
    at: int


_stamped = msgspec.json.Decoder(_Stamped).decode
FOR_EVER_MS = MOST + 1


class Stretches:
    """A log, to be gone through once. A stretch has to be read to its end before the next one is asked for."""

    def __init__(self, log: Iterable[LogRecord]):
        self._log = iter(log)
        self._held: list[LogRecord] = []

    def before(self, until_ms: float) -> Iterator[LogRecord]:
        """The records up to the first one with this stamp or a later one."""
        if until_ms >= FOR_EVER_MS:
            yield from self.rest()
            return
        for record in self.rest():
            if until_ms <= _stamp(record) <= MOST:  # what is beyond moves no clock: Decide makes dead letters of it
                self._held.append(record)
                return
            yield record

    def rest(self) -> Iterator[LogRecord]:
        """All others."""
        while self._held:
            yield self._held.pop()
        for record in self._log:  # noqa: UP028 - "yield from" would end the log together with a stretch
            yield record


def _stamp(record: LogRecord) -> float:
    try:
        return _stamped(record[1]).at if record[1] is not None else -1
    except UNREADABLE:
        return -1
