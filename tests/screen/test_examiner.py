"""Addresses that came together are examined together; worker, /v1/validate and check-address find the same."""

import asyncio
import json
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from sidestep.schemas import IntentEvidence, MxFinding
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.commands.check_address import LineChecker
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import parse as parse_policy
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.runtime.batches import Lane, Partition
from sidestep.streams.runtime.dead_letters import DeadLetterLimit
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.screen.check import Checked
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.findings import Findings, Subject, subject
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import Lists, load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.recent_ids import RecentIds
from sidestep.streams.screen.screener import Screener
from sidestep.streams.screen.sources.answers import Answers
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.screen.ticks import Ticks
from sidestep.streams.web.validate.answer import Answerer, CurrentVersions
from sidestep.streams.web.validate.checking import Checker
from sidestep.topics.catalog import INTENTS
from tests.kafka_records import delivered

TRAP = MxFinding("yes", "mx", exchanges=("mx.trap.example",))
PUBLIC = "A 93.184.215.14"
ZONES = {
    "good.example": ["MX 10 mx.good.example"],
    "mx.good.example": [PUBLIC],
    "gmail.com": ["MX 5 gmail-smtp-in.l.google.com"],
    "gmail-smtp-in.l.google.com": [PUBLIC],
    "null.example": ["MX 0 ."],
    "outzlook.com": ["MX 10 mx.outzlook.com"],
    "mx.outzlook.com": [PUBLIC],
    "parked.example": ["MX 10 mail.h-email.net"],
    "mail.h-email.net": [PUBLIC],
    "mailinator.com": ["MX 10 mx.good.example"],
    "gmaiil.com": ["MX 10 mx.trap.example"],
    "hotmaul.de": ["MX 10 mx.trap.example"],
    "outlpok.de": ["MX 10 mx.trap.example"],
    "mx.trap.example": [PUBLIC],
}
ADDRESSES = [
    "a@gmaiil.com", "Jane@Good.Example", "info@good.example", "b@hotmaul.de", "jane@gmail.com", "jane@gone.example",
    "jane@null.example", "jane@outzlook.com", "jane@gmial.com", "jane@parked.example", "spamtrap@good.example",
    "jane@mailinator.com", "jane..doe@mailinator.com", "jane..doe@gmaiil.com", "nobody", "d@outlpok.de",
]  # fmt: skip
"""The near misses of one collector stand first, in the middle and last."""


@pytest.fixture(scope="module")
def lists() -> Lists:
    """Those that ship."""
    return load_lists()


@pytest.fixture(scope="module")
def book(lists: Lists) -> DomainBook:
    """By them."""
    return DomainBook(lists, suggest, partitions=1)


def _trapped(found: Any) -> list[bool]:
    return ["trap-cluster" in each.classes for each in found]


def test_near_misses_that_came_together_are_a_trap_the_first_like_the_last(lists: Lists, book: DomainBook) -> None:
    """Whichever stands first, all of them have been noted before one is weighed."""
    heard = [(subject(f"a@{name}", book.facts), TRAP) for name in ("gmaiil.com", "good.example", "hotmaul.de")]
    found = Examiner(lists).examine([(about, Answers(mx)) for about, mx in heard])
    assert [True, False, True] == _trapped(found)


def test_near_misses_are_remembered_for_those_that_come_later(lists: Lists, book: DomainBook) -> None:
    """The first one could not be known; it is when it comes again."""
    examiner = Examiner(lists)
    one, other = (subject(f"a@{name}", book.facts) for name in ("gmaiil.com", "hotmaul.de"))
    found = [next(examiner.examine([(about, Answers(TRAP))])) for about in (one, other, one)]
    assert [False, True, True] == _trapped(found)


def test_what_is_no_near_miss_is_found_at_once(lists: Lists, book: DomainBook) -> None:
    """And the same as in company; a near miss has to wait for those that came with it."""
    examiner = Examiner(lists)
    for text in ADDRESSES:
        about, answers = subject(text, book.facts), Answers(TRAP)
        at_once = examiner.at_once(about, answers)
        assert (at_once is None) == (about.near_miss is not None)
        assert at_once is None or [at_once] == list(examiner.examine([(about, answers)]))


def test_an_error_costs_one_address(lists: Lists, book: DomainBook) -> None:
    """Those behind it are examined all the same."""
    sound = subject("info@good.example", book.facts)
    broken = Subject("x", replace(sound.address, local=None), sound.facts)
    found = Examiner(lists).examine([(each, Answers(TRAP)) for each in (sound, broken, sound)])
    assert Findings(("role",)) == next(found)
    with pytest.raises(AttributeError):
        next(found)
    assert Findings(("role",)) == next(found)


