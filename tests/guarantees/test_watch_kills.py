"""SIGKILL of workers that watch: no anomaly is lost, none comes twice, and a hold is in force everywhere or nowhere."""

import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sidestep.schemas import Reaction, Tally
from sidestep.schemas.codec import decode, encode
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.control import read_notes
from sidestep.streams.screen.holds import note
from sidestep.streams.watch.judge import Watcher
from sidestep.streams.watch.thresholds import thresholds
from sidestep.topics.catalog import ANOMALIES, CONTROL, DEAD_LETTERS, DEFAULT_PARTITIONS, EVIDENCE, TALLIES
from tests.decide.memory_ledger import MemoryLedger
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.workers import WorkerProcess, wait_for
from tests.watch.scene import START, tally

DEATHS = (("inside-transaction:9", "same"), ("before-commit:7", "empty"), ("after-commit:8", "same"), ("", "same"))
"""Failpoints, and with which folder the next worker goes on; the last one is killed wherever it is."""
SERVICES = [f"service-{number}" for number in range(12)]
EVERYWHERE = range(DEFAULT_PARTITIONS)
REACTIONS = {"unknown-burst": Reaction("hold-source", 3600), "volume-spike": Reaction("hold-service", 60)}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Traffic:
    """Tallies of services, some of which import an old list now and then."""

    def __init__(self, system: System):
        self._feed = system.feed
        self._minutes = self._play()

    def send(self) -> None:
        """One minute's."""
        next(self._minutes)
        self._feed.flush()

    def put(self, one: Tally, partition: int | None = None) -> None:
        """A tally goes where Decide would put it."""
        place = partition_of(one.service, DEFAULT_PARTITIONS) if partition is None else partition
        self._feed.produce(TALLIES.name, key=one.service, value=encode(one), partition=place)

    def end(self) -> None:
        """A second so late that nothing stays open."""
        for partition in EVERYWHERE:
            self.put(tally(START + 20 * 86_400, ""), partition)
        self._feed.flush()

    def _play(self) -> Iterator[None]:
        for partition in EVERYWHERE:
            self.put(tally(START, "", policy="1", reactions=REACTIONS), partition)
        minute = 0
        while True:
            for number, service in enumerate(SERVICES):
                bad = 150 if (minute + 7 * number) % 60 < 3 else 1
                fields: dict[str, Any] = {"approved": 200, "dropped": bad, "unknown": bad, "hard_bounces": bad // 3}
                self.put(tally(START + 60 * minute + number, service, source=f"list-{minute // 60}", **fields))
            minute += 1
            yield


def test_killed_workers_lose_and_repeat_no_anomaly(system: System) -> None:
    """Whoever dies when: the records in email-anomalies and the holds in the log are those of one fold over the tallies
    as they stand, octet by octet, in each partition; `hold list` has the same holds."""
    traffic = Traffic(system)
    folder = system.folder / "watch"
    for number, (failpoint, kind) in enumerate(DEATHS):
        worker = system.start("watch", folder, failpoint=failpoint)
        _die(worker, traffic, failpoint)
        if kind == "empty":
            shutil.rmtree(folder)
            folder = system.folder / f"watch-{number}"
    last = system.start("watch", folder).await_ready()
    traffic.end()
    expected = Expected(system)
    wait_for(expected.reached, 60, "all anomalies are there")
    assert last.leave() == 0, last.said[-3000:]
    expected.compare()


def _die(worker: WorkerProcess, traffic: Traffic, failpoint: str) -> None:
    """Publish until the worker has killed itself; without a failpoint it is killed in the midst."""

    def died() -> bool:
        traffic.send()
        return not worker.alive or (not failpoint and worker.ready())

    wait_for(died, 60, failpoint or "the worker is ready", every=0.05)
    for _ in range(0 if failpoint else 30):
        traffic.send()
    if worker.alive:
        worker.signal(signal.SIGKILL)
    worker.process.wait(10)
    assert worker.process.returncode == -signal.SIGKILL, worker.said[-3000:]


class Expected:
    """One fold over the tallies, in memory, and what the workers have written."""

    def __init__(self, system: System):
        self._connection = system.connection
        self._ledgers = [MemoryLedger() for _ in EVERYWHERE]
        partitions = {ANOMALIES.name: 4, EVIDENCE.name: 4, CONTROL.name: 1, DEAD_LETTERS.name: 4}
        for partition, ledger in enumerate(self._ledgers):
            records = [record for record in read(system.connection, TALLIES.name) if record.partition() == partition]
            Watcher(ledger, partitions, thresholds(), note).judge(records)

    def reached(self) -> bool:
        """As many anomalies as there must be."""
        return len(read(self._connection, ANOMALIES.name)) >= sum(self._wanted(ANOMALIES.name).values())

    def compare(self) -> None:
        """Everything that was written is what must be."""
        for topic in (ANOMALIES.name, EVIDENCE.name):
            found = read(self._connection, topic)
            assert Counter((one.partition(), one.value()) for one in found) == self._wanted(topic)
        anomalies = self._wanted(ANOMALIES.name)
        assert len(anomalies) > 50 and set(anomalies.values()) == {1}
        evidence = self._wanted(EVIDENCE.name)
        assert len(evidence) > 20 and len(evidence) % DEFAULT_PARTITIONS == 0, "each hold in all partitions"
        noted = {key: value for ledger in self._ledgers for key, value in _notes(ledger).items()}
        assert noted == {key.encode(): value for key, value in read_notes(self._connection).items()}

    def _wanted(self, topic: str) -> Counter[tuple[int, bytes | None]]:
        found: Counter[tuple[int, bytes | None]] = Counter()
        for ledger in self._ledgers:
            placed = [partition for name, partition, _ in ledger.placed if name == topic]
            found.update(zip(placed, ledger.outputs.get(topic, []), strict=True))
        return found


def _notes(ledger: MemoryLedger) -> dict[bytes, bytes]:
    keys = [key for name, _, key in ledger.placed if name == CONTROL.name]
    values = ledger.outputs.get(CONTROL.name, [])
    return {str(key).encode(): value for key, value in zip(keys, values, strict=True)}


def test_a_tick_ends_what_no_tally_would(system: System) -> None:
    """Traffic has stopped in the midst of a burst: the window ends all the same, and the incident is told of."""
    worker = system.start("watch").await_ready()
    now = int(time.time()) - 50
    traffic = Traffic(system)
    traffic.put(tally(now, "shop", source="import", approved=200, dropped=150, unknown=150))
    system.feed.flush()
    wait_for(lambda: read(system.connection, ANOMALIES.name), 45, "the anomaly, by a tick", every=0.3)
    tallies = [decode(Tally, one.value()) for one in read(system.connection, TALLIES.name)]
    assert {"", "shop"} == {one.service for one in tallies}
    assert worker.leave() == 0
