"""Is this worker alive, and may it be counted on? It asks nothing but the clock: the runtime reports facts, the answers
follow.

Live: the process is worth keeping. A worker that is not live is restarted by whatever supervises it, so nothing that a
restart would not mend (Kafka or DNS out of reach, no progress) makes it so. Ready: it does its share of the work now.

A worker without partitions is ready, with status "standby", as soon as it is known that the others have them: in a
group with more workers than partitions it waits to take over, and a rolling update that waits for every worker to be
ready must be able to end. Partitions that nobody has are a fault of the whole group: each of its workers is
"unassigned".
"""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sidestep.streams.masking import without_local_parts

Partition = tuple[str, int]
"""Topic and partition number. Faust's TP fits: it is a tuple and equal to it."""

HealthAnswer = tuple[int, dict[str, Any]]
"""HTTP status and body: {"status": "ok" | "standby" | "unassigned" | "failed", "reasons": [sentence, …]}. With "ok" a
sentence is about what somebody should mend, and mail goes on."""


@dataclass(frozen=True)
class Patience:
    """How long, in seconds, each thing may go on before it counts."""

    loop: float = 30.0
    """Without a `beat`: three session timeouts, by when the group has long given the partitions to others."""
    broker: float = 30.0
    """Without a sign of Kafka: three session timeouts, longer than the election of a new leader."""
    dns: float = 30.0
    """With nothing but failed look-ups: six DNS timeouts."""
    progress: float = 60.0
    """Without a finished batch while records wait: a transaction's own deadline."""


class Reach:
    """Whether something outside answers. Times are those of the caller's clock."""

    def __init__(self, now: float) -> None:
        self._last_answer = now
        self._first_error: float | None = None
        self.answered = False
        self.error = ""

    def ok(self, now: float) -> None:
        """Note an answer."""
        self._last_answer, self._first_error, self.answered, self.error = now, None, True, ""

    def failed(self, now: float, error: str) -> None:
        """Note that there was no answer; `error` is what was seen."""
        self.error = error
        if self._first_error is None:
            self._first_error = now

    def silent(self, now: float) -> float:
        """Seconds since the last answer."""
        return now - self._last_answer

    def failing(self, now: float) -> float:
        """Seconds for which there have been errors only; 0 while nobody asks."""
        return 0.0 if self._first_error is None else now - self._first_error


