"""Who is asked about an address, and when everything is known. The askers are small, slow and honest."""

import asyncio
from typing import Any

import pytest

from sidestep.schemas import Listing, MailboxFinding, MxFinding
from sidestep.streams.screen.address.parse import ParsedAddress, parse
from sidestep.streams.screen.sources.answers import Answers
from sidestep.streams.screen.sources.inquiry import Inquiry

JANE, JOHN = parse("jane@example.com"), parse("john@example.com")
MX = MxFinding("yes", "mx", 1, 300)
NO_MX = MxFinding("no", "null-mx", 1, 300)
ZONE, SERVICE, FEED, COLLECTOR = (Listing(name, "v", "e") for name in ("zone", "service", "feed", "collector"))
ALIVE = MailboxFinding("yes", "accepted", 1, 300)


class Asker:
    """Knows one answer, once it has been asked."""

    def __init__(self, answer: Any, key: Any = str) -> None:
        self.answer, self.key = answer, key
        self.known: dict[Any, Any] = {}
        self.asked: list[Any] = []

    def cached(self, subject: Any) -> Any:
        """What has been asked for."""
        return self.known.get(self.key(subject))

    async def find(self, subject: Any) -> Any:
        """Asked, a moment later."""
        self.asked.append(self.key(subject))
        await asyncio.sleep(0)
        return self.known.setdefault(self.key(subject), self.answer)


class Book:
    """One feed that lists whoever it is given."""

    def __init__(self, *listed: ParsedAddress) -> None:
        self.listed = listed

    @property
    def book(self) -> "Book":
        """Itself."""
        return self

    def matches(self, address: ParsedAddress) -> tuple[Listing, ...]:
        """One, or none."""
        return (FEED,) if address in self.listed else ()

    def exchanges(self, hosts: tuple[str, ...]) -> tuple[Listing, ...]:
        """Those of mail servers that are called trap."""
        return tuple(COLLECTOR for host in hosts if host.startswith("trap."))


class Mailboxes:
    """Answers for example.com only."""

    def __init__(self) -> None:
        self.asker = Asker(ALIVE)

    def may_ask(self, address: ParsedAddress, mx: MxFinding) -> bool:
        """Where mail is taken."""
        return mx.outcome == "yes" and address.domain == "example.com"

    def cached(self, address: ParsedAddress, mx: MxFinding) -> MailboxFinding | None:
        """As the asker."""
        known: MailboxFinding | None = self.asker.cached(address.identity)
        return known

    async def find(self, address: ParsedAddress, mx: MxFinding) -> MailboxFinding:
        """As the asker."""
        found: MailboxFinding = await self.asker.find(address.identity)
        return found


def _everybody(mx: MxFinding = MX) -> tuple[Inquiry, Asker, Asker, Asker, Mailboxes]:
    names, zones = Asker(mx), Asker((ZONE,))
    services, mailboxes = Asker((SERVICE,), key=lambda address: address.identity), Mailboxes()
    inquiry = Inquiry(names, zones=zones, services=services, feeds=Book(JANE), mailboxes=mailboxes)
    return inquiry, names, zones, services, mailboxes


def test_dns_alone_is_known_once_it_was_asked() -> None:
    """Without a sources file nobody else is asked, and answers hold for the whole domain."""
    inquiry = Inquiry(Asker(MX))
    assert inquiry.known(JANE) is None
    assert Answers(MX) == asyncio.run(inquiry.ask(JANE)) == inquiry.known(JOHN)
    assert "example.com" == inquiry.key(JANE) == inquiry.key(JOHN)


def test_everybody_is_asked_and_everything_is_kept() -> None:
    """Own lists first, then block lists, then services; the mailbox last, when it is known that mail is taken."""
    inquiry, *_ = _everybody()
    assert Answers(MX, (FEED, ZONE, SERVICE), ALIVE) == asyncio.run(inquiry.ask(JANE)) == inquiry.known(JANE)
    assert ("jane@example.com", "john@example.com") == (inquiry.key(JANE), inquiry.key(JOHN))


@pytest.mark.parametrize("who", [1, 2, 3])
def test_as_long_as_one_answer_is_missing_nothing_is_known(who: int) -> None:
    """So that no intent goes on with half the evidence."""
    inquiry, names, zones, services, mailboxes = _everybody()
    asyncio.run(inquiry.ask(JANE))
    (names, zones, services)[who - 1].known.clear()
    assert inquiry.known(JANE) is None
    asyncio.run(inquiry.ask(JANE))
    mailboxes.asker.known.clear()
    assert inquiry.known(JANE) is None


def test_what_holds_for_one_address_does_not_hold_for_its_neighbour() -> None:
    """The feed lists jane, not john."""
    inquiry, *_ = _everybody()
    assert (ZONE, SERVICE) == asyncio.run(inquiry.ask(JOHN)).listed


def test_no_mailbox_is_looked_for_where_no_mail_is_taken() -> None:
    """The prober decides whom it may ask, with what DNS says."""
    inquiry, _, _, _, mailboxes = _everybody(NO_MX)
    assert asyncio.run(inquiry.ask(JANE)).mailbox is None
    assert [] == mailboxes.asker.asked
    assert inquiry.known(JANE) is not None


def test_who_cannot_wait_gets_what_is_there() -> None:
    """As soon as DNS has answered: the lists in memory, whoever is still silent."""
    inquiry, names, zones, *_ = _everybody()
    assert inquiry.so_far(JANE) is None
    asyncio.run(names.find("example.com"))
    assert Answers(MX, (FEED,)) == inquiry.so_far(JANE)
    asyncio.run(zones.find("example.com"))
    assert Answers(MX, (FEED, ZONE)) == inquiry.so_far(JANE)


@pytest.mark.parametrize(
    ("mx", "listed"),
    [
        (MxFinding("yes", "mx", 1, 300, ("mx.one.example", "trap.one.example")), (COLLECTOR,)),
        (MxFinding("yes", "mx", 1, 300, ("trap.one.example",), "sedo"), (COLLECTOR,)),
        (MxFinding("yes", "mx", 1, 300, ("trap.one.example",), "google"), ()),
        (MxFinding("no", "mx-not-global", 1, 300, ("trap.one.example",)), ()),
        (MX, ()),
    ],
)
def test_feeds_are_asked_for_the_mail_servers_that_dns_names(mx: MxFinding, listed: tuple[Listing, ...]) -> None:
    """Not for those of a provider, where anybody is: but for a parking service's. From memory as in the beginning."""
    inquiry = Inquiry(Asker(mx), feeds=Book())
    assert Answers(mx, listed) == asyncio.run(inquiry.ask(JOHN)) == inquiry.known(JOHN) == inquiry.so_far(JOHN)
