"""Turns at the event loop: however much work there is at once, the loop gets to others in between."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from sidestep.streams.screen.dns.turns import Turns

PIECES = 100


class Clock:
    """A clock that goes on when work is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self) -> float:
        """A piece that takes four seconds of a portion of ten."""
        self.now += 4.0
        return self.now


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_round_of_the_loop_has_no_more_than_its_portion(runner: Callable[..., None]) -> None:
    """A hundred pieces at once: three fit into a round, the rest wait, first come first served."""

    async def scenario() -> None:
        clock, rounds = Clock(), [0]
        turns = Turns(10.0, clock)

        async def count() -> None:
            while True:
                rounds.append(0)
                await asyncio.sleep(0)

        async def piece() -> float:
            def work() -> float:
                rounds[-1] += 1
                return clock.work()

            return await turns.take(work)

        counting = asyncio.create_task(count())
        done = await asyncio.gather(*(piece() for _ in range(PIECES)))
        counting.cancel()
        assert done == sorted(done)
        assert sum(rounds) == PIECES
        assert max(rounds) <= 3

    runner(scenario())


def test_work_that_fails_takes_its_time_too() -> None:
    """The error is the caller's, and the next round begins anew."""

    async def scenario() -> None:
        clock = Clock()
        turns = Turns(3.0, clock)

        def fail() -> None:
            clock.work()
            raise ValueError("no")

        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await turns.take(fail)
        assert await turns.take(clock.work) == 16.0

    asyncio.run(scenario())
