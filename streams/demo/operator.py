"""The demo's operator: puts a service on hold as `sidestep hold add` does."""

import time

from sidestep.streams.runtime.failpoints import from_environment
from sidestep.streams.screen.hold_writer import write_hold
from sidestep.streams.screen.holds import hold_record
from sidestep.topics.connection import Connection


class Operator:
    """The operator: a person who keeps an eye on the services."""

    def __init__(self, connection: Connection, group: str):
        self._connection = connection
        self._group = group

    def hold(self, service: str, seconds: float, why: str) -> None:
        """From here on its intents are deferred, for so long. Raises SidestepError."""
        now = int(time.time() * 1000)
        record = hold_record(service, now + int(seconds * 1000), why, now)
        write_hold(self._connection, self._group, record, from_environment())
