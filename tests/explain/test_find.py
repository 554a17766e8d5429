"""A verdict is found by its time without reading what lies before it, and by its id where that is all there is."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import LogPosition, Verdict, Versions
from sidestep.schemas.codec import encode
from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.decide.tables import IDS
from sidestep.streams.explain.find import Wanted, anywhere, first_at, latest, read_verdict, within
from sidestep.streams.explain.ids import id_keys, rows_among
from sidestep.streams.explain.life import _first_since
from sidestep.streams.explain.shelf import Lying
from sidestep.streams.runtime.tables import pack_pairs
from sidestep.streams.screen.keys import Keys
from tests.explain.shelves import MemoryShelf

KEYS = Keys(bytes(32))


def verdict(id: str, at: float, service: str = "shop", attempt: int = 1) -> tuple[bytes, bytes]:
    """Key and value of a record of email-approved."""
    record = Verdict(
        id=id, attempt=attempt, to="jane@example.com", service=service, decision="approved", action="send",
        evidence=LogPosition("email-evidence", 0, int(at)), versions=Versions("1"), decided_at=at,
    )  # fmt: skip
    return id.encode(), encode(record)


@given(st.lists(st.integers(0, 30), max_size=60).map(sorted), st.integers(-1, 31), st.integers(0, 5))
def test_a_time_is_found_by_halving(times: list[int], second: int, start: int) -> None:
    """The first verdict of that second or later, or the end; with a look at a few records."""
    shelf = MemoryShelf("email-approved", [verdict(str(n), at) for n, at in enumerate(times)], start=start)
    later = [record.offset for record, at in zip(shelf.between(0, 10**9), times, strict=True) if at >= second]
    found = first_at(shelf, second)
    assert later == [record.offset for record in shelf.between(found, shelf.end)]
    assert shelf.peeked <= len(times).bit_length() + 3


def test_what_nobody_can_read_does_not_lead_astray() -> None:
    """A record that no worker has written is passed over."""
    records = [verdict(str(n), n) for n in range(40)]
    records[20] = (b"20", b"no verdict")
    shelf = MemoryShelf("email-approved", records)
    (found,) = within([shelf], Wanted("shop", "19"), (19, 20))
    assert found.place == "email-approved/0/57"
    assert [] == list(within([shelf], Wanted("shop", "20"), (20, 21)))


def test_a_verdict_is_its_services_own() -> None:
    """Another service may use the same id; of several attempts the last one counts unless one is asked for."""
    records = [verdict("1", 1), verdict("1", 2, "bank"), verdict("1", 3, attempt=2), verdict("2", 4)]
    found = list(anywhere([MemoryShelf("email-approved", records)], Wanted("shop", "1")))
    assert [1, 2] == [each.verdict.attempt for each in found]
    assert [2, 2, 1, None] == [
        one and one.verdict.attempt for one in (latest(found, asked) for asked in (None, 2, 1, 3))
    ]


def test_only_what_was_asked_for_is_read() -> None:
    """Of many verdicts, those of the seconds that were named, and no more than LOOK behind them."""
    shelf = MemoryShelf("email-approved", [verdict(str(n % 7), n) for n in range(2000)])
    read = [record.offset for record in shelf.between(first_at(shelf, 1000), shelf.end)]
    assert read[0] == 3000
    found = list(within([shelf], Wanted("shop", "6"), (1000, 1001)))
    assert [1000 <= each.verdict.decided_at < 1064 for each in found] == [True] * len(found)


def test_the_row_of_an_id_is_the_last_one() -> None:
    """Whatever its service has proved; batches that can't be read are passed over."""
    plain, _, proved, _ = id_keys(KEYS, "shop", "1")
    row, later = IdRow(5, b"content"), IdRow(9, b"content")
    batches = [
        pack_pairs([(plain, IDS.encode(row)), (IDS.prefix + b"x" * 16, IDS.encode(later))]),
        b"\xc1" + plain,
        pack_pairs([(proved, IDS.encode(row))]),
        pack_pairs([(plain, IDS.encode(later))]),
    ]
    found = rows_among([Lying(n, None, batch) for n, batch in enumerate(batches)], (plain, proved))
    assert {plain: later, proved: row} == found
    known = {plain: IDS.encode(later), proved: IDS.encode(row)}
    assert {plain: row, proved: row} == rows_among([Lying(0, None, batches[0])], (plain, proved), known)


def test_while_the_secret_is_changed_both_lead_there() -> None:
    """Rows under the former one are found, too."""
    both = Keys(bytes(32), b"\1" * 32)
    assert set(id_keys(both, "shop", "1")) == {*id_keys(KEYS, "shop", "1"), *id_keys(Keys(b"\1" * 32), "shop", "1")}


def test_where_nothing_was_judged_of_late_the_log_is_not_read_from_its_beginning() -> None:
    """But from behind what was judged last: what came back stands there."""
    shelves = [MemoryShelf("email-approved", [verdict("a", n) for n in range(100)]), MemoryShelf("email-rejected", [])]
    last = read_verdict(list(shelves[0].between(0, shelves[0].end))[-1])
    assert last is not None
    assert last.evidence.offset + 1 == _first_since(shelves, last.decided_at + 1)
    assert last.evidence.offset == _first_since(shelves, last.decided_at)
    assert 0 == _first_since([shelves[1]], 0)
