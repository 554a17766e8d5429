"""Records of which each is told that Kafka has it, or that nobody knows."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sidestep.streams.web.receive import confirming
from sidestep.streams.web.receive.confirming import ConfirmingPublisher, NotTaken
from sidestep.topics.errors import PublishFailed
from sidestep.topics.publish import Headers


class Kafka:
    """A publisher's other side, in the publisher's thread."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.groups = self.made = 0
        self.error: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()

    def new(self) -> "Kafka":
        """One more client."""
        self.made += 1
        return self

    def publish_bytes(self, topic: str, value: bytes, *, headers: Headers) -> None:
        """Take a record."""
        if isinstance(self.error, RuntimeError):
            raise self.error
        self.records.append(value)

    def flush(self) -> None:
        """Answer."""
        self.answers.wait(10)
        self.groups += 1
        if self.error is not None:
            raise self.error


def _play(scene: Callable[[Kafka, ConfirmingPublisher], Any]) -> Any:
    async def whole() -> Any:
        kafka = Kafka()
        publisher = ConfirmingPublisher(kafka.new)
        try:
            return await scene(kafka, publisher)
        finally:
            kafka.answers.set()
            await publisher.close()

    return asyncio.run(whole())


async def _outcome(publisher: ConfirmingPublisher, value: bytes = b"x") -> str:
    try:
        await publisher.publish("t", value, {})
    except NotTaken:
        return "not taken"
    return "taken"


def test_what_comes_together_goes_together() -> None:
    """While Kafka is busy with one record, those that come wait for one answer of their own."""

    async def scene(kafka: Kafka, publisher: ConfirmingPublisher) -> tuple[list[str], int]:
        kafka.answers.clear()
        first = asyncio.create_task(_outcome(publisher))
        while not kafka.records:
            await asyncio.sleep(0.005)
        others = [asyncio.create_task(_outcome(publisher)) for _ in range(100)]
        await asyncio.sleep(0)
        kafka.answers.set()
        return [await task for task in (first, *others)], kafka.groups

    outcomes, groups = _play(scene)
    assert ["taken"] * 101 == outcomes and groups <= 3


def test_a_group_of_which_one_is_lost_is_not_confirmed() -> None:
    """None of it: which one it was is not known. Afterwards it goes on, with a new client after an odd error."""

    async def scene(kafka: Kafka, publisher: ConfirmingPublisher) -> list[Any]:
        found: list[Any] = [await _outcome(publisher)]
        for error in (PublishFailed("no answer in time: 1"), RuntimeError("fatal")):
            kafka.error = error
            found += [await _outcome(publisher), publisher.trouble != "", kafka.made]
        kafka.error = None
        return [*found, await _outcome(publisher), publisher.trouble, kafka.made]

    assert ["taken", "not taken", True, 1, "not taken", True, 1, "taken", "", 2] == _play(scene)


def test_more_than_may_wait_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by octets; memory does not grow with Kafka's silence."""
    monkeypatch.setattr(confirming, "WAITING_MOST", 3)
    monkeypatch.setattr(confirming, "WAITING_OCTETS", 100)

    async def scene(kafka: Kafka, publisher: ConfirmingPublisher) -> list[str]:
        kafka.answers.clear()
        waiting = [asyncio.create_task(_outcome(publisher, b"x" * 40)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = [await _outcome(publisher, b"x" * 40)]
        waiting.append(asyncio.create_task(_outcome(publisher)))
        await asyncio.sleep(0)
        refused.append(await _outcome(publisher))
        kafka.answers.set()
        return [*refused, *[await task for task in waiting], await _outcome(publisher, b"x" * 40)]

    assert ["not taken", "not taken", "taken", "taken", "taken", "taken"] == _play(scene)


def test_kafka_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider has its answer in time; what Kafka says later disturbs nobody."""
    monkeypatch.setattr(confirming, "WAIT_SECONDS", 0.1)

    async def scene(kafka: Kafka, publisher: ConfirmingPublisher) -> list[str]:
        kafka.answers.clear()
        first = await _outcome(publisher)
        kafka.answers.set()
        return [first, await _outcome(publisher)]

    assert ["not taken", "taken"] == _play(scene)
