"""A hold whose transaction hangs in the log: those who wait behind it end it, and it is in force."""

import time

import pytest

from sidestep.schemas import HoldRecord
from sidestep.schemas.codec import encode
from sidestep.streams.runtime.manifest import HEADER, Manifest, Place, Wrote
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.screen.holds import note
from sidestep.topics.catalog import CONTROL, EVIDENCE
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for
from tests.runtime.raw_transactions import Part, without_verification, write_transaction

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_hold_that_hangs_is_ended_by_those_who_wait_behind_it(system: System) -> None:
    """Committed in one partition, its end marker lost in all others: no verdict for what came later, until Decide has
    seen that it stands still; then the service is on hold in all of them."""
    traffic = Traffic(seed=11)
    screen, decide = system.start("screen").await_ready(), system.start("decide").await_ready()
    hang(system)
    system.feed.send(traffic.plain(200, "after"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 120)
    held = {verdict.action for verdict in system.verdicts.verdicts.values() if verdict.service == "shop"}
    assert held == {"defer"}
    wait_for(lambda: "had left something hanging" in decide.said, 10, "the log says so, if a moment later")
    ends = Offsets(system.connection).ends([Place(EVIDENCE.name, number) for number in range(4)])
    assert all(end.stable >= end.high for end in ends.values())  # ticks go on between the two questions
    assert [screen.leave(), decide.leave()] == [0, 0]


def hang(system: System) -> None:
    """The hold of one service, on all partitions, as its writer left it on a Kafka that forgets end markers."""
    now = int(time.time() * 1000)
    record = HoldRecord(service="shop", until=now + 3_600_000, reason="test", at=now)
    places = [Place(EVIDENCE.name, number) for number in range(4)]
    control = Place(CONTROL.name, 0)
    key, kept = note(record, len(places))
    told = Manifest({place: Wrote(0, 1) for place in (*places, control)}).encode()
    parts = {place: Part([(b"hold", encode(record), [])], place.partition == 1) for place in places}
    parts[control] = Part([(key.encode(), kept or b"", [(HEADER, told)])], False)
    with without_verification(system.connection):
        write_transaction(system.connection, f"{system.folder.name}-hold", parts, commit=True)
    ends = Offsets(system.connection).ends(places)
    wait_for(lambda: sum(end.stable < end.high for end in ends.values()) == 3, 1, "three partitions hang")
