"""What an id has hanging, and how it must end: the tails of its partitions, put before hanging.py. Changes nothing."""

import asyncio
from collections.abc import Callable, Mapping

from sidestep.streams.runtime.hanging import Fate, RecordBatch, Run, Unresolvable, owner, reached, runs, same, verdict
from sidestep.streams.runtime.manifest import Place, Writer, Wrote
from sidestep.streams.runtime.offsets import Ends, Offsets
from sidestep.streams.runtime.raw_log import RawLog

LOOK_BACK = 1_000
"""Offsets before the last stable one that are read at first to find a transaction; then ten times as many."""
LOOK_BACK_MAX = 1_000_000

Tails = Mapping[Place, list[RecordBatch]]


async def examine(
    kafka: RawLog, writer: Writer, offsets: Offsets, unsettled: Mapping[Place, Ends]
) -> dict[Place, Fate]:
    """How each of the `unsettled` places has to end in which the id has something open: COMMITTED or ABORTED.

    Fences whoever uses the id. Raises Unresolvable, aiokafka.errors.KafkaError.
    """
    tails = {place: await kafka.read(place, ends.stable, ends.high) for place, ends in unsettled.items()}
    looking = _Looking(kafka, offsets)
    producer = await kafka.producer_id(writer.transactional_id)
    _refuse_strangers(writer, tails, producer)
    found = {place: runs(tail, producer) for place, tail in tails.items()}
    hanging = {place: all_runs[-1] for place, all_runs in found.items() if all_runs and all_runs[-1].fate is Fate.OPEN}
    if not hanging:
        return {}
    ledger = await looking.back(writer.changelog, producer, lambda seen: any(run.manifests for run in seen))
    owners = {place: owner(run, place, ledger) for place, run in hanging.items()}
    return {place: await _fate(run, producer, hanging, looking) for place, run in owners.items()}


def _refuse_strangers(writer: Writer, tails: Tails, producer: int) -> None:
    for place in tails.keys() & set(writer.own):
        for stranger in {batch.producer for batch in tails[place] if batch.transactional} - {producer}:
            if (found := runs(tails[place], stranger)) and found[-1].fate is Fate.OPEN:
                raise Unresolvable(f"{place}: another id wrote what hangs there, from offset {found[-1].offset} on")


async def _fate(run: Run | None, producer: int, hanging: Mapping[Place, Run], looking: "_Looking") -> Fate:
    """`run`: its transaction in the changelog; None: without a marker record, so nobody can have committed it."""
    if run is None:
        return Fate.ABORTED
    if run.fate is not Fate.OPEN:
        return run.fate
    manifest = run.manifests[0]
    assert manifest is not None, "owner() looked at it"
    elsewhere: dict[Place, Run | None] = {}
    for place, wrote in manifest.written():
        here = hanging.get(place)
        known = here is not None and same(here, run.epoch, wrote)
        elsewhere[place] = here if known else await looking.for_run(place, producer, run.epoch, wrote)
    return verdict(run, elsewhere)


class _Looking:
    """Reads partitions backwards from their last stable offsets, as far as it takes."""

    def __init__(self, kafka: RawLog, offsets: Offsets):
        self._kafka = kafka
        self._offsets = offsets

    async def for_run(self, place: Place, producer: int, epoch: int, wrote: Wrote) -> Run | None:
        """What a transaction wrote to a place; None: nothing of it is there."""
        found = await self.back(place, producer, lambda seen: reached(seen, epoch, wrote))
        return next((run for run in found if same(run, epoch, wrote)), None)

    async def back(self, place: Place, producer: int, enough: Callable[[list[Run]], bool]) -> list[Run]:
        """A producer's transactions in a place, the last ones, so many that it is enough; all, if it never is."""
        return runs(await self.batches(place, lambda seen: enough(runs(seen, producer))), producer)

    async def batches(self, place: Place, enough: Callable[[list[RecordBatch]], bool]) -> list[RecordBatch]:
        """The last record batches of a place, so many that it is enough; all, if it never is."""
        ends, low = await asyncio.to_thread(self._bounds, place)
        window = LOOK_BACK
        while True:
            start = max(low, ends.stable - window)
            seen = await self._kafka.read(place, start, ends.high)
            if enough(seen) or start == 0:
                return seen
            if start == low or window >= LOOK_BACK_MAX:
                raise Unresolvable(f"{place}: its beginning is not in the last {ends.high - start} records any more")
            window *= 10

    def _bounds(self, place: Place) -> tuple[Ends, int]:
        return self._offsets.ends((place,))[place], self._offsets.starts((place,))[place]
