"""Tables: rows survive their encoding, older rows can be read by newer code, and prefixes never meet."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, IDS, TABLES, DomainRow, RecipientRow
from sidestep.streams.runtime.tables import Table, Writes, pack_pairs, unpack_pairs

numbers = st.integers(0, 2**62)


@given(st.builds(DomainRow, *[numbers] * 9), st.builds(IdRow, numbers, st.binary(), numbers, numbers))
def test_rows_survive_their_encoding(domain: DomainRow, known: IdRow) -> None:
    """Whatever is in them."""
    assert domain == DOMAIN_RATES.decode(DOMAIN_RATES.encode(domain))
    assert known == IDS.decode(IDS.encode(known))


def test_a_row_written_before_a_field_was_added_can_be_read() -> None:
    """Fields are added at the end, with a default; the changelog is years old."""
    old = msgspec.msgpack.encode([1, 2, 3])
    assert RecipientRow(first_seen=1, last_approved=2, last_delivered=3) == BOUNCE_HISTORY.decode(old)


def test_a_row_written_by_newer_code_can_be_read() -> None:
    """After going back a version."""
    new = msgspec.msgpack.encode([7, b"c", 2, 1, 1, None, "what is this"])
    assert len(IdRow.__struct_fields__) == 6
    assert IdRow(7, b"c", 2, 1, 1) == IDS.decode(new)


def test_prefixes_are_unique_single_octets() -> None:
    """Two tables of one prefix would be one table; the ledger's own keys begin with NUL."""
    prefixes = [table.prefix for table in TABLES]
    assert len(prefixes) == len(set(prefixes)) == len({table.name for table in TABLES})
    assert all(len(prefix) == 1 and prefix != b"\0" for prefix in prefixes)


@given(st.lists(st.tuples(st.binary(), st.binary()), max_size=20))
def test_a_windowed_batch_is_one_value_and_comes_back_in_order(pairs: list[tuple[bytes, bytes]]) -> None:
    """Also when it is empty, or holds a key twice."""
    assert pairs == list(unpack_pairs(pack_pairs(pairs)))


def test_writes_are_kept_by_table() -> None:
    """And filled in place."""
    writes, other = Writes(), Table("other", b"o", IdRow)
    writes.of(IDS)[b"k"] = IdRow(1)
    assert {b"k": IdRow(1)} == writes.of(IDS)
    assert {} == writes.of(other)
