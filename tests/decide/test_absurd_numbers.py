"""Numbers that no clock shows and no row can keep: whoever can write into the log must not be able to stop a partition
with one, nor to move its clock for good."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sidestep.schemas import (
    Evidence,
    HoldRecord,
    ListsRecord,
    ModelRecord,
    PaceRecord,
    SourceHoldRecord,
    SuppressRecord,
    TickRecord,
    TrapRecord,
)
from sidestep.schemas.codec import encode
from sidestep.schemas.controls import Pace
from tests.decide.world import KEYS, START, World, feedback, intent, policy

ABSURD = (10**30, -(10**30), 2**64, 2**63, -(2**63), 2**62, 2**53, -1)
FORGED = KEYS.recipient("a@d.example")
KINDS: dict[str, Evidence] = {
    "intent": intent("odd", source="import", created_at=START, consent_at=START, attempt=2),
    "delivered": feedback("delivered", occurred_at=START, intent_id="1", service="shop"),
    "hard bounce": feedback("bounce", occurred_at=START, hard=True, reason="userunknown", service="shop"),
    "policy": policy(),
    "lists": ListsRecord(version="v", lists={"x": "1"}, at=START),
    "model": ModelRecord(version="", at=START),
    "hold": HoldRecord(service="shop", until=START + 1, reason="r", at=START),
    "source hold": SourceHoldRecord(service="shop", source="import", until=START + 1, reason="r", at=START),
    "suppress": SuppressRecord(domain="d.example", recipient_key=FORGED, reason="r", by="b", at=START),
    "trap": TrapRecord(domain="d.example", recipient_key=FORGED, by="b", at=START, hit_at=START),
    "pace": PaceRecord(at=START, providers={"google": Pace(1, 500, "r", 10, START, START)}),
    "tick": TickRecord(at=START, refused={"shop-1/signature-wrong": 3}),
}


def _numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of whole numbers in a record."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from _numbers(inside, (*path, name))
    elif isinstance(value, list):
        for place, inside in enumerate(value):
            yield from _numbers(inside, (*path, place))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path


def _with(record: dict[str, Any], path: tuple[Any, ...], number: int) -> bytes:
    changed: Any = msgspec.json.decode(msgspec.json.encode(record))
    inside = changed
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = number
    return json.dumps(changed).encode()  # msgspec writes no number that is larger than 64 bits


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_stops_a_partition(kind: str) -> None:
    """Beside sound records in a batch, and alone in one: what can't be kept is a dead letter, and the next intent has a
    verdict of today."""
    record: dict[str, Any] = msgspec.json.decode(encode(KINDS[kind]))
    places = list(_numbers(record))
    assert ("at",) in places
    for path in places:
        # an attempt below one is no hold-up: its verdict says the same number, which readers of verdicts refuse
        for number in (each for each in ABSURD if each > 0 or path != ("attempt",)):
            world = World()
            value = _with(record, path, number)
            world.append(intent("before", at=world.now), value, intent("beside", to="b@example.org", at=world.now))
            world.append(value)
            world.wait(1000)
            later = world.append(intent("after", to="c@example.net", service="news", at=world.now))
            assert ["after"] == [verdict.id for verdict in later], (path, number)
            assert later[0].decided_at < START / 1000 + 86_400, (path, number)
            ids = {verdict.id for verdict in world.verdicts()}
            assert {"before", "beside", "after"} <= ids, (path, number)
