"""A loop that is held is seen, and for how long."""

import asyncio
import time

import pytest
import uvloop
from prometheus_client import CollectorRegistry

from sidestep.streams.observe.loop_silence import LoopSilence

HELD = 0.3


def _longer_than(registry: CollectorRegistry, seconds: float) -> float:
    def at_most(bound: str) -> float:
        return registry.get_sample_value("sidestep_loop_silence_seconds_bucket", {"le": bound}) or 0.0

    return at_most("+Inf") - at_most(str(seconds))


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_loop_that_is_held_is_seen(loop: type[asyncio.AbstractEventLoop]) -> None:
    """Once, for about as long as it was held; it goes on looking until it is cancelled."""
    registry = CollectorRegistry()

    async def scene() -> None:
        listening = asyncio.create_task(LoopSilence(registry).listen())
        await asyncio.sleep(0.05)
        time.sleep(HELD)  # whatever holds the loop
        await asyncio.sleep(0.1)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scene())
    assert _longer_than(registry, 0.25) >= 1
    assert (registry.get_sample_value("sidestep_loop_silence_seconds_count") or 0) > 1
