"""The watcher: what it writes where, what the policy lets it hold, and what it does with what can't be read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from sidestep.schemas import HoldRecord, Reaction, SourceHoldRecord, Tally
from sidestep.streams.runtime.judging import TRIES
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.runtime.tables import Writes
from sidestep.streams.runtime.transactions import Aborted
from sidestep.streams.screen.holds import in_force
from sidestep.streams.watch.batch import FOR_EVER, Watched, watch
from sidestep.streams.watch.ticking import PATIENCE, WatchTicks
from sidestep.topics.catalog import ANOMALIES, CONTROL
from sidestep.topics.errors import PublishFailed
from tests.decide.memory_ledger import MemoryLedger
from tests.watch.scene import DAY, HOUR, MINUTE, RULES, Scene

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples" / "email-tallies"
LENGTH = RULES.watch.windows.length
BURST: dict[str, Any] = {"approved": 300, "dropped": 100, "unknown": 100, "source": "import"}
CLEAN = {"approved": 900, "source": "form"}


def _scene(**reactions: Reaction) -> Scene:
    scene = Scene()
    scene.policy(**reactions)
    scene.usual(2, **CLEAN)
    return scene


def test_a_source_is_held_where_the_policy_says_so() -> None:
    """In all partitions of the log, with the figures as its reason; the anomaly says until when, and a note is kept."""
    scene = _scene(unknown_burst=Reaction("hold-source", DAY))
    (found,) = scene.says(**BURST)
    (held,) = scene.holds()
    assert isinstance(held, SourceHoldRecord)
    assert ("shop", "import", "watch", found.at * 1000) == (held.service, held.source, held.by, held.at)
    assert held.until == (found.at + DAY) * 1000 == found.held_until * 1000
    assert held.reason.startswith("unknown-burst: 25 % of what shop wants to send goes to addresses that do not exist")
    assert "stop" not in held.reason and len(held.reason) <= 200
    keys = [str(key) for _, key in scene.ledger.keys_of(CONTROL.name)]
    notes = dict(zip(keys, scene.ledger.outputs[CONTROL.name], strict=True))
    assert [("shop", "import", held.until)] == [(one.service, one.source, one.until) for one in in_force(notes, 0)]
    assert [partition_of("shop", 4)] == [partition for partition, _ in scene.ledger.keys_of(ANOMALIES.name)]


def test_a_service_is_held_where_the_policy_says_so() -> None:
    """And held again when that is over and the pattern is still there, but not while it lasts."""
    scene = _scene(unknown_burst=Reaction("hold-service", 30 * MINUTE))
    scene.minutes(20, **BURST)
    assert [HoldRecord] == [type(held) for held in scene.holds()]
    scene.minutes(20, **BURST)
    assert 2 == len(scene.holds()) and scene.holds()[1].at >= scene.holds()[0].until


@pytest.mark.parametrize("action", ["hold-source", "hold-service"])
def test_an_incident_among_claims_holds_claims_alone(action: Literal["hold-source", "hold-service"]) -> None:
    """Whoever sends in a service's name and can't prove it is a service of his own for Watch."""
    scene = _scene(unknown_burst=Reaction(action, DAY))
    scene.usual(2, service="shop (claimed)", **CLEAN)
    found = scene.minutes(5, service="shop (claimed)", **BURST)
    (held,) = scene.holds()
    assert {"shop (claimed)"} == {one.name for one in found} == {held.service}


@pytest.mark.parametrize(
    ("reaction", "burst"),
    [
        (Reaction(), BURST),
        (Reaction("hold-source", DAY), {"approved": 300, "dropped": 100, "unknown": 100}),  # no source stands out
        (Reaction("hold-source", DAY), BURST | {"approved": 0, "deferred": 300}),  # somebody has stopped it already
    ],
)
def test_nothing_is_held_otherwise(reaction: Reaction, burst: dict[str, Any]) -> None:
    """The incident is told of all the same."""
    scene = _scene(unknown_burst=reaction)
    (found,) = scene.says(**burst)
    assert [] == scene.holds() and 0 == found.held_until


def test_nothing_is_held_below_the_minimum_whatever_the_policy_says() -> None:
    """A trap hit that is reported is told of; by itself it stops nobody."""
    scene = _scene(trap_hits=Reaction("hold-source", DAY))
    assert ["trap-hits"] == [one.pattern for one in scene.says(traps=1, source="form")]
    assert [] == scene.holds()


def test_the_policy_that_was_made_last_counts() -> None:
    """Partitions of the log tell of it in any order; an older one that comes later is passed over."""
    scene = _scene(unknown_burst=Reaction("hold-source", DAY))
    scene.policy()
    late = scene.tally(scene.start, "", policy="0", reactions={"unknown-burst": Reaction("hold-source", DAY)})
    scene.append(late)
    scene.says(**BURST)
    assert [] == scene.holds()


def test_a_mailbox_that_is_forgotten_is_so_here_as_well() -> None:
    """Its incident is over, and told so without its key; the window that is open knows it no more."""
    scene = Scene()
    (opened,) = scene.says(service="", approved=20, bombed={"a2V5": 60, "b3RoZXI=": 3})
    scene.append(scene.tally(scene.now, "", approved=20, bombed={"a2V5": 70, "b3RoZXI=": 4}))
    assert b"a2V5" in b"".join(value for rows in scene.contents().values() for value in rows.values())
    scene.append(scene.tally(scene.now, "", erased=["a2V5"]))
    assert b"a2V5" not in b"".join(value for rows in scene.contents().values() for value in rows.values())
    told = scene.anomalies()[-1]
    assert (opened.id, "closed", "") == (told.id, told.state, told.recipient_key)
    assert [] == scene.quiet(2 * MINUTE)


def test_what_is_no_tally_is_a_dead_letter() -> None:
    """With the reason; its neighbours count."""
    scene = _scene()
    batch = scene.append(b"{", scene.tally(scene.now, **BURST), b'{"service":3}', b"null")
    assert (4, 3) == (batch.records, batch.dead_letters)
    assert {b"not-a-tally"} == {dict(one["headers"])["reason"] for one in scene.ledger.singles}
    scene.wait(2 * MINUTE)
    scene.tick()
    assert ["unknown-burst"] == [one.pattern for one in scene.anomalies()]


def test_a_tally_for_whose_sake_the_fold_fails_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had changed before that is gone; its neighbours count, in their order."""

    def faulty(tallies: Sequence[tuple[int, Tally]], *rest: Any) -> Watched:
        watched = watch(tallies, *rest)
        if any(tally.service == "poison" for _, tally in tallies):
            raise KeyError("a fault")
        return watched

    monkeypatch.setattr("sidestep.streams.watch.judge.watch", faulty)
    sound, poisoned = _scene(), _scene()
    beside = [sound.tally(sound.now, **BURST), sound.tally(sound.now, "crm", approved=3)]
    sound.append(*beside)
    batch = poisoned.append(beside[0], poisoned.tally(poisoned.now, "poison", approved=9), beside[1])
    assert (3, 0, 1) == (batch.records, batch.dead_letters, batch.unfoldable)
    assert {b"not-foldable"} == {dict(one["headers"])["reason"] for one in poisoned.ledger.singles}
    assert sound.contents() == poisoned.contents()


