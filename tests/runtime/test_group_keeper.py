"""What looks after a group: when it looks, what it tells, when it has the group assign anew."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from sidestep.streams.runtime import group_keeper as module
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.coverage import CALM_SECONDS, UNEASY_SECONDS, Coverage, GroupState
from sidestep.streams.runtime.group import Denied
from sidestep.streams.runtime.group_keeper import GroupKeeper

ALL = frozenset({Partition("log", 0), Partition("log", 1)})
WHOLE = GroupState(True, frozenset({"me"}), ALL)
NOTHING = GroupState(True, frozenset({"me"}), frozenset())
AWAY = KafkaException(KafkaError(KafkaError._TRANSPORT))


class World:
    """A group that answers as told, the app and the report: whatever the keeper touches."""

    member = "me"

    def __init__(self, *states: GroupState | Exception) -> None:
        self.states = list(states)
        self.told: list[Any] = []
        self.rejoins: list[bool] = []
        self.looks = 0
        self.answers = True
        self.keeper = GroupKeeper("judge", self, Coverage(lambda: float(self.looks)), self, self)  # type: ignore[arg-type]  # Group asks a broker

    def partitions(self) -> frozenset[Partition]:
        return ALL

    def state(self) -> GroupState:
        self.looks += 1
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, Exception):
            raise state
        return state

    def lags(self) -> dict[Partition, int]:
        if not self.answers:
            raise AWAY
        return dict.fromkeys(ALL, 3)

    def rejoin(self, insist: bool) -> None:
        self.rejoins.append(insist)

    def coverage(self, role: str, unassigned: frozenset[Partition]) -> None:
        self.told.append((role, unassigned))

    def coverage_unknown(self, role: str, why: str) -> None:
        self.told.append((role, why))

    def group_lag(self, role: str, lags: Mapping[Partition, int]) -> None:
        self.told.append((role, dict(lags)))


def test_a_look_tells_and_asks_where_something_is_missing() -> None:
    """Then it comes again soon; where nothing is, after a while."""
    world = World(NOTHING, WHOLE)
    assert UNEASY_SECONDS == asyncio.run(world.keeper._look())
    assert CALM_SECONDS == asyncio.run(world.keeper._look())
    assert [("judge", ALL), ("judge", frozenset())] == world.told
    assert [False] == world.rejoins


def test_what_was_known_stands_while_kafka_does_not_answer() -> None:
    """Nobody is told that all is well, nor is anybody disturbed; the next look is soon."""
    world = World(AWAY)
    assert UNEASY_SECONDS == asyncio.run(world.keeper._look())
    assert ([], []) == (world.told, world.rejoins)


def test_where_it_may_not_look_it_says_so() -> None:
    """And does nothing."""
    world = World(Denied("not allowed"))
    assert CALM_SECONDS == asyncio.run(world.keeper._look())
    assert ([("judge", "not allowed")], []) == (world.told, world.rejoins)


def test_a_move_of_partitions_is_looked_at_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at the next minute; a move during a look counts, too."""
    monkeypatch.setattr(module, "SOON_SECONDS", 0.01)
    world = World(WHOLE)

    async def looked(count: int) -> None:
        async with asyncio.timeout(5):
            while world.looks < count:
                await asyncio.sleep(0.005)

    async def run() -> None:
        keeping = asyncio.create_task(world.keeper.keep_covered())
        await looked(1)
        for count in (2, 3):
            world.keeper.moved()
            await looked(count)
        await asyncio.sleep(0.1)
        keeping.cancel()

    asyncio.run(run())
    assert 3 <= world.looks <= 4


def test_lag_is_told_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not answer in between ends nothing."""
    monkeypatch.setattr(module, "LAG_SECONDS", 0.01)
    world = World(WHOLE)

    async def told(count: int) -> None:
        async with asyncio.timeout(5):
            while len(world.told) < count:
                await asyncio.sleep(0.005)

    async def run() -> None:
        following = asyncio.create_task(world.keeper.follow_lag())
        await told(2)
        world.answers = False
        await asyncio.sleep(0.05)
        world.answers = True
        await told(len(world.told) + 2)
        following.cancel()

    asyncio.run(run())
    assert all(found == ("judge", dict.fromkeys(ALL, 3)) for found in world.told)
