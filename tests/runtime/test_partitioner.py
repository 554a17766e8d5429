"""A key's partition is what Kafka's own clients say it is."""

import pytest
from aiokafka.partitioner import murmur2 as reference
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.partitioner import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"abc", 479470107),
    ],
)
def test_known_values(key: bytes, value: int) -> None:
    """Those of Kafka's own test (UtilsTest.testMurmur2)."""
    assert value & 0xFFFFFFFF == murmur2(key)


@given(st.binary(max_size=70))
def test_any_octets(octets: bytes) -> None:
    """The same as another implementation, whatever the length."""
    assert reference(octets) == murmur2(octets)


@given(st.text(), st.integers(1, 100))
def test_any_key_has_a_partition(key: str, partitions: int) -> None:
    """Also one with half a surrogate pair; and always the same."""
    assert 0 <= partition_of(key, partitions) < partitions
    assert partition_of(key, partitions) == partition_of(key, partitions)
