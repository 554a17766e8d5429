"""Slots that are shared fairly: nobody has them all, and what gets free goes to whoever has the fewest."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.web.validate.fair_slots import FairSlots


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_one_asker_leaves_some_for_others() -> None:
    """Three of four at most, however many wait."""

    async def scene() -> tuple[int, bool]:
        slots, held = FairSlots(4, 3), Counter[str]()

        async def hold(asker: str) -> None:
            async with slots.slot(asker):
                held[asker] += 1
                await asyncio.Event().wait()

        tasks = [asyncio.create_task(hold("greedy")) for _ in range(10)]
        await _settled()
        greedy = held["greedy"]
        tasks.append(asyncio.create_task(hold("next")))
        await _settled()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return greedy, held["next"] == 1

    assert (3, True) == asyncio.run(scene())


def test_the_next_slot_is_for_who_has_fewest() -> None:
    """One that waits behind a hundred of another asker's is not the hundred-and-first."""

    async def scene() -> list[str]:
        slots, order = FairSlots(2, 2), list[str]()

        async def use(asker: str) -> None:
            async with slots.slot(asker):
                order.append(asker)
                await asyncio.sleep(0.001)

        many = [asyncio.create_task(use("many")) for _ in range(100)]
        await _settled()
        await asyncio.gather(*many, *(use("few") for _ in range(3)))
        return order

    order = asyncio.run(scene())
    assert len(order) == 103 and [at for at, asker in enumerate(order) if asker == "few"][-1] < 10


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_no_slot_is_lost(askers: list[tuple[str, int, int]]) -> None:
    """Whoever gives up while it waits, or just as it was given one."""

    async def scene() -> None:
        slots, held = FairSlots(3, 2), Counter[str]()

        async def use(asker: str, turns: int) -> None:
            async with slots.slot(asker):
                held[asker] += 1
                assert held[asker] <= 2 and held.total() <= 3
                try:
                    for _ in range(turns):
                        await asyncio.sleep(0)
                finally:
                    held[asker] -= 1

        tasks = []
        for asker, turns, patience in askers:
            tasks.append(asyncio.create_task(use(asker, turns)))
            for _ in range(patience):
                await asyncio.sleep(0)
            tasks[len(tasks) // 2].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [result for result in results if isinstance(result, AssertionError)]
        async with asyncio.timeout(1), AsyncExitStack() as stack:
            for asker in "abc":
                await stack.enter_async_context(slots.slot(asker))

    asyncio.run(scene())
