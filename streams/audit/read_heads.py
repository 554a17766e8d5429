"""Heads of today's chains, and those of a statement held against the topics; read from Kafka. Blocks."""

from collections.abc import Callable, Iterator

from sidestep.streams.audit.chain_statement import ChainHeads, HeadOf
from sidestep.streams.audit.check_chain import CheckedHead, check_head
from sidestep.streams.audit.kept import KeptPartition
from sidestep.streams.audit.read_chain import open_chained
from sidestep.streams.audit.reading import Extents, cluster_of, read_extents
from sidestep.streams.chain import Link, parse_link
from sidestep.streams.errors import ChainRefused
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection

LOOK_BACK = 100
"""Offsets at the end of a topic: the last verdict of a partition has the last link, behind it are ends of
transactions alone."""


def read_heads(connection: Connection, at: str) -> ChainHeads:
    """The heads of all partitions that have a chain. `at`: RFC 3339. Raises SidestepError."""
    extents = read_extents(connection)
    numbers = extents.partitions(EVIDENCE.name)
    heads = [HeadOf(each, link.to, link.head.hex()) for each in numbers if (link := _last(connection, extents, each))]
    return ChainHeads(cluster_of(connection), at, tuple(heads))


def check_heads(
    connection: Connection, said: ChainHeads, told: Callable[[int, int], None] = lambda _done, _all: None
) -> Iterator[CheckedHead]:
    """Each head in turn. `told`: how many are done, of how many. Raises SidestepError."""
    if (here := cluster_of(connection)) != said.cluster:
        raise ChainRefused(f"it is of the Kafka cluster {said.cluster}, this is {here}")
    extents = read_extents(connection)
    partitions = extents.partitions(EVIDENCE.name)
    for done, each in enumerate(said.heads):
        told(done, len(said.heads))
        if each.partition not in partitions:
            place = f"{EVIDENCE.name}/{each.partition}"
            yield CheckedHead(each.partition, each.offset, "broken", place, "there is no such partition")
        else:
            yield check_head(open_chained(connection, extents, each.partition), each.offset, each.head)


def _last(connection: Connection, extents: Extents, partition: int) -> Link | None:
    chained = open_chained(connection, extents, partition)
    links = [link for topic in (chained.approved, chained.rejected) if (link := _last_in(topic))]
    return max(links, key=lambda link: link.to, default=None)


def _last_in(topic: KeptPartition) -> Link | None:
    for since in (max(topic.end - LOOK_BACK, topic.start), topic.start):
        octets = [kept.link for some in topic.batches(since) for kept in some if kept.link is not None]
        if octets:
            return parse_link(octets[-1])
    return None
