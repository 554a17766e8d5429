"""Partitions of the log in which readers of committed records get no further, because a hold's writer or Watch left a
transaction hanging: seen by those who wait behind it, and ended by them."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Ends
from sidestep.topics.errors import SidestepError

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
HELD_UP_SECONDS = 30.0
"""Longer than Kafka gives who writes there, so that it is no transaction that merely takes its time."""

AskEnds = Callable[[Collection[Place]], Mapping[Place, Ends]]


class HeldUp:
    """Looks at the partitions of one worker. `end` ends what hangs of those who write there; it blocks."""

    def __init__(self, partitions: Callable[[], Collection[Partition]], ends: AskEnds, end: Callable[[], Ended]):
        self._partitions = partitions
        self._ends = ends
        self._end = end
        self._since: dict[tuple[Place, int], float] = {}

    async def keep_watch(self) -> None:
        """For ever. What can't be asked or ended is logged, and tried again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if await self._look():
                    await self._end_it()
            except SidestepError as error:
                log.warning("readers of committed records are held up, or that can't be told: %s", error)

    async def _end_it(self) -> None:
        ended = await asyncio.to_thread(self._end)
        self._since.clear()
        if ended.any:
            log.warning("the writer of a hold, or Watch, had left something hanging", extra=vars(ended))
        else:
            log.warning("readers of committed records are held up, and not by a hold or Watch: see operations.md")

    async def _look(self) -> bool:
        """Whether readers have stood at one place for too long."""
        places = [Place(tp.topic, tp.partition) for tp in self._partitions()]
        ends = await asyncio.to_thread(self._ends, places) if places else {}
        now = asyncio.get_running_loop().time()
        open_ones = {(place, end.stable) for place, end in ends.items() if end.stable < end.high}
        self._since = {key: self._since.get(key, now) for key in open_ones}
        return any(now - since >= HELD_UP_SECONDS for since in self._since.values())
