"""When a list is bad as a whole, and when a source of it is."""

from sidestep.streams.importing.counts import OTHERS, SOURCES_MAX, shipped_counts, source_name
from sidestep.streams.importing.row_answer import RowAnswer

GOOD = RowAnswer("send", "", "", (), "", "google", None)
GONE = RowAnswer("drop", "domain-takes-no-mail", "…", ("typo-domain",), "a@gmail.com", "", None)
TWICE = GOOD._replace(duplicate_of=1)


def _bad(*rows: tuple[RowAnswer, str | None, int]) -> list[tuple[str | None, str, int, int]]:
    counts = shipped_counts()
    for answer, source, times in rows:
        for _ in range(times):
            counts.add(answer, source, False)
    return [(each.source, each.kind.name, each.bad, each.of) for each in counts.bad()]


def test_a_good_list() -> None:
    """Some bad rows are in any list."""
    assert [] == _bad((GOOD, None, 1000), (GONE, None, 29))


def test_a_bad_list() -> None:
    """By each kind on its own, with the counts."""
    assert [(None, "unreachable", 60, 1060), (None, "mistyped", 60, 1060)] == _bad((GOOD, None, 1000), (GONE, None, 60))
    assert [(None, "duplicates", 400, 1400)] == _bad((GOOD, None, 1000), (TWICE, None, 400))


def test_few_rows_say_nothing() -> None:
    """Four of ten may be chance."""
    assert [] == _bad((GOOD, None, 6), (GONE, None, 4))


def test_a_bad_source_in_a_good_list() -> None:
    """It is named, and the list is not."""
    kinds = ("unreachable", "mistyped", "stopped")
    assert [("fair", kind, 10, 50) for kind in kinds] == _bad(
        (GOOD, "shop", 9_950), (GOOD, "fair", 40), (GONE, "fair", 10)
    )


def test_counts_are_bounded() -> None:
    """Whatever stands in the column."""
    counts = shipped_counts()
    for number in range(SOURCES_MAX + 10):
        counts.add(GOOD, f"s{number}", False)
    assert SOURCES_MAX + 1 == len(counts.sources) and 10 == counts.sources[OTHERS]["rows"]
    assert "***@x.example" == source_name(" ada@x.example ") and 60 == len(source_name("x" * 1000))


def test_what_is_to_be_sent_to() -> None:
    """Each mailbox once."""
    counts = shipped_counts()
    for answer in (GOOD, TWICE, GONE):
        counts.add(answer, None, answer is GONE)
    assert (3, 1, 1, 1, 1) == (counts.rows, counts.usable, counts.duplicates, counts.suggestions, counts.empty)
