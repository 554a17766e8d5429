"""Looks after one role's consumer group, beside the agents: has every partition somebody, and how much waits in each?

Every worker of the group does so, each for itself: an answer that one of them gives must not hang on another. It costs
a broker three requests in LAG_SECONDS and two in a minute.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Protocol

from confluent_kafka import KafkaException

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.coverage import CALM_SECONDS, SOON_SECONDS, UNEASY_SECONDS, Coverage, Remedy
from sidestep.streams.runtime.group import Denied, Group

log = logging.getLogger(__name__)

LAG_SECONDS = 15.0
"""Between two looks at the lag."""


class Member(Protocol):
    """What the keeper needs of the app."""

    @property
    def member(self) -> str: ...

    def rejoin(self, insist: bool) -> None: ...


class Told(Protocol):
    """What the keeper tells of its role's group."""

    def coverage(self, role: str, unassigned: frozenset[Partition]) -> None: ...

    def coverage_unknown(self, role: str, why: str) -> None: ...

    def group_lag(self, role: str, lags: Mapping[Partition, int]) -> None: ...


class GroupKeeper:
    """One role's group in one worker."""

    def __init__(self, role: str, group: Group, coverage: Coverage, app: Member, told: Told):
        self._role = role
        self._group = group
        self._coverage = coverage
        self._app = app
        self._told = told
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Partitions came or went: look soon."""
        self._moved.set()

    async def keep_covered(self) -> None:
        """For ever: looks whether every partition has somebody, and has the group assign anew where one has not."""
        while True:
            self._moved.clear()
            await asyncio.sleep(SOON_SECONDS)
            pause = await self._look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), pause - SOON_SECONDS)

    async def follow_lag(self) -> None:
        """For ever: tells how many records wait in each partition, whoever has it; nothing of what can't be read."""
        while True:
            try:
                self._told.group_lag(self._role, await asyncio.to_thread(self._group.lags))
            except KafkaException as error:
                log.debug("the group's lag can't be read: %s", error)
            await asyncio.sleep(LAG_SECONDS)

    async def _look(self) -> float:
        """Seconds until the next one."""
        try:
            partitions, state = await asyncio.to_thread(lambda: (self._group.partitions(), self._group.state()))
        except Denied as error:
            self._told.coverage_unknown(self._role, str(error))
            return CALM_SECONDS
        except KafkaException as error:  # /readyz says that Kafka does not answer; what was known stands
            log.debug("the group can't be described: %s", error)
            return UNEASY_SECONDS
        remedy = self._coverage.look(state, partitions, self._app.member)
        self._told.coverage(self._role, self._coverage.unassigned)
        if remedy is not Remedy.NONE:
            self._app.rejoin(insist=remedy is Remedy.INSIST)
        return self._coverage.pause
