"""Rows end 24 months after the last thing that happened, by the log's time, and what was only named after 100 days; no
key is left out, none ends too soon.
"""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import MxFinding, TickRecord, TrapRecord
from sidestep.schemas.codec import encode
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.expiry import HOUR_MS, KEPT_SECONDS, NAMED_SECONDS, OFFERED, PARTS, hours, stretches
from sidestep.streams.decide.state import State
from sidestep.streams.decide.sweep import find_ending
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, SERVICES, SOURCES
from sidestep.streams.runtime.tables import Row, Table
from tests.decide.world import World

KEPT, NAMED = KEPT_SECONDS * 1000, NAMED_SECONDS * 1000
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


AGING = (BOUNCE_HISTORY, DOMAIN_RATES, SERVICES, SOURCES)
JUNK = 600


def made_up(world: World, count: int) -> list[bytes]:
    """Intents of as many services and sources, for as many mailboxes, none of which there is: each at a domain of its
    own, which there isn't either, and at a busy one."""
    records = []
    for number in range(count):
        for domain, mx in ((f"d{number}.example", "no"), ("busy.example", "yes")):
            fields = {"source": f"s{number}", "campaign": f"c{number}", "mx": mx, "at": world.now + number}
            to, service = f"u{number}@{domain}", f"service-{number}"
            records.append(encode(world.intent_record(f"{domain}-{number}", to, service, **fields)))
    return records


def busy(new_world: type[World]) -> World:
    """Nothing else goes to the busy domain within the hour."""
    world = new_world(new_world.policy_text(domain="1/h"))
    world.intent("honest", to="tom@busy.example", source="form", campaign="may")
    return world


def names(world: World) -> dict[str, set[bytes]]:
    """Keys of all rows that end."""
    return {table.name: set(world.ledger.stored.get(table.name, {})) for table in AGING}


def test_what_was_only_named_leaves_and_what_has_a_story_stays(new_world: type[World]) -> None:
    """Whatever made-up names a flood has brought, in every table."""
    world = busy(new_world)
    honest = names(world)
    world.append(*made_up(world, JUNK))
    flooded = names(world)
    assert all(len(flooded[table.name]) >= len(honest[table.name]) + JUNK for table in AGING)
    world.tick(NAMED)
    assert flooded == names(world)
    world.tick(SWEEP)
    assert honest == names(world)


def test_however_the_log_is_cut_the_same_rows_leave(new_world: type[World]) -> None:
    """As one batch of half a year, and in batches that end in the middle of a flood and of a sweep."""
    one = busy(new_world)
    log = made_up(one, 60)
    for hour in range(0, 150 * 24, 7):
        log.append(encode(TickRecord(at=one.start + hour * HOUR_MS)))
        if hour % 700 == 0:
            log += made_up(one, 6)
    several = busy(new_world)
    one.append(*log)
    for first in range(0, len(log), 41):
        several.append(*log[first : first + 41])
    assert one.contents() == several.contents()
    named_of_late = {f"service-{number}@busy.example".encode() for number in range(6)}
    assert named_of_late | {b"shop@busy.example"} == names(one)["services"]


MARKS: dict[str, Callable[[World], None]] = {
    "approved": lambda world: _approve(world),
    "bounced": lambda world: world.feedback("bounce", hard=True, scope="recipient"),
    "suspended": lambda world: world.feedback("bounce", hard=True, scope="recipient", reason="suspend"),
    "complained": lambda world: world.feedback("complaint"),
    "opted out": lambda world: world.feedback("unsubscribed"),
    "subscribed": lambda world: world.feedback("subscribed"),
    "delivered": lambda world: world.feedback("delivered"),
    "opened": lambda world: world.feedback("opened"),
    "taken back": lambda world: world.take_back("jane@example.com"),
    "suppressed": lambda world: world.suppress("jane@example.com"),
    "trap": lambda world: world.trap("jane@example.com"),
}


def _approve(world: World) -> None:
    assert "send" == world.intent("mark").action


@pytest.mark.parametrize("mark", MARKS)
def test_a_mailbox_with_any_mark_keeps_its_24_months(world: World, mark: str) -> None:
    """Nobody washes one away by waiting; that it was stopped again changes nothing."""
    jane = world.keys.recipient("jane@example.com")
    world.intent("named", source="form", mx="no")
    assert world.knows(BOUNCE_HISTORY, jane)
    MARKS[mark](world)
    world.intent("again", source="form", mx="no")
    world.tick(NAMED + SWEEP)
    assert world.knows(BOUNCE_HISTORY, jane)


def test_a_stray_report_alone_is_no_mark(world: World) -> None:
    """Anybody can make one about anybody; it is told of for as long as the policy says."""
    jane = world.keys.recipient("jane@example.com")
    world.feedback("complaint", tied="", tied_at=0)
    world.tick(NAMED)
    assert world.knows(BOUNCE_HISTORY, jane)
    world.tick(SWEEP)
    assert not world.knows(BOUNCE_HISTORY, jane)


def test_a_domain_that_has_taken_mail_and_takes_none_is_remembered(world: World) -> None:
    """Who buys it would find it forgotten; of a name that has never taken mail there is nothing to remember."""
    for name, mxs in (("was.example", ("unknown", "yes", "no")), ("never.example", ("unknown", "no"))):
        for number, mx in enumerate(mxs):
            has = MxFinding("yes", "mx", world.start, 300, ("mx.host.example",)) if mx == "yes" else mx
            world.suppress("jane@was.example")  # so that nothing is ever sent
            world.intent(f"{name}{number}", to=f"jane@{name}", mx=has)
    world.tick(NAMED + SWEEP)
    assert [True, False] == [world.knows(DOMAIN_RATES, name) for name in (b"was.example", b"never.example")]


@pytest.mark.parametrize(("count", "kept"), [(OFFERED - 1, False), (OFFERED, True)])
def test_a_source_of_dead_addresses_is_remembered(world: World, count: int, kept: bool) -> None:
    """Though nothing of it was ever sent: a list of nothing else doesn't become another one by waiting."""
    for number in range(count):
        world.intent(str(number), to=f"u{number}@dead.example", mx="no", source="bought")
    world.tick(NAMED + SWEEP)
    assert kept == world.knows(SOURCES, b"shop\x1fbought")


def test_a_list_that_is_used_each_quarter_counts_its_dead_addresses_once(world: World) -> None:
    """Whoever comes again within the 100 days is remembered, for as long as he does."""
    for quarter in range(12):
        world.intent(f"q{quarter}", to="gone@dead.example", mx="no", source="list")
        world.tick(92 * DAY)
    source = world.row(SOURCES, b"shop\x1flist")
    assert (1, 1) == (source.offered, source.unknown)


def test_a_row_goes_with_the_mark_that_it_was_kept_for(new_world: type[World]) -> None:
    """In the very batch that takes it back, if that goes on for long enough: as if it were two."""
    contents = []
    for size in (1, 2):
        world = new_world()
        world.trap("jane@example.com")
        world.tick(NAMED + DAY)
        lifted = TrapRecord("example.com", "ops", world.now, world.keys.recipient("jane@example.com"), lifted=True)
        log = [encode(lifted), encode(TickRecord(at=world.now + SWEEP))]
        for first in range(0, len(log), size):
            world.append(*log[first : first + size])
        contents.append(world.contents())
        assert not world.knows(BOUNCE_HISTORY, world.keys.recipient("jane@example.com"))
    assert contents[0] == contents[1]
