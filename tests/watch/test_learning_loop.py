"""From verdict to outcome to model to the next verdict: what Decide counts, Watch learns from, and Decide judges by."""

from typing import Any

import pytest

from sidestep.schemas import ModelRecord
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.topics.catalog import EVIDENCE
from tests.decide.world import World
from tests.watch.scene import Scene


@pytest.mark.parametrize(("event", "fields"), [("bounce", {"hard": True, "scope": "recipient"}), ("opened", {})])
def test_outcomes_move_the_risk_of_the_next_message(event: str, fields: dict[str, Any]) -> None:
    """Role addresses bounce, or are read, while others do the reverse: the next one's risk says so, within bounds."""
    text = World.policy_text(domain="1000/s,max_burst=1000", service="1000/s,max_burst=1000")
    world, scene = World(text.replace("from_outcomes = 1000", "from_outcomes = 200")), Scene()
    before = world.intent("before", to="sales@example.com", classes=("role",))
    bounce: dict[str, Any] = {"hard": True, "scope": "recipient"}
    reverse: tuple[str, dict[str, Any]] = ("opened", {}) if event == "bounce" else ("bounce", bounce)
    for number in range(120):
        plain, role = f"u{number}@example.com", f"info{number}@example.com"
        world.intent(f"p{number}", to=plain)
        world.intent(f"r{number}", to=role, classes=("role",))
        world.feedback(reverse[0], to=plain, **reverse[1])
        world.feedback(event, to=role, **fields)
        world.wait(1000)
    world.tick()
    scene.append(*[encode(tally) for tally in world.totals()])
    world.tick(3_600_000)
    scene.append(scene.tally(world.now // 1000, ""))
    snapshot = decode_evidence(scene.ledger.outputs[EVIDENCE.name][0])
    assert isinstance(snapshot, ModelRecord)
    world.append(snapshot)
    after = world.intent("after", to="office@example.com", classes=("role",))
    assert ("", 0.193) == (before.versions.model, before.risk)
    assert snapshot.version == after.versions.model
    factor = 3.0 if event == "bounce" else 1 / 3.0
    odds = before.risk / (1 - before.risk) * factor
    assert after.risk == pytest.approx(odds / (1 + odds), abs=0.001)
