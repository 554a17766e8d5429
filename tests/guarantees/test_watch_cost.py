"""What watching costs: a worker at ten times the demo's traffic takes less than a tenth of a core."""

import random
import time

import psutil
import pytest

from sidestep.schemas import Breakdown, Outcomes, Returns, ReturnsByName, Tally
from sidestep.schemas.codec import encode
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.topics.catalog import DEFAULT_PARTITIONS, TALLIES
from tests.guarantees.harness.system import System
from tests.guarantees.harness.workers import wait_for

SERVICES = ["", *(f"service-{number}" for number in range(50))]
"""Ten times the demo's five, each in each partition of the log in every second: more cannot come of one second."""
SECONDS = 15
SHARE = 0.1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_worker_that_watches_takes_less_than_a_tenth_of_a_core(system: System) -> None:
    """By the CPU time of its process, from the first second to the last; start and end do not count."""
    worker = system.start("watch").await_ready()
    process = psutil.Process(worker.process.pid)
    chance = random.Random(1)
    began, before = time.monotonic(), _cpu(process)
    for second in range(SECONDS):
        for service in SERVICES:
            for partition in range(DEFAULT_PARTITIONS):
                value = encode(_tally(service, partition, int(time.time()), chance))
                place = partition_of(service, DEFAULT_PARTITIONS)
                system.feed.produce(TALLIES.name, key=service, value=value, partition=place)
        system.feed.flush()
        wait_for(lambda: time.monotonic() >= began + second + 1, 2, "the second is over", every=0.02)  # noqa: B023
    spent, took = _cpu(process) - before, time.monotonic() - began
    assert _taken(worker.metric("sidestep_watch_tallies_total")) >= 0.8 * SECONDS * len(SERVICES) * DEFAULT_PARTITIONS
    print(f"{spent / took:.3f} of a core, {1000 * spent / (took * len(SERVICES) * DEFAULT_PARTITIONS):.1f} s per 1,000")
    assert spent < SHARE * took
    assert worker.leave() == 0


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _taken(counts: dict[str, float]) -> float:
    return sum(counts.values())


def _tally(service: str, partition: int, second: int, chance: random.Random) -> Tally:
    number = chance.randint(1, 6)
    intents = Outcomes(approved=number, never_mailed=number // 3, risk=40 * number)
    back = Returns(delivered=number, engaged=number // 3)
    by_name = ReturnsByName({"form": back})
    return Tally(
        service=service,
        partition=partition,
        second=second,
        intents=intents,
        classes={"free": number},
        domains=Breakdown({f"d{chance.randint(1, 50)}.example": intents for _ in range(3)}),
        providers=Breakdown({"google": intents}),
        sources=Breakdown({f"source-{chance.randint(1, 5)}": intents}),
        campaigns=Breakdown({"spring": intents}),
        returns=back,
        returns_by_source=by_name,
        returns_by_campaign=by_name,
        returns_by_provider=ReturnsByName({"google": back}),
        samples={"never-mailed": ["a", "b"]},
    )
