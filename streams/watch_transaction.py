"""The transactions in which Watch writes into the log: whose they are, where they go, what becomes of one that hangs.
For Watch, and for Decide, which waits behind them."""

from collections.abc import Mapping

from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.manifest import Writer, ledger_writer
from sidestep.streams.runtime.takeover import take_over
from sidestep.topics.catalog import ANOMALIES, CONTROL, DEAD_LETTERS, EVIDENCE, TALLIES, WATCH_CHANGELOG
from sidestep.topics.connection import Connection

ROLE = "watch"
SHARED = (ANOMALIES.name, EVIDENCE.name, CONTROL.name, DEAD_LETTERS.name)
TRANSACTION_SECONDS = 20.0
"""After it Kafka aborts what a worker that died has left open. Decide waits behind it that long, where nobody takes the
partition over before."""


def writer(group: str, partition: int, partitions: Mapping[str, int]) -> Writer:
    """The writer of one partition of email-tallies. `partitions`: of each topic, by its name."""
    shared = {topic: partitions[topic] for topic in SHARED}
    return ledger_writer(group, ROLE, partition, [WATCH_CHANGELOG.name], shared)


def end_hanging(connection: Connection, group: str, partitions: Mapping[str, int]) -> Ended:
    """End what Watch left hanging in any partition, as it was decided; a worker that has the partition is fenced and
    starts anew. Blocks. Raises Hanging, Fenced, BrokerUnreachable or another SidestepError."""
    settings = {"transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000), "log_level": 0}
    for partition in range(partitions[TALLIES.name]):
        ended = take_over(connection, writer(group, partition, partitions), settings)[1]
        if ended.any:
            return ended
    return Ended()
