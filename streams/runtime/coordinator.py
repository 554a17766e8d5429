"""aiokafka's member of a consumer group, changed in what it does when an assignment can't be made, or is not complete.

What the code below has to respect in aiokafka 0.14:
- a consumer makes its coordinator itself, and offers no way to give it another one;
- an exception of the assignor becomes a KafkaError that is kept until somebody fetches. Nobody does (Reader fetches),
  so the member would stand outside the group for ever, as would one whose join the broker refuses;
- while the leader makes the assignment it sends no heartbeats;
- the joins of a member that does not lead change nothing unless they tell something new: see CompleteAssignor.insist.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka_errors
from aiokafka.consumer.group_coordinator import GroupCoordinator

from sidestep.streams.runtime.assignor import TopicsUnknown

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.5
"""Between two questions for metadata, and before a join that follows a failed one."""

JOIN_SECONDS = 10.0
"""For which closing waits for a join under way: batches in hand are finished in it."""
LEAVE_SECONDS = 2.0
"""For which it waits for the broker to take note. It may be busy with the join; then the session's end tells it."""

FATAL = (
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.InconsistentGroupProtocolError,
    kafka_errors.InvalidSessionTimeoutError,
    kafka_errors.InvalidGroupIdError,
)
"""What joining again would not mend."""


class WaryCoordinator(GroupCoordinator):  # type: ignore[misc]  # aiokafka has no types
    """A member that assigns from complete metadata only, and that joins again where aiokafka would give up."""

    on_fatal: Callable[[Exception], None]
    _waits = False
    """Whether the group waits for this member's metadata, which is logged once."""

    @property
    def leads(self) -> bool:
        """Whether this member made the group's present assignment."""
        return self._group_subscription is not None

    def rejoin(self, insist: bool) -> None:
        """Have the group assign anew, from fresh metadata. A member that does not lead leaves that to the leader unless
        it is to insist."""
        self._client.force_metadata_update()
        if self.leads or insist:
            for assignor in self._assignors:
                assignor.insist()
            self.request_rejoin()

    async def close(self) -> None:
        """Leave the group. A join that waits for the leader may last as long as the leader waits for metadata."""
        if self._closing.done():
            return
        self._closing.set_result(None)
        await asyncio.wait([self._coordination_task], timeout=JOIN_SECONDS)
        self._coordination_task.cancel()
        await asyncio.wait([self._coordination_task])
        await self._stop_heartbeat_task()
        await self._stop_commit_offsets_refresh_task()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._maybe_leave_group()

    async def _do_rejoin_group(self, subscription: Any) -> Any:
        self._group_subscription = None  # of an attempt before this one, in which it may have led
        return await super()._do_rejoin_group(subscription)

    async def _perform_assignment(self, response: Any) -> Any:
        """The leader's part: from fresh metadata, asked for again while it lacks a topic. Half a session at most: by
        then others may have joined and left. Raises TopicsUnknown."""
        deadline = time.monotonic() + self._session_timeout_ms / 2000
        while True:
            await self._refresh(deadline)
            try:
                assignments = await super()._perform_assignment(response)
            except TopicsUnknown as error:
                self._say_waits(error)
                self._group_subscription = None
                if time.monotonic() >= deadline or self._closing.done():
                    raise
            else:
                self._waits = False
                return assignments
            await self._do_heartbeat()
            await asyncio.sleep(AGAIN_SECONDS)

    def _say_waits(self, error: TopicsUnknown) -> None:
        if not self._waits:
            log.warning("the group waits: %s; asking again until it has all", error)
        self._waits = True

    async def _refresh(self, deadline: float) -> None:
        """New metadata; where no broker answers in time the old one has to do."""
        try:
            async with asyncio.timeout(max(AGAIN_SECONDS, deadline - time.monotonic())):
                await self._client.force_metadata_update()
        except TimeoutError:
            log.warning("no new metadata from Kafka")

    def _get_metadata_snapshot(self) -> dict[str, int]:
        """Partitions of each topic. One that has vanished from the metadata is no reason for a rebalance."""
        found: dict[str, int] = super()._get_metadata_snapshot()
        return {topic: count or self._metadata_snapshot.get(topic, 0) for topic, count in found.items()}

    async def _push_error_to_user(self, exc: Exception) -> None:
        """Join again rather than wait for somebody who fetches."""
        if isinstance(exc, FATAL):
            self.on_fatal(exc)
            await asyncio.wait([self._closing])
        if isinstance(exc.__cause__, TopicsUnknown):
            self.request_rejoin()
        else:
            log.warning("joining the group again: %s", exc)
            self.reset_generation()
        await asyncio.sleep(AGAIN_SECONDS)


def make_wary(consumer: AIOKafkaConsumer, on_fatal: Callable[[Exception], None]) -> None:
    """Has a consumer that has started, and not subscribed yet, be a wary member of its group. `on_fatal` is called in
    the consumer's thread."""
    coordinator = consumer._coordinator
    coordinator.__class__ = WaryCoordinator
    coordinator.on_fatal = on_fatal
