"""A hold whose transaction hangs in the log: those who wait behind it end it, and it is in force."""

import time

import pytest

from sidestep.schemas import HoldRecord
from sidestep.schemas.codec import encode
from sidestep.streams.runtime.manifest import HEADER, MARKER, Manifest, Place, Wrote
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.screen.holds import note
from sidestep.topics.catalog import CONTROL, EVIDENCE, WATCH_CHANGELOG
from sidestep.topics.connection import Connection
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for
from tests.runtime.raw_transactions import Part, without_verification, write_transaction

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_holds_that_hang_are_ended_by_those_who_wait_behind_them(system: System) -> None:
    """Committed in one partition, the end marker lost in all others: no verdict for what came later, until Decide has
    seen that it stands still; then the services are on hold in all of them. One was written by a command, the other by
    a worker that watches, of which none is left."""
    traffic = Traffic(seed=11)
    screen, decide = system.start("screen").await_ready(), system.start("decide").await_ready()
    changelog = Place(WATCH_CHANGELOG.name, 2)
    group = system.folder.name
    hang(system.connection, f"{group}-hold", "shop", Place(CONTROL.name, 0), b"")
    hang(system.connection, f"{group}-watch-2", "news", changelog, MARKER)
    system.feed.send(traffic.plain(200, "after"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 120)
    for service in ("shop", "news"):
        assert {"defer"} == {one.action for one in system.verdicts.verdicts.values() if one.service == service}
    wait_for(lambda: "had left something hanging" in decide.said, 10, "the log says so, if a moment later")
    ends = Offsets(system.connection).ends([Place(EVIDENCE.name, number) for number in range(4)])
    assert all(end.stable >= end.high for end in ends.values())  # ticks go on between the two questions
    assert [screen.leave(), decide.leave()] == [0, 0]


def hang(connection: Connection, transactional_id: str, service: str, marked: Place, marker: bytes) -> None:
    """The hold of one service, on all partitions, as its writer left it on a Kafka that forgets end markers. `marked`:
    where the record lies that tells what belongs to it; the note of a hold, or a `marker`."""
    now = int(time.time() * 1000)
    record = HoldRecord(service=service, until=now + 3_600_000, reason="test", at=now)
    places = [Place(EVIDENCE.name, number) for number in range(4)]
    control = Place(CONTROL.name, 0)
    key, kept = note(record, len(places))
    told = Manifest({place: Wrote(0, 1) for place in (*places, *{control, marked})}).encode()
    parts = {place: Part([(b"hold", encode(record), [])], place.partition == 1) for place in places}
    parts[control] = Part([(key.encode(), kept or b"", [])], True)
    parts[marked] = Part([(marker or key.encode(), b"7" if marker else kept or b"", [(HEADER, told)])], False)
    with without_verification(connection):
        write_transaction(connection, transactional_id, parts, commit=True)
    ends = Offsets(connection).ends(places)
    wait_for(lambda: sum(end.stable < end.high for end in ends.values()) == 3, 1, "three partitions hang")
