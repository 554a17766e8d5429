"""When a client is given up: not in an outage, not for a moment; only while Kafka answers others and not this one."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from sidestep.topics import stranded
from sidestep.topics.connection import Connection
from sidestep.topics.handled import Handled
from sidestep.topics.stranded import LOOK_SECONDS, SURE_SECONDS, OtherClients, Stranded


class Scene:
    """A clock, a client that has brokers or not, and a Kafka that answers new clients or does not."""

    def __init__(self) -> None:
        self.now = 100.0
        self.connected = self.answering = True
        self.asked = 0
        self.answers = OtherClients(Connection("127.0.0.1:1"))
        self.answers.ask = self._ask  # type: ignore[method-assign]
        self.stranded = Stranded(self.answers)

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """As librdkafka does at once."""
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT if self.connected else KafkaError._TRANSPORT))

    def _ask(self) -> None:
        self.asked += 1
        self.answers.note(self.answering)

    def found_out(self, seconds: float) -> bool:
        """Whether the client is given up within so many seconds, each of which somebody looks at it."""
        end = self.now + seconds
        while self.now < end:
            self.now += 1.0
            if self.stranded.look(self):
                return True
        return False


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """All is well, at 100 s."""
    made = Scene()
    monkeypatch.setattr(stranded, "time", SimpleNamespace(monotonic=made.monotonic))
    made.stranded._begin()
    return made


def test_a_client_that_has_brokers_is_never_given_up(scene: Scene) -> None:
    """And nobody else is asked."""
    assert not scene.found_out(600)
    assert 0 == scene.asked


def test_a_client_that_has_none_is_given_up_once_others_are_answered_for_long_enough(scene: Scene) -> None:
    """And the next one is looked at anew."""
    scene.connected = False
    began = scene.now
    assert scene.found_out(60)
    assert SURE_SECONDS <= scene.now - began <= LOOK_SECONDS + SURE_SECONDS + 10
    assert not scene.found_out(LOOK_SECONDS)


def test_no_client_is_given_up_in_an_outage(scene: Scene) -> None:
    """Nor where it is the last to connect again."""
    scene.connected = scene.answering = False
    assert not scene.found_out(600)
    scene.answering = True
    assert not scene.found_out(SURE_SECONDS - 2)
    scene.connected = True
    assert not scene.found_out(600)


def test_a_client_that_connects_again_meanwhile_begins_anew(scene: Scene) -> None:
    """As one does whose connection breaks now and then."""
    for _ in range(20):
        scene.connected = False
        assert not scene.found_out(SURE_SECONDS - 2)
        scene.connected = True
        assert not scene.found_out(LOOK_SECONDS + 1)


def test_looks_far_apart_say_nothing_of_the_time_between_them(scene: Scene) -> None:
    """A publisher that is used once an hour, whose connection is idle and closed by then."""
    scene.connected = False
    for _ in range(10):
        scene.now += 3600
        assert not scene.stranded.look(scene)


def test_a_reader_goes_on_where_it_was_further_than_its_group(scene: Scene) -> None:
    """Once; then the group knows."""
    done = Handled()
    done.note([TopicPartition("t", 0, 5), TopicPartition("t", 1, 7, "note")])
    done.note([TopicPartition("t", 0, 9)])
    done.next_consumer()
    group = [TopicPartition("t", 0, 10), TopicPartition("t", 1, 3), TopicPartition("t", 2, -1001)]
    assert [10, 7, -1001] == [each.offset for each in done.begin(group)]
    assert [10, 3, -1001] == [each.offset for each in done.begin(group)]
