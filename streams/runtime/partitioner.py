"""Which partition a key belongs to, as Kafka's Java clients compute it: any of them finds it there. Pure."""

from aiokafka.partitioner import murmur2


def partition_of(key: str, partitions: int) -> int:
    """murmur2 of the key's UTF-8, without its sign, modulo the number of partitions."""
    return int(murmur2(key.encode("utf-8", "replace")) & 0x7FFFFFFF) % partitions
