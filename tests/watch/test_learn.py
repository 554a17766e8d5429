"""The model of the risk: it finds what outcomes hide, says how sure it is, and gives the same octets for ever."""

import hashlib
import os
import random
import subprocess
import sys
from itertools import combinations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Learnt, ModelRecord
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.logistic import logit, sigmoid
from sidestep.streams.watch.learn import KEPT, doubt, learn, news, snapshot
from sidestep.streams.watch.tables import ModelRow
from sidestep.streams.watch.thresholds import thresholds
from sidestep.topics.catalog import CONTROL, EVIDENCE
from tests.watch.scene import PARTITIONS, Scene

LEARNING = thresholds().watch.learning
PRIOR = {"never-mailed": 0.05, "old-bounce": 0.6, "role-address": 0.15, "dormant": 0.3}
OFTEN = {"never-mailed": 0.5, "old-bounce": 0.1, "role-address": 0.15, "dormant": 0.2}
SETS = [set(found) for size in range(5) for found in combinations(PRIOR, size)]


def prior(names: set[str]) -> float:
    """The policy's own: 1 - (1 - w1)(1 - w2)…, and what one without any signal is taken for."""
    safe = 1.0
    for name in names:
        safe *= 1 - PRIOR[name]
    return max(1 - safe, 0.005)


class Nature:
    """Outcomes of a world in which the policy is wrong by `shifts`, and bad ones are as common as `level` says."""

    def __init__(self, shifts: dict[str, float], seed: int = 1, level: float = -1.0, slope: float = 1.0):
        self._shifts, self._level, self._slope = shifts, level, slope
        self._rng = random.Random(seed)

    def bad(self, names: set[str]) -> float:
        """Of messages with these signals, so many are bad."""
        shift = sum(self._shifts.get(name, 0.0) for name in names)
        return sigmoid(self._level + self._slope * (logit(prior(names)) - logit(0.01)) + shift)

    def outcome(self) -> tuple[set[str], bool]:
        """One message, and what became of it."""
        names = {name for name, often in OFTEN.items() if self._rng.random() < often}
        return names, self._rng.random() < self.bad(names)


def as_learnt(names: set[str], bad: bool, traps: int = 0) -> dict[str, Learnt]:
    """As a tally says it."""
    key = "+".join(name for name in PRIOR if name in names)
    return {key: Learnt(int(bad), int(not bad), traps, round(1000 * prior(names)))}


def taught(nature: Nature, count: int, row: ModelRow | None = None) -> ModelRow:
    """A model after so many outcomes, ten seconds apart."""
    row = ModelRow() if row is None else row
    for number in range(count):
        learn(row, number * 10, as_learnt(*nature.outcome()), LEARNING)
    return row


def said(row: ModelRow, names: set[str]) -> float:
    """The share of bad outcomes that the model expects."""
    odds = row.mean[0] + row.mean[1] * (logit(prior(names)) - logit(0.01))
    return sigmoid(odds + sum(row.mean[2 + row.signals.index(name)] for name in names))


def test_a_planted_truth_is_found() -> None:
    """Where the policy is right it moves nothing; where it is wrong, by about as much. And it says how sure it is."""
    truth = {"never-mailed": 1.0, "old-bounce": -0.8, "role-address": 0.5}
    found = snapshot(taught(Nature(truth), 10_000))
    for name in PRIOR:
        assert found.shifts[name] == pytest.approx(truth.get(name, 0.0), abs=3 * found.spreads[name])
        assert 0 < found.spreads[name] < 0.6
    assert found.policy == pytest.approx(1.0, abs=0.3)
    assert 10_000 == found.outcomes
    assert 10_000 > sum(found.seen["never-mailed"]) > 4_000


def test_a_policy_that_is_right_is_left_alone() -> None:
    """However bad outcomes are on the whole: that is nobody's signal."""
    for level in (-3.0, 1.0):
        found = snapshot(taught(Nature({}, level=level), 4_000))
        assert all(abs(shift) < 3 * found.spreads[name] + 0.05 for name, shift in found.shifts.items())


@pytest.mark.parametrize("slope", [0.6, 1.3])
def test_what_is_expected_comes_true(slope: float) -> None:
    """Of outcomes that it has not learnt from: in tenths, as a reliability diagram has them. The policy is off by
    its signals and by its spread."""
    truth = {"never-mailed": 0.7, "old-bounce": -0.5, "dormant": -1.0}
    row = taught(Nature(truth, slope=slope), 8_000)
    held_out = Nature(truth, seed=2, slope=slope)
    off = sum(abs(said(row, names) - held_out.bad(names)) for names in SETS) / len(SETS)
    assert off < 0.06
    tenths: dict[int, list[float]] = {}
    for _ in range(8_000):
        names, bad = held_out.outcome()
        expected = said(row, names)
        for column, by in enumerate((expected, bad, 1)):
            tenths.setdefault(int(expected * 10), [0.0, 0.0, 0.0])[column] += by
    assert sum(abs(expected - was) for expected, was, _ in tenths.values()) / 8_000 < 0.03


def test_calibration_is_told_by_what_was_expected_before() -> None:
    """Its own reliability, of outcomes before they were learnt from."""
    found = snapshot(taught(Nature({"old-bounce": -1.0}), 8_000))
    of = sum(one.of for one in found.calibration)
    assert of == 8_000
    assert sum(abs(one.expected * one.of - one.bad) for one in found.calibration) / of < 0.03


