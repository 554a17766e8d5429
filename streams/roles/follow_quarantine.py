"""A Screen worker and the producers in quarantine: it follows who others put in and operators release, and tells of
them."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from sidestep.streams.observe.report import Report
from sidestep.streams.runtime.dead_letters import DeadLetterLimit
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.streams.screen.quarantine import QuarantineWard
from sidestep.streams.screen.quarantine_notes import PREFIX, QuarantineNote, quarantined
from sidestep.streams.settings import Settings
from sidestep.streams.terminal import printable
from sidestep.topics.catalog import CONTROL
from sidestep.topics.errors import SidestepError

FOLLOW_SECONDS = 10.0
PATIENCE = 3.0
"""Seconds for which a worker that leaves may have to wait for this, where Kafka is out of reach."""
UNDER_WAY_MS = 5_000
"""For which a note may be on its way to email-control."""

log = logging.getLogger(__name__)


def new_limit(settings: Settings) -> Callable[[], DeadLetterLimit] | None:
    """Makes the limit of a partition by which the worker leaves; None: nobody's records make it leave."""
    if not settings.dead_letter_exit:
        return None
    return lambda: DeadLetterLimit(settings.dead_letter_share, settings.dead_letter_window)


class FollowQuarantine:
    """The ward of one worker, kept up with email-control."""

    def __init__(self, settings: Settings, report: Report):
        self._connection = settings.connection
        self._health = report.health
        share = 1.0 if settings.dead_letter_exit else settings.dead_letter_share
        self.ward = QuarantineWard(share, settings.dead_letter_window, settings.quarantine_rate, self._tell)
        self._notes: dict[str, bytes] = {}
        self._offset = 0
        self._by_topic: Counter[str] = Counter()
        report.metrics.read("quarantine", self._families)

    async def follow(self) -> None:
        """For ever. Kafka out of reach: what was known stays."""
        while True:
            try:
                asked_ms = int(time.time() * 1000) - UNDER_WAY_MS
                await asyncio.to_thread(self._read)
                self.ward.take_over(list(quarantined(self._notes)), asked_ms)
            except SidestepError as error:
                log.warning("who is in quarantine is asked later: %s", error)
            await asyncio.sleep(FOLLOW_SECONDS)

    def _read(self) -> None:
        control = (CONTROL.name, (0,), "sidestep-control", self._offset)
        for record in read_to_end(self._connection, *control, patience=PATIENCE):
            key = (record.key() or b"").decode("utf-8", "replace")
            if key.startswith(PREFIX):
                self._notes[key] = record.value() or b""  # empty: released
            self._offset = record.offset() + 1

    def _tell(self, notes: Collection[QuarantineNote]) -> None:
        self._by_topic = Counter(note.topic for note in notes)
        self._health.quarantined([printable(str(note.producer)) for note in notes])

    def _families(self) -> Iterable[Metric]:
        about = "Producers in quarantine, of all partitions: mostly what they send can't be read."
        family = GaugeMetricFamily("sidestep_quarantined_producers", about, labels=("topic",))
        for topic, count in self._by_topic.items():
            family.add_metric((topic,), count)
        yield family
