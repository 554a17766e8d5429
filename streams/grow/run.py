"""`sidestep topics grow`, step by step. Each can be done again: killed anywhere, the command goes on when it is given
again. Blocks. Raises SidestepError."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import KafkaException, Producer
from msgspec.structs import replace as changed

from sidestep.schemas.codec import encode
from sidestep.streams.errors import GrowthStopped
from sidestep.streams.grow.cut import write_cut
from sidestep.streams.grow.ledger_copy import Copy, Parent, differing, reached
from sidestep.streams.grow.show import Show
from sidestep.streams.grow.split import children, fault
from sidestep.streams.grow.topics import FIRST, Cluster
from sidestep.streams.partition_note import KEY, PartitionNote, begun_with
from sidestep.streams.runtime.former import Former
from sidestep.streams.runtime.kafka import client, explain
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.screen.control import read_notes
from sidestep.streams.settings import Settings
from sidestep.topics.catalog import CONTROL, EVIDENCE, TALLIES

Answer = TypeVar("Answer")

LEAVE_SECONDS = 120.0
"""For workers to finish what is in hand and leave; a killed one's session ends within that."""
DRAIN_SECONDS = 300.0
"""Without one more record judged."""
AGAIN_SECONDS = 0.2
TOLD_SECONDS = 10.0
STOPPED = ("screen", "watch")
"""Roles that wait from the moment that the log has grown."""
HOW_ON = "Give the command again: it goes on where it stopped; intents wait in Kafka meanwhile"


@dataclass(frozen=True)
class Growth:
    """What has come of it."""

    before: int
    after: int
    rows: int
    """Rows that each new partition began with, all together."""
    stopped: float
    """Seconds between the last moment at which the old log took evidence and the first at which the new one does."""


