"""What a worker waits for before its roles are made, and for how long; the cluster's answers are made up."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from sidestep.schemas.codec import encode
from sidestep.streams import startup
from sidestep.streams.deadline import Deadline
from sidestep.streams.errors import PartitionsChanged
from sidestep.streams.observe.health import Health
from sidestep.streams.partition_note import KEY, PartitionNote
from sidestep.topics import admin
from sidestep.topics.catalog import CATALOG, Topic
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, TopicsError
from sidestep.topics.plan import TopicState

ALL = [TopicState(topic.name, topic.partitions, 1) for topic in CATALOG]
AWAY = BrokerUnreachable("no Kafka answers at nowhere:1")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Health]:
    """answers(…) has the cluster answer so, one after the other, the last one for ever; gives the health."""
    monkeypatch.setattr(startup, "AGAIN_SECONDS", 0.001)

    def say(*given: list[TopicState] | Exception) -> Health:
        left = list(given)

        def states(_: Connection, topics: tuple[Topic, ...]) -> list[TopicState]:
            assert topics == CATALOG
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(admin, "states", states)
        return Health()

    return say


def _partitions(health: Health) -> dict[str, int]:
    return asyncio.run(asyncio.wait_for(startup.await_topics(Connection("localhost:1"), health), 10))


def test_kafka_is_waited_for(answers: Callable[..., Health], caplog: pytest.LogCaptureFixture) -> None:
    """However often it does not answer; that is logged once in a minute."""
    assert {topic.name: topic.partitions for topic in CATALOG} == _partitions(answers(AWAY, AWAY, AWAY, ALL))
    assert 1 == caplog.text.count("waiting for Kafka: no Kafka answers at nowhere:1")


def test_readiness_says_what_is_waited_for(answers: Callable[..., Health]) -> None:
    """With the client's own words."""
    health = answers(AWAY)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(startup.await_topics(Connection("localhost:1"), health), 0.2))
    assert any("no Kafka answers at nowhere:1" in reason for reason in health.readyz()[1]["reasons"])


def test_a_broker_that_has_just_started_may_not_know_all_topics_yet(answers: Callable[..., Health]) -> None:
    """It is asked again."""
    assert len(CATALOG) == len(_partitions(answers(AWAY, [], ALL[:3], ALL)))


def test_topics_that_stay_missing_are_an_error(answers: Callable[..., Health], monkeypatch: pytest.MonkeyPatch) -> None:
    """It names them, and what to do."""
    monkeypatch.setattr(startup, "TOPICS_SECONDS", 0.05)
    health = answers(ALL[1:])
    with pytest.raises(TopicsError, match=f"{ALL[0].name} does not exist(.|\n)*Run `sidestep topics create`"):
        _partitions(health)


def test_topics_may_have_more_partitions_than_the_log(
    answers: Callable[..., Health], caplog: pytest.LogCaptureFixture
) -> None:
    """As while it is being grown: a worker that begins then must work. It is told all the same."""
    more = [replace(state, partitions=12) if state.name == "email-approved" else state for state in ALL]
    assert 12 == _partitions(answers(more))["email-approved"]
    assert "email-approved has 12 partitions, more than email-evidence: 4" in caplog.text


def test_a_deadline_passes_once(wait_until: Callable[..., object]) -> None:
    """However often it was begun; and never, where it was not."""
    passed: list[str] = []
    deadline = Deadline(0.01, lambda: passed.append("passed"))
    Deadline(0.0, lambda: passed.append("never"))
    for _ in range(3):
        deadline.begin()
    wait_until(lambda: passed)
    assert ["passed"] == passed


def _followed(seen: dict[str, int], note: PartitionNote | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a worker that began with four partitions does when it sees these."""
    notes = {KEY: encode(note)} if note is not None else {}
    monkeypatch.setattr(startup, "notes_of_control", lambda _: notes)
    monkeypatch.setattr(startup, "BEAT_SECONDS", 0.001)
    did: list[str] = []
    following = startup.follow_partitions(
        lambda: seen, {"email-evidence": 4}, Connection("localhost:1"), lambda: did.append("began anew")
    )
    asyncio.run(asyncio.wait_for(following, 1))
    return did


@pytest.mark.parametrize("note", [PartitionNote(4, growing=12), PartitionNote(12, before=(4,))])
def test_a_worker_begins_anew_when_the_log_is_grown(note: PartitionNote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where that has come to its end before it has looked."""
    assert ["began anew"] == _followed({"email-evidence": 12}, note, monkeypatch)


@pytest.mark.parametrize("note", [None, PartitionNote(4), PartitionNote(4, growing=8)])
def test_a_worker_leaves_when_somebody_else_changes_the_log(
    note: PartitionNote | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the sentence that says what to do."""
    with pytest.raises(PartitionsChanged, match="sidestep topics grow --partitions 12"):
        _followed({"email-evidence": 12}, note, monkeypatch)


def test_the_end_of_a_growth_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Kafka is away, too."""
    answers: list[PartitionNote | Exception] = [PartitionNote(4, growing=12), AWAY, PartitionNote(12, before=(4,))]

    def notes(_: Connection) -> dict[str, bytes]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {KEY: encode(answer)}

    monkeypatch.setattr(startup, "notes_of_control", notes)
    monkeypatch.setattr(startup, "GROWN_SECONDS", 0.001)
    found = asyncio.run(asyncio.wait_for(startup.await_grown(Connection("localhost:1"), Health()), 1))
    assert found == PartitionNote(12, before=(4,))
    assert answers == []