# -- all three on the same input ---------------------------------------------------------------------------------------


class Said(NamedTuple):
    """What each of them says of an address."""

    to: str
    domain: str
    syntax: str
    mx: str
    mx_reason: str
    classes: tuple[str, ...]
    suggestion: str


class Log:
    """In Kafka's place."""

    def __init__(self) -> None:
        self.evidence: list[Any] = []

    async def send(self, outgoing: Outgoing) -> None:
        """Keeps it."""
        self.evidence += [
            decode_evidence(record["value"]) for records in outgoing.batches.values() for record in records
        ]


async def _by_worker(inquiry: Inquiry, book: DomainBook) -> list[Said]:
    log = Log()
    screener = Screener(
        book=book,
        inquiry=inquiry,
        keys=Keys(bytes(32)),
        reasons=load_reasons(),
        publisher=log,
        new_limit=lambda: DeadLetterLimit(1.0, 1000),
        recent=RecentIds,
        parked_max=1000,
        failpoint=lambda _: None,
        ticks=Ticks(),
    )
    lane = Lane(Partition(INTENTS.name, 0), 1000, 1000, 0.0, lambda: 0.0)
    intents = [json.dumps({"id": str(number), "to": to, "service": "shop"}) for number, to in enumerate(ADDRESSES)]
    lane.feed([delivered(offset, intent.encode(), tp=lane.tp) for offset, intent in enumerate(intents)])
    batch = lane.next_step().batch
    assert batch is not None
    await screener.screen(batch)
    evidence: list[IntentEvidence] = sorted(log.evidence, key=lambda each: int(each.id))
    return [
        Said(e.to, e.domain, e.syntax, *((e.mx.outcome, e.mx.reason) if e.mx else NOBODY), e.classes, e.suggestion)
        for e in evidence
    ]


NOBODY = ("unknown", "not-asked")


def _said(checked: Checked) -> Said:
    return Said(
        checked.address,
        checked.domain,
        checked.reason,
        checked.mx,
        checked.mx_reason,
        checked.classes,
        checked.suggestion or "",
    )


async def _by_web(inquiry: Inquiry, book: DomainBook) -> list[Said]:
    policy = parse_policy(SHIPPED.read_text("utf-8"))
    answerer = Answerer(policy, book.lists, CurrentVersions(policy.version, book.lists.versions))
    checker = Checker(inquiry, book, answerer)
    results = await checker.check(ADDRESSES, "", asyncio.get_running_loop().time() + 10)
    await checker.close()
    return [_said(result) for result in results]


async def _by_command(inquiry: Inquiry, book: DomainBook) -> list[Said]:
    policy = parse_policy(SHIPPED.read_text("utf-8"))
    answerer = Answerer(policy, book.lists, CurrentVersions(policy.version, book.lists.versions))
    checker = LineChecker(inquiry.ask, book.lists, answerer, concurrency=4)
    pending = [checker.start(number, json.dumps(address).encode()) for number, address in enumerate(ADDRESSES)]
    answers = [await answer() for answer in pending]
    return [_said(answer) for answer in answers if isinstance(answer, Checked)]


def test_worker_validate_and_check_address_agree(book: DomainBook) -> None:
    """On each of the addresses, when they come together: those of one collector, refused ones, all the rest."""

    async def all_three() -> list[list[Said]]:
        async with NameServer(ZONES) as ns:
            resolver = Resolver([ns.address], timeout=5.0, check_exchanges=True)
            inquiry = Inquiry(resolver)
            # a worker waits for no name: what comes together there is what is known
            await asyncio.gather(*(inquiry.ask(about.address) for about in map(_subject, ADDRESSES) if about.domain))
            said = [await by(inquiry, book) for by in (_by_worker, _by_web, _by_command)]
            await resolver.close()
        return said

    def _subject(text: str) -> Subject:
        return subject(text, book.facts)

    by_worker, by_web, by_command = asyncio.run(all_three())
    assert by_worker == by_web == by_command
    assert ADDRESSES == [said.to for said in by_worker]
    assert ["a@gmaiil.com", "b@hotmaul.de", "d@outlpok.de"] == [
        said.to for said in by_worker if "trap-cluster" in said.classes
    ]
