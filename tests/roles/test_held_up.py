"""Readers of committed records that stand at one place: seen after a while, not before, and not while they move."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from sidestep.streams.roles import held_up as module
from sidestep.streams.roles.held_up import HeldUp
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Ends
from sidestep.topics.errors import BrokerUnreachable
from tests.waiting import until


@dataclass
class Kafka:
    """One partition's ends; a question may fail. `asked` counts them."""

    ends: Ends = field(default_factory=lambda: Ends(5, 5))
    away: bool = False
    asked: int = 0
    ended: list[int] = field(default_factory=list)

    def ask(self, places: Collection[Place]) -> dict[Place, Ends]:
        """The same for each place."""
        self.asked += 1
        if self.away:
            raise BrokerUnreachable("away")
        return dict.fromkeys(places, self.ends)

    def end(self) -> Ended:
        """What hangs is ended."""
        self.ended.append(self.asked)
        self.ends = Ends(self.ends.high, self.ends.high)
        return Ended(adopted=1)


def test_what_stands_still_is_ended_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not while there is nothing open, while Kafka is away, or while other transactions come and go."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(module, "HELD_UP_SECONDS", 0.1)

    async def run() -> None:
        kafka = Kafka()
        watch = asyncio.create_task(HeldUp(lambda: [Partition("log", 0)], kafka.ask, kafka.end).keep_watch())
        await until(lambda: kafka.asked > 30)
        for number in range(40):  # each looks open once, and then another one
            kafka.ends = Ends(10 + number, 100)
            await asyncio.sleep(0.005)
        kafka.away = True
        asked = kafka.asked
        await until(lambda: kafka.asked > asked + 5)
        assert kafka.ended == []
        kafka.away = False
        kafka.ends = Ends(60, 100)
        await until(lambda: kafka.ended)
        asked = kafka.asked
        await until(lambda: kafka.asked > asked + 30)
        assert len(kafka.ended) == 1
        watch.cancel()

    asyncio.run(run())
