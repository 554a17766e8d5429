"""What becomes of an old partition when the log grows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas.codec import encode
from sidestep.schemas.controls import Pace
from sidestep.streams.chain import STORED
from sidestep.streams.decide.partition_rows import ControlRow
from sidestep.streams.decide.tables import ENGINES, OPEN_TALLIES, TABLES
from sidestep.streams.grow.split import children, fault, is_copied, newest, split_pace
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.partitioner import partition_of

STAY = {ENGINES, OPEN_TALLIES}


@given(key=st.text(), before=st.integers(1, 50), times=st.integers(2, 9))
def test_a_key_is_in_its_old_partition_or_in_one_that_comes_from_it(key: str, before: int, times: int) -> None:
    """So whatever its history is lies there: this is what growing rests on."""
    parent, now = partition_of(key, before), partition_of(key, before * times)
    assert now in (parent, *children(parent, before, before * times))


@given(before=st.integers(1, 50), times=st.integers(2, 9))
def test_each_new_partition_comes_from_one_old_one(before: int, times: int) -> None:
    """None is missing, none has two."""
    made = [child for parent in range(before) for child in children(parent, before, before * times)]
    assert sorted(made) == list(range(before, before * times))


@pytest.mark.parametrize("wanted", [1, 4, 5, 11])
def test_other_numbers_are_refused_with_those_that_do(wanted: int) -> None:
    """A hash among 5 says nothing of that among 4."""
    assert "8, 12, 16" in fault(4, wanted)


def test_multiples_do() -> None:
    """Any."""
    assert [""] * 3 == [fault(before, after) for before, after in ((4, 8), (4, 12), (1, 7))]


def test_what_is_about_the_old_partition_stays_there() -> None:
    """Every table but these is copied; what the ledger keeps for itself is not."""
    copied = {table for table in TABLES if not table.windowed and is_copied(table.prefix + b"x")}
    assert copied == {table for table in TABLES if not table.windowed} - STAY
    assert [False] * 3 == [is_copied(key) for key in (MARKER, STORED, None)]


@given(share=st.integers(0, 1_000_000), per_minute=st.integers(0, 10_000), parts=st.integers(2, 9))
def test_parts_take_no_more_than_the_whole_did(share: int, per_minute: int, parts: int) -> None:
    """And whom a provider has slowed down is still slowed down."""
    row = ControlRow("1", json.dumps({"google": json.loads(encode(Pace(share=share, per_minute=per_minute)))}))
    record = split_pace(row, parts, 7)
    assert record is not None
    part = record.providers["google"]
    assert part.share * parts <= share
    assert part.per_minute * parts <= max(per_minute, parts if per_minute else 0)
    assert (part.per_minute > 0) == (per_minute > 0)


def test_where_nothing_is_said_of_providers_nothing_is_split() -> None:
    """Each part has its equal share then."""
    assert split_pace(None, 3, 7) is None
    assert newest([None, ControlRow("1"), None]) == ControlRow("1")
    assert newest([None]) is None
