"""Rows end 24 months after the last thing that happened, by the log's time; no key is left out, none ends too soon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import TickRecord
from sidestep.streams.decide.expiry import HOUR_MS, KEPT_SECONDS, PARTS, hours, stretches
from sidestep.streams.decide.state import Controls, State
from sidestep.streams.decide.sweep import find_ending
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, SERVICES, SOURCES
from sidestep.streams.runtime.tables import Row, Table
from tests.decide.world import World

KEPT = KEPT_SECONDS * 1000
DAY = 86_400_000
SWEEP = PARTS * HOUR_MS


@pytest.mark.parametrize("table", [BOUNCE_HISTORY, DOMAIN_RATES, SERVICES, SOURCES], ids=lambda table: table.name)
@given(st.one_of(st.binary(max_size=16), st.binary(min_size=16, max_size=16)), st.integers(0, 10**6))
def test_every_key_is_gone_through_within_so_many_hours(table: Table[object], key: bytes, hour: int) -> None:
    """Recipients' just once, names four times, whenever one begins."""
    found = [it for later in range(hour, hour + PARTS) for it in stretches(later) if it.table is table]
    assert (1 if table is BOUNCE_HISTORY else 4) == sum(key in it for it in found)


def test_after_a_long_silence_everything_is_gone_through_once() -> None:
    """Not once for each hour of the silence."""
    assert PARTS == len(hours(0, 10**6 * HOUR_MS))
    assert [] == list(hours(5 * HOUR_MS, 6 * HOUR_MS - 1))
    assert [6, 7] == list(hours(5 * HOUR_MS + 1, 7 * HOUR_MS))


def test_after_24_months_a_recipient_is_a_stranger(world: World) -> None:
    """On the day: whether its row has left the ledger by then or not."""
    jane = world.keys.recipient("jane@example.com")
    world.feedback("complaint")
    began = world.now
    world.wait(KEPT)
    assert "drop" != world.intent("1", to="tom@other.example").action
    assert world.row(BOUNCE_HISTORY, jane).complained_at == began // 1000
    world.wait(1000)
    world.intent("2")
    row = world.row(BOUNCE_HISTORY, jane)
    assert (0, world.now // 1000) == (row.complained_at, row.first_seen)


def test_rows_of_whom_nobody_writes_to_leave_the_ledger(world: World) -> None:
    """Recipient, domain and service at it; those that are written to stay."""
    keys = {to: world.keys.recipient(to) for to in ("jane@example.com", "tom@other.example")}
    for number, to in enumerate(keys):
        world.intent(str(number), to=to)
    for month in range(26):
        world.wait(30 * DAY)
        world.intent(f"m{month}", to="tom@other.example")
    assert [False, True] == [world.knows(BOUNCE_HISTORY, key) for key in keys.values()]
    assert [False, True] == [world.knows(DOMAIN_RATES, name) for name in (b"example.com", b"other.example")]
    assert [False, True] == [world.knows(SERVICES, name) for name in (b"shop@example.com", b"shop@other.example")]


def test_what_happens_in_time_keeps_a_row(world: World) -> None:
    """A bounce, a delivery, a sign of life: each begins the 24 months anew."""
    jane = world.keys.recipient("jane@example.com")
    for number, event in enumerate(("delivered", "opened", "bounce", "unsubscribed", "complaint")):
        world.feedback(event, id=str(number), hard=True, scope="recipient")
        world.wait(KEPT - DAY)
        world.tick()
        assert world.knows(BOUNCE_HISTORY, jane)
    assert 5 * (KEPT - DAY) < world.now - world.start
    world.tick(DAY + SWEEP)
    assert not world.knows(BOUNCE_HISTORY, jane)


def test_a_mark_lives_as_long_as_somebody_wants_to_write(world: World) -> None:
    """Whoever is stopped for years is still on a list: when its rule looks back no further, the story is told."""
    world.feedback("bounce", hard=True, scope="recipient")
    verdicts = []
    for number in range(3):
        world.wait(300 * DAY)
        verdicts.append(world.intent(str(number)))
    assert ["drop", "drop", "defer"] == [verdict.action for verdict in verdicts]
    assert ["trap-risk", "recycled-address"] == [rule.id for rule in verdicts[-1].rules]


def test_a_batch_within_an_hour_looks_at_no_more_of_the_ledger(world: World) -> None:
    """Going through parts costs nothing as long as none is due."""

    read: list[bytes] = []

    def between(table: Table[Row], start: bytes, stop: bytes | None) -> list[tuple[bytes, Row]]:
        read.append(start)
        return []

    for late, count in ((HOUR_MS - 1, 0), (HOUR_MS, 4)):
        at = world.start // HOUR_MS * HOUR_MS + late
        find_ending([(2, TickRecord(at=at))], State(Controls({}, {}, world.start)), between)
        assert count == len(read)
