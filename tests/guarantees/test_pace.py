"""A provider's limit across partitions, with a real broker, workers that decide and one that watches.

The log is written as Screen writes it, a minute of log time at once: each minute waits until Watch has ended the one
before, whose control records so stand before it, as they do in real time.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from sidestep.schemas import Evidence, MxFinding, Verdict
from sidestep.schemas.codec import encode
from sidestep.streams.watch.thresholds import thresholds
from sidestep.topics.catalog import DEFAULT_PARTITIONS, EVIDENCE
from tests.decide.world import START, World
from tests.guarantees.harness.system import System
from tests.guarantees.harness.workers import WorkerProcess, wait_for
from tests.watch.test_pace import BURST, PER_SECOND, most

GENEROUS = "1000000/s,max_burst=1000000"
GOOGLE = MxFinding("yes", "mx", START, 300, ("mx.google.com",), "google")
MINUTE = 60
WINDOWS = MINUTE // thresholds().watch.windows.length
"""Of Watch, in a minute."""
EVERYWHERE = range(DEFAULT_PARTITIONS)
OFFERED = 15
"""Messages a second that the busy partition has to send: half more than the whole limit."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Log:
    """The evidence of all partitions. Nearly all mail to Google's domains is that of partition 0."""

    def __init__(self, system: System):
        self._system = system
        self.decide = system.start("decide").await_ready()
        self.watch = system.start("watch").await_ready()
        self.minutes = self.offered = 0
        self.verdicts: list[Verdict] = []
        limits = {"domain": GENEROUS, "service": GENEROUS}
        text = World.policy_text(**limits, provider=f"{PER_SECOND}/s,max_burst={BURST}")
        for partition in EVERYWHERE:
            self._put(partition, World.policy_record(text, partitions=DEFAULT_PARTITIONS))

    def minute(self, *more: Evidence) -> list[Verdict]:
        """Another minute; `more` comes at its beginning, in partition 0. Its verdicts."""
        for record in more:
            self._put(0, record)
        for partition in EVERYWHERE:
            for record in self._mail(partition):
                self._put(partition, record)
        self._system.feed.flush()
        first = len(self.verdicts)
        wait_for(self._judged, 30, "all verdicts")
        self.minutes += 1
        wait_for(self._watched, 20, "Watch has ended the minute before", every=0.1)
        return self.verdicts[first:]

    def now(self) -> int:
        """The beginning of the minute that comes, milliseconds."""
        return START + self.minutes * MINUTE * 1000

    def sent(self) -> list[int]:
        """Messages that went out, by second."""
        seconds = Counter(round(v.decided_at) - START // 1000 for v in self.verdicts if v.decision == "approved")
        return [seconds[second] for second in range(self.minutes * MINUTE)]

    def _mail(self, partition: int) -> Iterator[Evidence]:
        for second in range(MINUTE):
            for number in range(OFFERED if partition == 0 else second % 2):
                id = f"{partition}-{self.minutes}-{second}-{number}"
                to = f"jane@d{(second * OFFERED + number) % 40}.p{partition}.example"
                yield World.intent_record(id, to, at=self.now() + second * 1000 + 60 * number, mx=GOOGLE)
                self.offered += 1

    def _put(self, partition: int, record: Evidence) -> None:
        self._system.feed.produce(EVIDENCE.name, partition=partition, key="k", value=encode(record))

    def _judged(self) -> bool:
        self.verdicts += self._system.verdicts.poll()
        return len(self.verdicts) == self.offered

    def _watched(self) -> bool:
        return _windows(self.watch) >= WINDOWS * (self.minutes - 1)


def _windows(worker: WorkerProcess) -> float:
    return worker.metric("sidestep_watch_windows_total").get('{of="all"}', 0)


def test_a_providers_limit_is_used_where_its_mail_is_and_slowed_down_everywhere(system: System) -> None:
    """One partition has nearly all of Google's mail: it begins with its quarter of the limit and has most of it after a
    few minutes; what goes out of all partitions is never more than is stated. Then servers of some domains in it answer
    that we are too fast: half of what went out before goes out everywhere, and the verdicts of others say why."""
    log = Log(system)
    for _ in range(9):
        log.minute()
    sent = log.sent()
    assert sum(sent[:MINUTE]) < 0.5 * PER_SECOND * MINUTE + BURST
    assert sum(sent[-3 * MINUTE :]) > 0.85 * 3 * PER_SECOND * MINUTE
    for length in (10, 60, 120, 300):
        most_sent = max(sum(sent[first : first + length]) for first in range(len(sent) - length))
        assert most_sent <= most(length, DEFAULT_PARTITIONS)
    domains = [f"jane@d{number}.p0.example" for number in range(12)]
    slow = {"scope": "us", "reason": "blocked", "status": "4.7.28"}
    log.minute(*(World.feedback_record("bounce", to, id="slow", at=log.now(), **slow) for to in domains))
    log.minute()
    verdicts = log.minute()
    approved = sum(verdict.decision == "approved" for verdict in verdicts)
    assert approved == pytest.approx(0.5 * sum(sent[-MINUTE:]), rel=0.15)
    others = [v.rules[0] for v in verdicts if v.rules and ".p0." not in v.to]
    said = {rule.text.partition(";")[0] for rule in others if rule.id == "slow-down"}
    assert {"google has answered that we send too fast (12 times by 08:10 UTC)"} == said
    assert {'{provider="google"}': 0.5} == log.watch.metric("sidestep_provider_speed")
