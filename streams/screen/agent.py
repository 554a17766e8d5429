"""The Screen role: one Faust agent a topic, each batch handed to the Screener. Thin: an exception never leaves an
agent."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from sidestep.streams.runtime.batch_app import BatchApp, declare
from sidestep.streams.runtime.batches import Batch
from sidestep.streams.screen.screened import Screened
from sidestep.streams.screen.screener import Screener
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT, INTENTS

log = logging.getLogger(__name__)

TOPICS = (INTENTS.name, BOUNCES.name, ENGAGEMENT.name)

Done = Callable[[Batch, Screened, float], None]
"""Hears of a batch that is in the log, and of the seconds that this took."""


def register(
    app: BatchApp, screener: Screener, own: Iterable[str], done: Done, fail: Callable[[Exception], None]
) -> None:
    """Declare the agents on `app`. `own`: topics that services have to themselves."""

    async def process(batch: Batch, ack: Callable[[], object]) -> None:
        began = time.monotonic()
        try:
            screened = await screener.screen(batch)
            done(batch, screened, time.monotonic() - began)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - handed to the composition root: the worker leaves, nothing is acked
            fail(error)
            return
        ack()

    for topic in (*TOPICS, *own):
        declare(app, topic, process)
