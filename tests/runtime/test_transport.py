"""What the consumer says of itself; how it behaves under Faust the guarantee tests show."""

from types import SimpleNamespace
from typing import Any

import pytest

from sidestep.streams.runtime.batches import Lane, Partition
from sidestep.streams.runtime.transport import BatchConsumer

TP = Partition("t", 0)


def lag(end: int, read_to: int, handed_out: int, finished: bool) -> dict[Partition, int]:
    """Of a partition with records 0 and 1, of which `handed_out` are in a batch."""
    lane = Lane(TP, handed_out or 1, 10, 0.0, lambda: 50.0)
    lane.feed([SimpleNamespace(offset=lambda offset=offset: offset) for offset in range(2)])
    batch = lane.next_step().batch if handed_out else None
    if finished and batch is not None:
        lane.finish(batch)
    reader = SimpleNamespace(end_offset=lambda _: end, read_to=lambda _: read_to)
    consumer: Any = SimpleNamespace(reader=reader, lanes={TP: lane})
    return BatchConsumer.lag(consumer)


@pytest.mark.parametrize(
    ("end", "read_to", "handed_out", "finished", "records"),
    [
        (2, 2, 2, True, 0),
        (3, 3, 2, True, 0),  # behind the last record stands the end of a transaction
        (3, 2, 2, True, 1),  # something has been written since
        (2, 2, 2, False, 2),
        (2, 2, 1, True, 1),  # the other one waits
        (3, -1, 2, True, 1),
    ],
)
def test_the_lag_is_what_has_not_been_finished(
    end: int, read_to: int, handed_out: int, finished: bool, records: int
) -> None:
    """Of records: what only ends a transaction waits for nobody, and a worker that is idle must not seem stuck."""
    assert {TP: records} == lag(end, read_to, handed_out, finished)


def test_of_a_partition_where_nothing_was_done_yet_the_lag_is_not_known() -> None:
    """It is not said rather than guessed."""
    assert {} == lag(2, 2, 0, False)