def test_one_outcome_is_one_outcome() -> None:
    """The first ones throw nothing off, even where nobody expected them."""
    row = ModelRow()
    learn(row, 0, as_learnt({"old-bounce"}, bad=False), LEARNING)
    first = snapshot(row).shifts["old-bounce"]
    assert -0.6 < first < 0
    for number in range(50):
        learn(row, number, as_learnt(set(), bad=False), LEARNING)
    learn(row, 99, as_learnt({"never-mailed"}, bad=True), LEARNING)
    assert 0 < snapshot(row).shifts["never-mailed"] < 2


def test_a_trap_teaches_more_than_a_bounce() -> None:
    """A bounce is one of many reasons why nobody is there."""
    bounced, trapped = (taught(Nature({}), 500) for _ in range(2))
    for row, traps in ((bounced, 0), (trapped, 1)):
        for number in range(10):
            learn(row, 5_000 + number, as_learnt({"role-address"}, bad=True, traps=traps), LEARNING)
    one, other = (snapshot(row).shifts["role-address"] for row in (bounced, trapped))
    assert other > one + 0.15
    assert bounced.outcomes == trapped.outcomes


def test_another_world_is_learnt_too() -> None:
    """After years of the old one: what is known gets less sure with every day."""
    row = taught(Nature({"dormant": 1.0}), 5_000)
    later = Nature({"dormant": -1.0}, seed=3)
    for number in range(6_000):
        learn(row, 86_400 * (2 + number // 10), as_learnt(*later.outcome()), LEARNING)
    assert snapshot(row).shifts["dormant"] < -0.4


def test_it_tells_when_there_is_something_to_tell() -> None:
    """Not before it has learnt from enough, and only what is new."""
    nature = Nature({"never-mailed": 1.5})
    row = taught(nature, LEARNING.outcomes - 1)
    assert news(row, LEARNING) is None
    taught(nature, 1, row)
    first = news(row, LEARNING)
    assert first == snapshot(row)
    assert news(row, LEARNING) is None, "the same again"
    taught(Nature({"never-mailed": -1.5}), 300, row)
    assert news(row, LEARNING) not in (None, first)


def test_another_policy_makes_it_unsure() -> None:
    """What was learnt is what that one lacked. It goes on from there, and learns again as from the start."""
    row = taught(Nature({"dormant": 1.0}), 2_000)
    before = snapshot(row)
    doubt(row, LEARNING)
    after = snapshot(row)
    assert before.shifts == after.shifts
    assert before.spreads["never-mailed"] < LEARNING.spread / 4
    assert all(spread >= LEARNING.spread / 2 for spread in after.spreads.values())
    taught(Nature({"dormant": 0.0}, seed=4), 1_000, row)
    assert abs(snapshot(row).shifts["dormant"]) < 0.5


def test_names_are_bounded() -> None:
    """Whatever stands in the tallies."""
    row = ModelRow()
    for number in range(KEPT + 30):
        learn(row, number, {f"signal-{number}": Learnt(bad=1, expected=100)}, LEARNING)
    assert KEPT == len(row.signals)
    assert len(row.mean) == len(row.spread) == KEPT + 2


outcomes = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "a+b", "c", "b+c+d"]),
        st.builds(Learnt, bad=st.integers(0, 3000), good=st.integers(0, 3000), expected=st.integers(0, 6_000_000)),
        st.integers(0, 86_400 * 400),
    ),
    max_size=30,
)


@given(outcomes)
def test_whatever_comes_the_figures_stay_sound(outcomes: list[tuple[str, Learnt, int]]) -> None:
    """Finite, and never surer than sure; and a row is the same after a ledger has kept it."""
    row, kept, second = ModelRow(), ModelRow(), 0
    for names, found, gap in outcomes:
        second += gap
        learn(row, second, {names: found}, LEARNING)
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=ModelRow)
        learn(kept, second, {names: found}, LEARNING)
    assert msgspec.msgpack.encode(row) == msgspec.msgpack.encode(kept)
    if row.mean:
        assert all(abs(shift) < 60 for shift in snapshot(row).shifts.values())
        assert all(spreads[place] > -1e-9 for place, spreads in enumerate(row.spread))


def test_the_same_outcomes_give_the_same_octets() -> None:
    """On another process with another hash seed: what is learnt is part of the log's fold."""
    code = (
        "import msgspec; from tests.watch.test_learn import Nature, taught;"
        "print(msgspec.msgpack.encode(taught(Nature({'dormant': 1.0}), 300)).hex())"
    )
    found = set()
    for seed in ("0", "1", "12345"):
        environment: dict[str, Any] = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert 1 == len(found)


def test_a_snapshot_goes_into_every_partition_of_the_log() -> None:
    """And one copy to email-control, for who wants to see it. Its version is a hash of what it says."""
    scene = Scene()
    nature = Nature({"never-mailed": 1.5})
    for _ in range(LEARNING.outcomes):
        scene.append(scene.tally(scene.now, "", learnt=as_learnt(*nature.outcome())))
        scene.wait(1)
    assert not scene.ledger.outputs.get(EVIDENCE.name)
    scene.wait(3600)
    scene.append(scene.tally(scene.now, "", learnt=as_learnt(*nature.outcome())))
    records = [decode_evidence(value) for value in scene.ledger.outputs[EVIDENCE.name]]
    assert PARTITIONS[EVIDENCE.name] == len(records)
    (record,) = {msgspec.json.encode(record) for record in records}
    assert [record] == scene.ledger.outputs[CONTROL.name]
    told = decode_evidence(record)
    assert isinstance(told, ModelRecord)
    assert told.version == hashlib.sha256(told.snapshot.encode()).hexdigest()[:12]
    assert LEARNING.outcomes == msgspec.json.decode(told.snapshot)["outcomes"]
