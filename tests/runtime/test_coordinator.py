"""The wary member of a consumer group, by itself: what it does when metadata lacks a topic, and with errors.

How it does among others, with a broker, tests/guarantees/test_coverage.py shows.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

import pytest
from aiokafka import errors as kafka_errors
from aiokafka.consumer.group_coordinator import GroupCoordinator

from sidestep.streams.runtime import coordinator as module
from sidestep.streams.runtime.assignor import TopicsUnknown
from sidestep.streams.runtime.coordinator import WaryCoordinator

SESSION_SECONDS = 1.0
P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that runs where an event loop turns."""

    @functools.wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        asyncio.run(test(*arguments, **named))

    return run


class Client:
    """Counts how often it is asked for metadata; without a broker that never comes."""

    def __init__(self, answers: bool = True) -> None:
        self.asked = 0
        self._answers = answers

    def force_metadata_update(self) -> "asyncio.Future[bool]":
        self.asked += 1
        future = asyncio.get_running_loop().create_future()
        if self._answers:
            future.set_result(True)
        return future


class Assignor:
    """Told to insist."""

    def __init__(self) -> None:
        self.insisted = 0

    def insist(self) -> None:
        self.insisted += 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little waiting between two questions."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)


def _member(monkeypatch: pytest.MonkeyPatch, incomplete: int, client: Client | None = None) -> Any:
    """A member whose metadata lacks a topic so many times; made without aiokafka's client."""

    async def assign(self: Any, _response: object) -> str:
        self.tried += 1
        self._group_subscription = {"log"}
        if self.tried <= incomplete:
            raise TopicsUnknown(["log"])
        return "assigned"

    async def beat(self: Any) -> bool:
        self.beats += 1
        return True

    monkeypatch.setattr(GroupCoordinator, "_perform_assignment", assign)
    monkeypatch.setattr(WaryCoordinator, "_do_heartbeat", beat)
    member: Any = WaryCoordinator.__new__(WaryCoordinator)
    member.tried = member.beats = 0
    member._client = client or Client()
    member._session_timeout_ms = SESSION_SECONDS * 1000
    member._closing = asyncio.get_running_loop().create_future()
    member._rejoin_needed_fut = asyncio.get_running_loop().create_future()
    member._group_subscription = None
    member._metadata_snapshot = {}
    member._assignors = [Assignor()]
    return member


@in_loop
async def test_the_leader_asks_for_metadata_until_it_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first try too; it stays in the group meanwhile by heartbeats, and leads in the end."""
    member = _member(monkeypatch, incomplete=3)
    assert "assigned" == await member._perform_assignment(None)
    assert (4, 4, 3) == (member.tried, member._client.asked, member.beats)
    assert member.leads


@in_loop
async def test_the_leader_begins_anew_after_half_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """It joins again rather than answer with nothing, and is not taken for the leader of what never was."""
    member = _member(monkeypatch, incomplete=1_000_000)
    with pytest.raises(TopicsUnknown) as caught:
        await asyncio.wait_for(member._perform_assignment(None), SESSION_SECONDS)
    assert not member.leads
    error = kafka_errors.KafkaError("as aiokafka wraps it")
    error.__cause__ = caught.value
    await asyncio.wait_for(member._push_error_to_user(error), 1)
    assert member._rejoin_needed_fut.done()


@in_loop
async def test_a_broker_that_says_nothing_does_not_hold_up_the_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    """It assigns from what it knows, if that is complete."""
    member = _member(monkeypatch, incomplete=0, client=Client(answers=False))
    assert "assigned" == await asyncio.wait_for(member._perform_assignment(None), SESSION_SECONDS)


@in_loop
async def test_a_member_joins_again_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new one, because the broker may not know the old one; nobody has to fetch for it."""
    member = _member(monkeypatch, incomplete=0)
    member.generation, member.member_id = 7, "old"
    await asyncio.wait_for(member._push_error_to_user(kafka_errors.KafkaError("join refused")), 1)
    assert member._rejoin_needed_fut.done()
    assert ("", -1) == (member.member_id, member.generation)


@in_loop
async def test_what_joining_would_not_mend_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, and the member rests until it is closed."""
    member = _member(monkeypatch, incomplete=0)
    told: list[Exception] = []
    member.on_fatal = told.append
    error = kafka_errors.GroupAuthorizationFailedError("group")
    pushing = asyncio.create_task(member._push_error_to_user(error))
    await asyncio.sleep(0.05)
    assert ([error], False) == (told, pushing.done())
    member._closing.set_result(None)
    await asyncio.wait_for(pushing, 1)


@pytest.mark.parametrize(("leads", "insist", "joins"), [(True, False, 1), (False, False, 0), (False, True, 1)])
@in_loop
async def test_who_joins_again(monkeypatch: pytest.MonkeyPatch, leads: bool, insist: bool, joins: int) -> None:
    """The leader; another member only when it is to insist. Each asks for metadata."""
    member = _member(monkeypatch, incomplete=0)
    member._group_subscription = {"log"} if leads else None
    member.rejoin(insist)
    assert (1, joins) == (member._client.asked, member._assignors[0].insisted)
    assert bool(joins) == member._rejoin_needed_fut.done()


@in_loop
async def test_a_topic_that_vanishes_from_metadata_is_no_reason_to_rebalance(monkeypatch: pytest.MonkeyPatch) -> None:
    """More partitions are; a topic that is gone for the moment keeps the number it had."""
    known: dict[str, set[int]] = {"log": {0, 1}}
    member = _member(monkeypatch, incomplete=0)
    member._group_subscription = {"log"}
    member._cluster = type("Cluster", (), {"partitions_for_topic": staticmethod(known.get)})
    member._metadata_snapshot = member._get_metadata_snapshot()
    assert {"log": 2} == member._metadata_snapshot
    del known["log"]
    assert {"log": 2} == member._get_metadata_snapshot()
    known["log"] = {0, 1, 2}
    assert {"log": 3} == member._get_metadata_snapshot()


@in_loop
async def test_a_join_that_does_not_end_does_not_keep_a_member_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a broker that is busy with that join: the session's end tells it as well."""
    monkeypatch.setattr(module, "JOIN_SECONDS", 0.05)
    monkeypatch.setattr(module, "LEAVE_SECONDS", 0.05)
    left: list[bool] = []

    async def for_ever(_member: object) -> None:
        left.append(True)
        await asyncio.Event().wait()

    async def nothing(_member: object) -> None: ...

    monkeypatch.setattr(GroupCoordinator, "_maybe_leave_group", for_ever)
    monkeypatch.setattr(GroupCoordinator, "_stop_heartbeat_task", nothing)
    monkeypatch.setattr(GroupCoordinator, "_stop_commit_offsets_refresh_task", nothing)
    member = _member(monkeypatch, incomplete=0)
    member._coordination_task = asyncio.create_task(asyncio.Event().wait())
    await asyncio.wait_for(member.close(), 2)
    assert ([True], True) == (left, member._coordination_task.cancelled())
    await asyncio.wait_for(member.close(), 1)