@pytest.mark.parametrize("number", [10**30, 2**64, 2**63, 2**53, -(10**30)])
def test_no_number_stops_a_watcher(number: int) -> None:
    """Wherever in a tally it stands: its neighbours count, and the watcher's time does not move."""
    whole = json.loads((EXAMPLES / "newsletter.json").read_text("utf-8"))
    for change in ({"second": number}, {"intents": {"approved": number}}, {"feedback": {"hard_bounces": number}}):
        scene = _scene()
        value = json.dumps({**whole, "second": scene.now} | change).encode()
        scene.append(value, scene.tally(scene.now, **BURST))
        scene.append(value)
        scene.wait(2 * MINUTE)
        scene.tick()
        assert "unknown-burst" in [one.pattern for one in scene.anomalies() if one.name == "shop"], change


class RollingBack(MemoryLedger):
    """Rolls back so many transactions."""

    times = 0

    def commit(self, outgoing: Outgoing, writes: Writes, marker: int) -> float:
        """Raises Aborted as often as it was told."""
        if self.times:
            self.times -= 1
            raise Aborted("the broker says so")
        return super().commit(outgoing, writes, marker)


def test_a_batch_that_was_rolled_back_is_folded_again() -> None:
    """From what the ledger has: nothing of the first try is left, or counted twice."""
    plain, rolled = Scene(), Scene(RollingBack())
    for scene in (plain, rolled):
        scene.usual(2, **CLEAN)
        if isinstance(scene.ledger, RollingBack):
            scene.ledger.times = TRIES - 1
        scene.says(**BURST)
    assert plain.written() == rolled.written() and plain.contents() == rolled.contents()
    rolled.ledger.times = TRIES  # type: ignore[attr-defined]  # it is one that rolls back
    with pytest.raises(PublishFailed, match="rolled back"):
        rolled.tick(HOUR)


def test_a_tick_comes_where_something_is_over_and_nothing_says_so() -> None:
    """Once, some seconds later; not where nothing is open, and again for what comes to be due later."""
    scene, ticks = Scene(), WatchTicks()
    assert FOR_EVER == scene.watcher.due
    scene.append(scene.tally(scene.now, **BURST))
    due = scene.now + LENGTH + RULES.watch.windows.grace
    assert due == scene.watcher.due
    at = {0: due, 1: FOR_EVER}
    assert [] == ticks.partitions(at, due + PATIENCE - 1)
    assert [0] == ticks.partitions(at, due + PATIENCE)
    assert [] == ticks.partitions(at, due + PATIENCE + 1)
    scene.append(scene.tally(due + 5, ""))
    closing = scene.now + LENGTH + RULES.watch.unknown_burst.quiet + RULES.watch.windows.grace
    assert closing == scene.watcher.due
    assert [0] == ticks.partitions({0: closing}, closing + PATIENCE)
