"""A name server that delays, drops, truncates, fails, loops and lies: the evidence is right, comes in time, and no
intent is rejected because of it. From the address to the rule that would stop it; the name server is a real one."""

import asyncio
from typing import Any

import pytest

from sidestep.schemas import EmailIntent, IntentEvidence, MxFinding
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import parse as parse_policy
from sidestep.streams.decide.rules.case import NEVER, Case
from sidestep.streams.decide.rules.ladder import Ladder
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.local.zones import FAULTS
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.evidence import ReadIntent, intent_evidence
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.inquiry import Inquiry

pytestmark = pytest.mark.slow  # a minute, nearly all of it waiting for servers that stay silent

TIMEOUT = 1.2
"""Of a look-up: long enough for a second try after a datagram that was lost."""
BOUND = 10.0
"""What a broken time limit would exceed, and a busy machine does not."""
LISTS = load_lists()
BOOK = DomainBook(LISTS, suggest, 4)
POLICY = parse_policy(SHIPPED.read_text("utf-8"))
ZONES = {
    "shop.example": ["MX 10 mx.shop.example"],
    "mx.shop.example": ["A 93.184.215.14"],
    "alias.example": ["CNAME shop.example."],
    "alias-of-nothing.example": ["CNAME gone.example."],
    "bare.example": ["A 93.184.215.14"],
    "gmaul.com": ["MX 10 mx.shop.example"],
    "outzlook.com": ["MX 10 mx.shop.example"],
}
HARMLESS = ("truncate", "drop-first 1", "delay 0.1", "alias-only")
"""What a resolver gets over: another try, TCP, patience."""
FATAL = {
    "servfail": "servfail", "refuse": "refused", "drop": "timeout", "delay 30": "timeout", "no-tcp": "malformed",
    "lie-id": "timeout", "lie-question": "timeout", "garble": "timeout", "lame": "malformed",
    "cname-loop": "cname-loop", "cname-steps": "cname-loop", "lie-owner": "malformed",
}  # fmt: skip
"""Fault -> the reason in the evidence."""


async def _evidence(to: str, faults: dict[str, str]) -> IntentEvidence:
    async with NameServer(ZONES) as ns:
        for where, what in faults.items():
            ns.fault(where, what)
            if what == "cname-steps":  # the alias misbehaves too
                ns.fault(f"loop.{where}", what)
        resolver = Resolver([ns.address], timeout=TIMEOUT, check_exchanges=True)
        address = parse(to)
        async with asyncio.timeout(BOUND):
            answers = await Inquiry(resolver).ask(address)
        await resolver.close()
    intent = EmailIntent(id="1", to=to, service="shop")
    read = ReadIntent(to, address, BOOK.facts(address.domain), intent, 0, b"i", b"c", False, "email-intents/0/0")
    (found,) = Examiner(LISTS).examine([(read, answers)])
    return intent_evidence(read, answers, found, Keys(bytes(32)), 1_800_000_000.0)


def evidence(to: str, faults: dict[str, str]) -> IntentEvidence:
    """What Screen writes of an intent while names misbehave: NAME or NAME/TYPE -> the fault."""
    return asyncio.run(_evidence(to, faults))


def mx(evidence: IntentEvidence) -> MxFinding:
    """What is said of the domain, which is always something here."""
    assert evidence.mx is not None
    return evidence.mx


def stopped_for_good(evidence: IntentEvidence) -> bool:
    """By the shipped policy, without history."""
    stop, _ = Ladder(POLICY).judge(Case(evidence, NEVER, None, POLICY, 1_800_000_000))
    return stop is not None and not stop.retry_us


def test_every_fault_is_here() -> None:
    """One that the name server learns to commit has to be met by Screen."""
    assert FAULTS == {fault.split()[0] for fault in (*HARMLESS, *FATAL)}


@pytest.mark.parametrize(("fault", "reason"), FATAL.items())
@pytest.mark.parametrize("to", ["jane@shop.example", "jane@bare.example", "jane@gone.example"])
def test_a_fault_of_the_domain_is_unknown(fault: str, reason: str, to: str) -> None:
    """Whatever stands behind it, even nothing: who can't be asked is not known, and the intent is deferred."""
    found = evidence(to, {to.partition("@")[2]: fault})
    assert ("unknown", reason) == (mx(found).outcome, mx(found).reason)
    assert not stopped_for_good(found)


@pytest.mark.parametrize("fault", HARMLESS)
def test_a_fault_that_can_be_got_over_changes_nothing(fault: str) -> None:
    """The answers are those that would have come without it."""
    assert "mx" == mx(evidence("jane@shop.example", {"shop.example": fault})).reason
    assert "address" == mx(evidence("jane@bare.example", {"bare.example": fault})).reason
    assert "nxdomain" == mx(evidence("jane@gone.example", {"gone.example": fault})).reason


@pytest.mark.parametrize("fault", FATAL)
def test_a_fault_of_an_exchange_takes_no_mail_service_away(fault: str) -> None:
    """The MX is there, so the domain takes mail: that its host can't be asked turns no yes into a no."""
    found = evidence("jane@shop.example", {"mx.shop.example": fault})
    assert ("yes", "mx") == (mx(found).outcome, mx(found).reason)
    assert not stopped_for_good(found)


@pytest.mark.parametrize("fault", FATAL)
@pytest.mark.parametrize("kind", ["MX", "A", "AAAA", "TXT"])
def test_a_fault_of_one_record_type_is_never_taken_for_its_absence(fault: str, kind: str) -> None:
    """Half an answer may be enough for a yes, never for a no."""
    found = evidence("jane@bare.example", {f"bare.example/{kind}": fault})
    assert mx(found).outcome in ("yes", "unknown")
    assert not stopped_for_good(found)


@pytest.mark.parametrize("fault", FATAL)
@pytest.mark.parametrize("name", ["gmaul.com", "outzlook.com"])
def test_no_slip_is_rejected_because_its_name_server_is_ill(fault: str, name: str) -> None:
    """Even a well-known misspelling may have a mail service of its own: it is deferred, and what was meant is said."""
    found = evidence(f"jane@{name}", {name: fault})
    assert not stopped_for_good(found)
    assert found.suggestion in ("jane@gmail.com", "jane@outlook.com")


def test_an_alias_is_followed_from_answer_to_answer() -> None:
    """A server that leaves it to us to ask for the alias' target: what stands there counts, be it nothing."""
    assert "mx" == mx(evidence("jane@alias.example", {"alias.example": "alias-only"})).reason
    assert (
        "nxdomain" == mx(evidence("jane@alias-of-nothing.example", {"alias-of-nothing.example": "alias-only"})).reason
    )
    faults = {"alias.example": "alias-only", "shop.example": "servfail"}
    assert "servfail" == mx(evidence("jane@alias.example", faults)).reason


def test_no_server_at_all() -> None:
    """Nobody listens: unknown at once, and nobody is rejected."""

    async def scenario() -> Any:
        async with NameServer(ZONES) as ns:
            address = ns.address
        resolver = Resolver([address], timeout=TIMEOUT, check_exchanges=True)
        async with asyncio.timeout(BOUND):
            answers = await Inquiry(resolver).ask(parse("jane@shop.example"))
        await resolver.close()
        return answers.mx

    assert ("unknown", "unreachable") == ((said := asyncio.run(scenario())).outcome, said.reason)
