"""How librdkafka fetches: settings of a consumer that reads partitions."""

from typing import Any, Literal

from sidestep.streams.runtime.cut_record import UNPACKED_MOST
from sidestep.streams.runtime.kafka import client
from sidestep.topics.cluster import EAGER
from sidestep.topics.connection import Connection

Isolation = Literal["read_committed", "read_uncommitted"]
"""Whether records of transactions that are open, or were aborted, are read."""

ANSWER_OCTETS = 128 * 1024
"""Of what is fetched at once where strangers write: librdkafka unpacks an answer whole, into a thousand times as much
at the worst. A batch of a producer that is larger comes all the same, alone."""
QUEUED_OCTETS, QUEUED_FROM_STRANGERS = 16 * 1024 * 1024, 2 * 1024 * 1024
"""Of what has been fetched and waits in librdkafka, unpacked."""
BOUNDED = {
    "fetch.max.bytes": ANSWER_OCTETS,
    "message.max.bytes": ANSWER_OCTETS,  # of a consumer: the former may not be below it
    "fetch.message.max.bytes": ANSWER_OCTETS,
    "queued.max.messages.kbytes": QUEUED_FROM_STRANGERS // 1024,
    "receive.message.max.bytes": UNPACKED_MOST,
}


def consumer_settings(connection: Connection, name: str, isolation: Isolation, bounded: bool = False) -> dict[str, Any]:
    """A plain consumer: no group membership, no commits, quick when idle, bounded in memory. `bounded`: closely, as
    what it reads may have been compressed so that it takes memory."""
    return client(
        connection,
        name,
        **{
            "group.id": f"{name}-unused",  # librdkafka wants one even where only assign() is called
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",  # an offset that is gone is for us to explain, not to skip
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            **EAGER,
            "queued.max.messages.kbytes": QUEUED_OCTETS // 1024,
            "check.crcs": True,
            **(BOUNDED if bounded else {}),
        },
    )
