"""Tallies with real workers: each second comes out once, also where traffic has stopped or a worker has died."""

import signal
import time

import pytest

from sidestep.schemas import Tally
from sidestep.schemas.codec import decode
from sidestep.topics.catalog import TALLIES
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for

SECONDS = 15.0
"""A tick comes within two, a new owner of the partition within the session and some."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


def _sent(system: System, total: bool = False) -> int:
    """Intents in all tallies of services so far; `total`: in those of all services together."""
    tallies = [decode(Tally, message.value()) for message in read(system.connection, TALLIES.name)]
    return sum(
        tally.intents.approved + tally.intents.dropped + tally.intents.deferred
        for tally in tallies
        if bool(tally.service) is not total
    )


def _told(system: System, count: int) -> None:
    wait_for(lambda: _sent(system) >= count, SECONDS, f"{count} intents in the tallies")
    wait_for(lambda: _sent(system, total=True) >= count, SECONDS, f"{count} intents in those of all services")
    assert count == _sent(system) == _sent(system, total=True)


def _publish(system: System, traffic: Traffic, count: int, label: str) -> int:
    """New intents, and when they have their verdicts: how many of them count."""
    records = traffic.plain(count, label)
    system.feed.send(records)
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    return sum(b'"test":true' not in value for _, _, value in records)


def test_the_last_second_comes_out_although_nothing_follows(system: System) -> None:
    """Screen's tick ends it; a second burst after a while is counted by itself."""
    traffic = Traffic(seed=21)
    for role in ("screen", "decide"):
        system.start(role).await_ready()
    told = _publish(system, traffic, 120, "first")
    _told(system, told)
    told += _publish(system, traffic, 40, "second")
    _told(system, told)


def test_an_open_second_survives_decides_death_and_screens(system: System) -> None:
    """Killed before any tick: whoever comes next counts what is open, once, and ends it."""
    traffic = Traffic(seed=22)
    screen, decide = (system.start(role).await_ready() for role in ("screen", "decide"))
    told = _publish(system, traffic, 80, "first")
    for worker in (screen, decide):
        worker.signal(signal.SIGKILL)
        worker.process.wait(10)
    began = time.monotonic()
    for role in ("decide", "screen"):
        system.start(role).await_ready()
    _told(system, told)
    assert time.monotonic() - began < 60
