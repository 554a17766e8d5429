"""The simulated day on a real Kafka: what was planned is published on time, and verdicts are answered as they come.

One thread does it all: services, mailer and reader. The day's 24 hours are squeezed into `seconds`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sidestep.streams.demo.incidents import Incidents
from sidestep.streams.demo.mailer import Mailer
from sidestep.streams.demo.offers import Offers
from sidestep.streams.demo.parties import STRANGER, Parties
from sidestep.streams.demo.planning import HOURS, IntentKey, Plan, key_of
from sidestep.streams.demo.seen import Seen
from sidestep.streams.demo.tally import DayTally
from sidestep.streams.demo.verdict_log import AnomalyReader, VerdictReader

TICK = 0.02
"""Seconds to wait for verdicts before it is looked again what is to be published."""
AT_ONCE = 2_000
"""Records published before verdicts are looked at again."""
SHOW_EVERY = 0.25
"""Seconds between two looks at the workers, and two pictures of how far the day is."""
SILENCE = 30.0
"""Seconds without any verdict, after which those still missing count as lost."""


@dataclass(frozen=True)
class Happening:
    """Something that happens at an hour of the day, besides traffic."""

    hour: float
    text: str
    do: Callable[[], None] = lambda: None


@dataclass
class Progress:
    """How far the day is; what the display shows."""

    tally: DayTally
    hour: float = 0.0
    published: int = 0
    """Records, repetitions included."""
    open: int = 0
    """Intents without a verdict."""
    rate: float = 0.0
    """Verdicts a second, lately."""
    news: str = ""
    started: float = field(default_factory=time.monotonic)


class Day:
    """One day. `run` returns when every intent has its verdict, or none has come for SILENCE."""

    def __init__(
        self,
        plan: Plan,
        seconds: float,
        parties: Parties,
        reader: VerdictReader,
        anomalies: AnomalyReader,
        mailer: Mailer,
        offers: Offers,
        happenings: list[Happening],
        show: Callable[[Progress], None],
    ):
        self._records = plan.records
        self._next = 0
        self._seconds = seconds
        self._parties = parties
        self._reader = reader
        self._anomalies = anomalies
        self._mailer = mailer
        self._offers = offers
        self._happenings = sorted(happenings, key=lambda happening: happening.hour)
        self._show = show
        self._sent_at: dict[IntentKey, float] = {}
        self._answered: set[IntentKey] = set()
        self._last_shown = self._last_count = 0.0
        self.tally = DayTally()
        self.incidents = Incidents()
        self.progress = Progress(self.tally)

    @property
    def published(self) -> set[IntentKey]:
        """Every intent that was published."""
        return set(self._sent_at)

    def run(self) -> None:
        """Raises PublishFailed, BrokerUnreachable, and whatever `show` raises."""
        began = heard = time.monotonic()
        while time.monotonic() - heard < SILENCE:
            self.progress.hour = (time.monotonic() - began) / self._seconds * HOURS
            busy = self._publish()
            verdicts = self._reader.verdicts(0 if busy else TICK)
            for verdict in verdicts:
                self._take(verdict)
            if verdicts or self.progress.hour < HOURS:
                heard = time.monotonic()
            self._look()
            if self._over():
                break
        self._parties.flush()
        self._look(last=True)

    def _over(self) -> bool:
        everything = self._next == len(self._records) and self.progress.hour >= HOURS
        return everything and len(self._answered) == len(self._sent_at)

    def _publish(self) -> bool:
        """Whether there is more to publish at once."""
        hour = self.progress.hour
        while self._happenings and self._happenings[0].hour <= hour:
            happening = self._happenings.pop(0)
            self.progress.news = happening.text
            happening.do()
        end = min(self._next + AT_ONCE, len(self._records))
        while self._next < end and self._records[self._next].hour <= hour:
            record = self._records[self._next]
            self._hand_over(record.value, record.key, record.intent or record.sender)
            self._next += 1
        if hour < HOURS:
            for intent in self._offers.due(time.time()):
                self._sent_at[key_of(intent)] = time.monotonic()
                self.progress.published += 1
                self._parties.intent(intent)
        return self._next == end < len(self._records)

    def _hand_over(self, value: bytes, key: str | None, intent: IntentKey | None) -> None:
        if intent is not None:
            self._sent_at.setdefault(intent, time.monotonic())
        self.progress.published += 1
        self._parties.octets(intent.service if intent is not None else STRANGER, value, key)

    def _take(self, verdict: Seen) -> None:
        key = verdict.key
        sent_at = self._sent_at.get(key)
        if sent_at is not None and key not in self._answered:
            self._answered.add(key)
            self.tally.add(verdict, time.monotonic() - sent_at)
        else:
            self.tally.add(verdict, None)  # strange or repeated: the final count will say so
        if verdict.action == "send":
            for report in self._mailer.send(verdict):
                self._parties.report(report)
        self._offers.answer(verdict, time.time())

    def _look(self, last: bool = False) -> None:
        elapsed = time.monotonic() - self._last_shown
        if elapsed < SHOW_EVERY and not last:
            return
        for anomaly in self._anomalies.anomalies():
            if news := self.incidents.take(anomaly):
                self.progress.news = news
                self._show(self.progress)
        rate = (self.tally.verdicts - self._last_count) / max(elapsed, SHOW_EVERY)
        self.progress.rate += (rate - self.progress.rate) * 0.5  # smoothed: batches come in jumps
        self.progress.open = len(self._sent_at) - len(self._answered)
        self._last_shown, self._last_count = time.monotonic(), self.tally.verdicts
        self._show(self.progress)