class Grower:
    """Grows the log of one cluster."""

    def __init__(self, settings: Settings, after: int, show: Show, failpoint: Callable[[str], None], notice: float):
        """`after`: partitions that there will be; `notice`: seconds that subscribers get to learn of new ones."""
        self._settings, self._show, self._failpoint = settings, show, failpoint
        self._connection, self._group = settings.connection, settings.group
        self._after, self._notice = after, notice
        self._cluster = Cluster(self._connection)
        self._offsets = Offsets(self._connection)

    def grow(self) -> Growth:
        """All of it."""
        note = self._begin()
        self._grow_topics()
        parents = self._parents(note)
        try:
            self._copy(parents)
            self._check(parents)
            began = time.monotonic()
            self._stop_workers()
            self._fence(note)
            cuts = write_cut(self._connection, self._group, note, parents, self._failpoint)
            self._failpoint("grow-after-cut")
            self._drain(parents, cuts)
            self._finish(note, parents)
            stopped = time.monotonic() - began
        finally:
            for parent in parents:
                parent.close()
        rows = sum(len(parent.rows) * len(parent.copies) for parent in parents)
        return Growth(note.log, self._after, rows, stopped)

    def _begin(self) -> PartitionNote:
        here, note = self._cluster.partitions(), begun_with(read_notes(self._connection))
        log = note.log or here.get(EVIDENCE.name, 0)
        if note.growing and note.growing != self._after:
            raise GrowthStopped(f"the log is being grown to {note.growing} partitions: end that first")
        if log == self._after and not note.growing:
            raise GrowthStopped(f"the log has {log} partitions already")
        if found := fault(log, self._after):
            raise GrowthStopped(found)
        now = here.get(EVIDENCE.name)
        if now not in (log, self._after):
            raise GrowthStopped(
                f"{EVIDENCE.name} was begun with {log} partitions and has {now} now: somebody has changed that by "
                f"another tool. --partitions {now} makes the ledgers fit it, if that is a multiple of {log}"
            )
        if not self._asked(lambda: self._cluster.knows(f"{self._group}-decide")):
            raise GrowthStopped(
                f"there is no group {self._group}-decide: give SIDESTEP_GROUP as the workers have it. Where none has "
                "been at work for a week, start them first"
            )
        note = PartitionNote(log, note.tallies or here[TALLIES.name], _now(), self._after, note.before)
        self._write(note)
        self._failpoint("grow-after-begin")
        return note

    def _grow_topics(self) -> None:
        names = [topic.name for topic in FIRST]
        self._show.step("more partitions of verdicts, changelogs and what services write")
        fresh = not self._cluster.are_led(names, self._after)
        self._cluster.grow(names, self._after)
        self._await(lambda: self._cluster.are_led(names, self._after), "leaders of the new partitions", 60)
        if fresh and self._notice:
            self._show.step("subscribers learn of new partitions (--notice)", round(self._notice))
            began = time.monotonic()
            while (passed := time.monotonic() - began) < self._notice:
                self._show.done(int(passed))
                time.sleep(min(AGAIN_SECONDS, self._notice - passed))

    def _parents(self, note: PartitionNote) -> list[Parent]:
        return [
            Parent(
                self._connection,
                number,
                [
                    Copy(self._connection, self._group, child, self._offsets, self._failpoint)
                    for child in children(number, note.log, self._after)
                ],
                self._offsets,
            )
            for number in range(note.log)
        ]

    def _copy(self, parents: Sequence[Parent]) -> None:
        self._show.step("copying ledgers", sum(parent.left() for parent in parents))
        for parent in parents:
            before = sum(each.read for each in parents) - parent.read
            parent.catch_up(lambda read, before=before: self._show.done(before + read))  # type: ignore[misc]
            self._failpoint("grow-after-copy")

    def _check(self, parents: Sequence[Parent]) -> None:
        copies = [(parent, copy) for parent in parents for copy in parent.copies]
        self._show.step("reading copies back", len(copies))
        for number, (parent, copy) in enumerate(copies, start=1):
            if wrong := differing(self._connection, parent, copy):
                raise GrowthStopped(
                    f"partition {copy.partition} differs in {wrong} rows from what it is a copy of, "
                    f"{parent.partition}; verdicts go on as before. Does anything else write to the changelogs?"
                )
            self._show.done(number)

    def _stop_workers(self) -> None:
        self._show.step("workers leave the old log")
        self._cluster.grow([EVIDENCE.name], self._after)
        self._failpoint("grow-after-log")
        self._await(lambda: self._cluster.are_led([EVIDENCE.name], self._after), "leaders of the new log", 60)
        self._await(
            lambda: not self._left(),
            "{members} workers that screen or watch are at work. One that is frozen, or of an earlier version, has to "
            "be stopped by hand",
            LEAVE_SECONDS,
        )

    def _left(self) -> int:
        return self._asked(lambda: sum(self._cluster.members(f"{self._group}-{role}") for role in STOPPED))

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except KafkaException as error:
            raise explain(error, "asking who is at work") from error

    def _fence(self, note: PartitionNote) -> None:
        """A worker of Watch that was frozen can commit nothing any more, as no hold would reach the new partitions."""
        former = Former(self._connection, f"{self._group}-watch", self._settings.data)
        for partition in range(note.tallies):
            former.fence(partition)

    def _drain(self, parents: Sequence[Parent], cuts: dict[int, int]) -> None:
        self._show.step("what was in the old log is judged", sum(cuts.values()))
        moved, marks = time.monotonic(), -1
        while behind := [parent.partition for parent in parents if parent.marker < cuts[parent.partition]]:
            for parent in parents:
                parent.catch_up()
            if (now := sum(parent.marker for parent in parents)) != marks:
                moved, marks = time.monotonic(), now
            if time.monotonic() - moved > DRAIN_SECONDS:
                raise GrowthStopped(
                    f"partitions {', '.join(map(str, behind))} of {EVIDENCE.name} are not judged to their ends: is a "
                    f"worker that decides at work? {HOW_ON}"
                )
            self._show.done(max(0, now))
            time.sleep(AGAIN_SECONDS / 4)
        for parent in parents:  # rows are there with the marker; the same transaction's ids a moment later
            self._await(parent.is_settled, f"the end of a transaction in partition {parent.partition}", 60)
            parent.catch_up()

    def _finish(self, note: PartitionNote, parents: Sequence[Parent]) -> None:
        for copy in (copy for parent in parents for copy in parent.copies):
            if (found := reached(self._connection, copy.partition, self._offsets)) != copy.reached:
                raise GrowthStopped(f"partition {copy.partition} is a copy up to {found}, not {copy.reached}. {HOW_ON}")
        self._failpoint("grow-before-end")
        self._write(changed(note, log=self._after, at=_now(), growing=0, before=(*note.before, note.log)))

    def _await(self, condition: Callable[[], object], what: str, seconds: float) -> None:
        began = told = time.monotonic()
        while not condition():
            now = time.monotonic()
            said = what.format(members=self._left()) if "{" in what else what
            if now - began > seconds:
                raise GrowthStopped(f"after {seconds:.0f} s still: {said}. {HOW_ON}")
            if now - told > TOLD_SECONDS:
                told = now
                self._show.say(f"waiting: {said}")
            time.sleep(AGAIN_SECONDS)

    def _write(self, note: PartitionNote) -> None:
        producer = Producer(client(self._connection, "grow", **{"enable.idempotence": True}))
        failed: list[str] = []
        producer.produce(
            CONTROL.name, encode(note), KEY, 0,
            on_delivery=lambda error, _: failed.append(error.str()) if error is not None else None,
        )  # fmt: skip
        if producer.flush(30.0) or failed:
            raise GrowthStopped(f"the note in {CONTROL.name} could not be written: {' '.join(failed)}. {HOW_ON}")


def _now() -> int:
    return int(time.time() * 1000)
