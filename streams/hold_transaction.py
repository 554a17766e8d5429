"""The transaction in which a hold is written: whose it is, where it goes, and what becomes of one that hangs. For its
writer in screen/, and for Decide, which waits behind it."""

from collections.abc import Iterable

from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.manifest import Place, Writer
from sidestep.streams.runtime.takeover import take_over
from sidestep.topics.catalog import CONTROL, EVIDENCE
from sidestep.topics.connection import Connection

TRANSACTION_SECONDS = 10.0
"""After it Kafka aborts what a writer that died has left open. Decide waits behind it that long."""
SETTINGS = {"transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000), "linger.ms": 0, "log_level": 0}
"""Without librdkafka's log: Fenced says that a writer was overtaken, and a line logged while that is raised makes a
SystemError of it."""
NOTE = Place(CONTROL.name, 0)
"""Where the note of a hold lies, which tells what belongs to the transaction."""


def writer(group: str, partitions: Iterable[int]) -> Writer:
    """The writer of a group's holds, to so many partitions of the log."""
    evidence = [Place(EVIDENCE.name, partition) for partition in partitions]
    return Writer(f"{group}-hold", changelog=NOTE, own=(), shared=(*evidence, NOTE))


def end_hanging(connection: Connection, group: str, partitions: Iterable[int]) -> Ended:
    """End what the last writer of a hold left hanging, as it was decided; fences one that is at work. Blocks.

    Raises Hanging, Fenced, BrokerUnreachable or another SidestepError.
    """
    return take_over(connection, writer(group, partitions), SETTINGS)[1]
