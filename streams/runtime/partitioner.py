"""Which partition a key belongs to, as Kafka's Java clients and librdkafka compute it: any finds it there. Pure.

By murmur2, written out here so that whoever only needs a number loads no Kafka client.
"""

_M = 0x5BD1E995
_SEED = 0x9747B28C
_MASK = 0xFFFFFFFF


def partition_of(key: str, partitions: int) -> int:
    """murmur2 of the key's UTF-8, without its sign, modulo the number of partitions."""
    return (murmur2(key.encode("utf-8", "replace")) & 0x7FFFFFFF) % partitions


def murmur2(octets: bytes) -> int:
    """32 bits, as org.apache.kafka.common.utils.Utils.murmur2 has them."""
    whole = len(octets) & ~3
    h = _SEED ^ len(octets)
    for start in range(0, whole, 4):
        k = int.from_bytes(octets[start : start + 4], "little") * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    if whole != len(octets):
        h = (h ^ int.from_bytes(octets[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15
