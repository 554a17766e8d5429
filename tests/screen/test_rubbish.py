"""Who sends mostly what can't be read: by producer, in the order of the log, however that is cut into batches."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.rubbish import NAMES_MOST, Buckets, Overflow, Producer
from tests.kafka_records import delivered

TP = Partition("email-intents", 3)
SHOP, CRM = Producer("email-intents", "shop", -1), Producer("email-intents", "crm", -1)
NOBODY = Producer("email-intents", "", 3)
SHARE, WINDOW = 0.5, 20
FULL = 10


def record(offset: int, service: str) -> Record:
    """Of a service; empty: one that names none."""
    return delivered(offset, json.dumps({"service": service}).encode() if service else b"?", tp=TP)


def told(sent: str, sizes: list[int], buckets: Buckets | None = None) -> list[Overflow]:
    """Who overflows of these records: S, C: shop's and crm's that can't be read, s, c: those that can, ?: nobody's."""
    names = {"s": "shop", "c": "crm", "?": ""}
    records = [record(offset, names[letter.lower()]) for offset, letter in enumerate(sent)]
    unread = {offset for offset, letter in enumerate(sent) if not letter.islower()}
    buckets = buckets or Buckets(TP, SHARE, WINDOW)
    found: list[Overflow] = []
    while records:
        size = sizes.pop(0) if sizes else len(records)
        some, records = records[:size], records[size:]
        found += buckets.note(some, {each.offset() for each in some} & unread)
    return found


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("S" * FULL, []),
        ("S" * (FULL + 1), [Overflow(SHOP, FULL)]),
        ("Sc" * 11, [Overflow(SHOP, 20)]),  # what others send excuses nobody
        ("Ss" * 100, []),  # no more than the share
        ("SSs" * 40, [Overflow(SHOP, 28)]),
        ("S" * FULL + "s" * FULL + "S" * FULL, []),
        ("?" * 11, [Overflow(NOBODY, FULL)]),
        ("?c" * 100, []),  # of nobody's records the partition is asked
        ("?S" * 11, [Overflow(NOBODY, 20), Overflow(SHOP, 21)]),
    ],
)
def test_who_sends_more_than_the_share_overflows(sent: str, expected: list[Overflow]) -> None:
    """By the service that the records name."""
    assert expected == told(sent, [])


@given(st.text("SsCc?", max_size=120), st.lists(st.integers(1, 30)))
def test_how_the_log_is_cut_makes_no_difference(sent: str, sizes: list[int]) -> None:
    """To who overflows, and with which record it begins."""
    first = dict(reversed([(each.producer, each.offset) for each in told(sent, [])]))
    assert first == dict(reversed([(each.producer, each.offset) for each in told(sent, list(sizes))]))


def test_made_up_names_take_no_memory() -> None:
    """They are the partition's, and do not hide that it is flooded."""
    buckets = Buckets(TP, SHARE, WINDOW)
    records = [record(offset, f"made-up-{offset}") for offset in range(NAMES_MOST + 30)]
    found = list(buckets.note(records, range(len(records))))
    assert [NOBODY] == [each.producer for each in found]
    assert NAMES_MOST + 1 == len(buckets._levels), "and the partition itself"


def test_with_a_share_of_one_nobody_overflows() -> None:
    """Whoever wants all of it in the dead letters gets that."""
    assert [] == told("S" * 1000, [], Buckets(TP, 1.0, 20))