class Health:
    """What the runtime last reported. Setters cost a dictionary entry at most: call them once a batch.

    `clock`: seconds, monotonic.
    """

    def __init__(self, *, patience: Patience | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        now = clock()
        self._clock, self._patience = clock, patience or Patience()
        self._ledger_topics: set[str] = set()
        self._assigned: frozenset[Partition] | None = None
        self._recovered: set[Partition] = set()
        self._recovering: dict[Partition, tuple[int, int]] = {}
        self._resting: dict[Partition, str] = {}
        self._unassigned: dict[str, frozenset[Partition]] = {}
        self._untold = ""
        self._broker, self._dns = Reach(now), Reach(now)
        self._distrust: tuple[str, ...] = ()
        self._policy_fault = ""
        self._quarantined: tuple[str, ...] = ()
        self._last_progress, self._lag, self._lag_since = now, 0, now
        self._last_beat: float | None = None
        self._fatal, self._stopping = "", False

    def needs_ledger(self, topic: str) -> None:
        """Partitions of `topic` must be recovered before they are worked on."""
        self._ledger_topics.add(topic)

    def assigned(self, partitions: Collection[Partition]) -> None:
        """All partitions that this worker has from now on: an empty collection when it has none."""
        self._assigned = frozenset(partitions)
        self._recovered &= self._assigned
        self._recovering = {p: steps for p, steps in self._recovering.items() if p in self._assigned}
        self._last_progress = self._clock()

    def coverage(self, role: str, unassigned: Collection[Partition]) -> None:
        """The partitions that nobody in the role's group has; empty: every one has somebody."""
        self._unassigned[role], self._untold = frozenset(unassigned), ""

    def coverage_unknown(self, role: str, why: str) -> None:
        """The worker can't find out whether every partition has somebody."""
        self._unassigned[role], self._untold = frozenset(), why

    def recovering(self, partition: Partition, done: int, total: int) -> None:
        """The ledger of a partition is being read back: `done` of `total` records."""
        self._recovered.discard(partition)
        self._resting.pop(partition, None)
        self._recovering[partition] = (done, total)

    def rests(self, partition: Partition, why: str) -> None:
        """Nothing of a partition is judged until an operator has done something."""
        self._resting[partition] = why

    @property
    def reading_back(self) -> int:
        """Partitions whose ledgers are being read back."""
        return len(self._recovering)

    def recovered(self, partition: Partition) -> None:
        """The ledger of a partition is complete."""
        self._resting.pop(partition, None)
        self._recovering.pop(partition, None)
        self._recovered.add(partition)
        self._last_progress = self._clock()

    def progress(self) -> None:
        """A batch has been finished."""
        self._last_progress = self._clock()

    def lag(self, records: int) -> None:
        """Records that wait, all partitions together."""
        if records and not self._lag:
            self._lag_since = self._clock()
        self._lag = records

    def beat(self) -> None:
        """The event loop turns. Only needed where the endpoints are served by another loop than the agents'."""
        self._last_beat = self._clock()

    def broker_ok(self) -> None:
        """Kafka answered."""
        self._broker.ok(self._clock())

    def broker_error(self, text: str) -> None:
        """Kafka did not answer."""
        self._broker.failed(self._clock(), text)

    def dns_ok(self) -> None:
        """A name server answered; that a name does not exist is an answer too."""
        self._dns.ok(self._clock())

    def dns_error(self, text: str) -> None:
        """The name servers themselves fail: not those of a domain that somebody asked for."""
        self._dns.failed(self._clock(), text)

    def dns_distrust(self, reasons: Collection[str]) -> None:
        """What shows that the name servers lie, in clauses that begin with "they"; empty: they are to be believed."""
        self._distrust = tuple(reasons)

    def policy_fault(self, sentence: str) -> None:
        """What is wrong with the policy file that this worker follows; empty: nothing. It works on with the last one,
        so it stays ready and only says so."""
        self._policy_fault = sentence

    def quarantined(self, producers: Collection[str]) -> None:
        """Producers in quarantine: whoever else is served, so it stays ready and only says so."""
        self._quarantined = tuple(sorted(producers))

    @property
    def policy_refused(self) -> bool:
        """Whether the policy file can't be used."""
        return bool(self._policy_fault)

    def fatal(self, text: str) -> None:
        """The worker cannot go on. The first error stands: later ones follow from it."""
        self._fatal = self._fatal or text

    def stopping(self) -> None:
        """The worker gives its partitions up and ends."""
        self._stopping = True

    def livez(self) -> HealthAnswer:
        """200 while the process is worth keeping, else 503."""
        reasons = list(self._dead())
        return _answer("failed" if reasons else "ok", reasons)

    def readyz(self) -> HealthAnswer:
        """200 while the worker does its share, or stands by; else 503. With all reasons, and what else is to tell."""
        status, reasons = self._readiness()
        return _answer(status, [*reasons, *filter(None, [self._policy_fault, self._in_quarantine()])])

    def _in_quarantine(self) -> str:
        some = ", ".join(self._quarantined[:3]) + (" and more" if len(self._quarantined) > 3 else "")
        return f"In quarantine: {some}. `sidestep dead-letters quarantine list` says why." if some else ""

    def _readiness(self) -> tuple[str, list[str]]:
        dead, nobody, waiting = list(self._dead()), list(self._nobodys()), list(self._not_ready())
        if dead or (waiting and not nobody):
            return "failed", [*dead, *waiting]
        if nobody:
            return "unassigned", [*nobody, *waiting]
        return ("ok", []) if self._assigned else ("standby", [self._standing_by()])

    def _standing_by(self) -> str:
        if self._untold:
            return f"Waiting for partitions. Whether others have them can't be told: {self._untold}."
        return "Waiting for partitions: the other workers of the group have them all."

    def _nobodys(self) -> Iterator[str]:
        for role, partitions in sorted(self._unassigned.items()):
            if partitions and not self._stopping:
                yield (
                    f"Nobody in the group of {role} has {in_words(partitions)}: their records wait. The group is asked "
                    f"to assign anew; if this lasts, `sidestep topics check`, then restart the workers of {role}."
                )

    def _dead(self) -> Iterator[str]:
        if self._fatal:
            yield f"Stopped by an error: {self._fatal}"
        if self._last_beat is not None and (silent := self._clock() - self._last_beat) > self._patience.loop:
            yield f"The event loop has not turned for {silent:.0f} s."

    def _not_ready(self) -> Iterator[str]:
        if self._stopping:
            yield "The worker is stopping."
        if self._assigned is None:
            yield "Waiting for the first assignment of partitions."
        elif not self._assigned and not self._unassigned:
            yield "Waiting for partitions; whether the other workers of the group have them is being asked."
        yield from self._not_recovered()
        yield from self._out_of_reach()
        yield from self._stalled()

    def _not_recovered(self) -> Iterator[str]:
        for topic, number in sorted(self._assigned or ()):
            if topic not in self._ledger_topics or (topic, number) in self._recovered:
                continue
            if why := self._resting.get((topic, number)):
                yield f"{topic}[{number}] rests: {why}"
                continue
            done, total = self._recovering.get((topic, number), (0, 0))
            yield f"The ledger of {topic}[{number}] is being recovered: {done:,} of {total:,} records."

    def _out_of_reach(self) -> Iterator[str]:
        now = self._clock()
        if not self._broker.answered:
            yield _sentence("Kafka has not answered yet", self._broker.error)
        elif (silent := self._broker.silent(now)) > self._patience.broker:
            yield _sentence(f"Kafka has not answered for {silent:.0f} s", self._broker.error)
        if (failing := self._dns.failing(now)) > self._patience.dns:
            yield _sentence(f"No name server has answered for {failing:.0f} s", self._dns.error)
        for reason in self._distrust:
            yield f"The name servers are not to be believed: {reason}."

    def _stalled(self) -> Iterator[str]:
        waiting = self._clock() - max(self._last_progress, self._lag_since)
        if self._lag and self._assigned and waiting > self._patience.progress:
            yield f"No batch has been finished for {waiting:.0f} s while {self._lag:,} records wait."


def in_words(partitions: Collection[Partition], most: int = 5) -> str:
    """The first few partitions, and how many more there are."""
    names = [f"{topic}[{number}]" for topic, number in sorted(partitions)]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _sentence(text: str, error: str) -> str:
    return f"{text}: {error}" if error else f"{text}."


def _answer(status: str, reasons: list[str]) -> HealthAnswer:
    # reasons hold what errors say, and an error of a library may quote what it was given
    body = {"status": status, "reasons": list(map(without_local_parts, reasons))}
    return (200 if status in ("ok", "standby") else 503), body
