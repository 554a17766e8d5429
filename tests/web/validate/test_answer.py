"""An answer says what the verdict about the same evidence would say: same rules, same sentences."""

from itertools import product
from pathlib import Path

import pytest

from sidestep.schemas import EmailIntent, Listing, LogPosition, MailboxFinding, MxFinding, PolicyRecord, Verdict
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.fold import fold
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import parse, version_of
from sidestep.streams.decide.state import State
from sidestep.streams.screen.evidence import ReadIntent, intent_evidence
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.findings import subject
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import Lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.answers import NOT_ASKED, Answers
from sidestep.streams.web.validate.answer import Answerer, CurrentVersions, Result

NOW = 1_790_000_000
ADDRESSES = [
    "jane@good.example", "info@good.example", "jane@gmial.com", "jane@outzlook.com", "jane@yopmail.com", "a@duck.com",
    "spamtrap@good.example", "x7k2q9zt4mwp@good.example", "jane..doe@good.example", "nothing", "jane@gmail.com",
]  # fmt: skip
TWO_LISTS = (Listing("one", "1", "x", "spam"), Listing("two", "1", "x", "phish"))
ANSWERS = [
    Answers(MxFinding("yes", "mx", exchanges=("mx.good.example",))),
    Answers(MxFinding("no", "nxdomain")),
    Answers(MxFinding("no", "null-mx"), (Listing("one", "1", "x", "spam"),)),
    Answers(MxFinding("unknown", "deadline")),
    Answers(MxFinding("yes", "address"), TWO_LISTS),
    Answers(MxFinding("yes", "mx"), (Listing("one", "1", "x", "new", suspect=True),), MailboxFinding("no", "disabled")),
    Answers(MxFinding("yes", "mx", exchanges=("a.h-email.net",)), (), MailboxFinding("no", "no-such-mailbox", NOW)),
]
TEXT = SHIPPED.read_text("utf-8")


def _result(address: str, answers: Answers, stream: str, lists: Lists, text: str) -> Result:
    policy, about = parse(text), subject(address, DomainBook(lists, suggest, 1).facts)
    answerer = Answerer(policy, lists, CurrentVersions(policy.version, lists.versions))
    heard = answers if about.domain else NOT_ASKED
    (found,) = Examiner(lists).examine([(about, heard)])
    return answerer.result(about, heard, found, stream, NOW)


def _verdict(address: str, answers: Answers, stream: str, lists: Lists, text: str) -> Verdict:
    """As Screen and Decide make it, out of an empty ledger."""
    about = subject(address, DomainBook(lists, suggest, 1).facts)
    intent = EmailIntent(id="1", to=address, service="shop", stream=stream)
    read = ReadIntent(address, about.address, about.facts, intent, 0, b"i" * 16, b"c" * 16, False, "")
    (found,) = Examiner(lists).examine([(read, answers)])
    evidence = intent_evidence(read, answers, found, Keys(b"k" * 32), NOW)
    state, position = State(Controls({}, {}, 0)), LogPosition("email-evidence", 0, 0)
    fold(state, PolicyRecord(version=version_of(text), text=text, at=NOW * 1000), position)
    verdict = fold(state, evidence, position)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(("address", "answers"), list(product(ADDRESSES, ANSWERS)))
def test_rules_and_sentences_equal_those_of_the_verdict(lists: Lists, address: str, answers: Answers) -> None:
    """For every kind of address and every kind of answer."""
    result = _result(address, answers, "newsletter", lists, TEXT)
    verdict = _verdict(address, answers, "newsletter", lists, TEXT)
    assert verdict.rules == list(result.rules)
    assert verdict.suggestion == (result.suggestion or "") or not verdict.rules
    assert (verdict.versions.policy, verdict.versions.engine) == (result.versions.policy, result.versions.engine)
    assert {"send": "approved", "drop": "rejected", "defer": "unknown"}[verdict.action] == result.outcome


def test_unknown_is_never_rejected_for_itself(lists: Lists) -> None:
    """Whatever the reason, and the policy decides: where it only flags, the address is approved."""
    for reason in ("deadline", "busy", "timeout", "servfail"):
        answers = Answers(MxFinding("unknown", reason))
        assert _result("jane@good.example", answers, "", lists, TEXT).outcome == "unknown"
        flagged = TEXT.replace('mode = "defer"\nretry_after = 300', 'mode = "flag"\nretry_after = 300')
        assert _result("jane@good.example", answers, "", lists, flagged).outcome == "approved"


def test_versions_change_with_a_feed_and_only_then(lists: Lists) -> None:
    """The same object while nothing has changed, another version with another feed."""
    feeds = {"bad": "1"}
    versions = CurrentVersions("p", lists.versions, lambda: feeds)
    first = versions.in_force()
    assert first is versions.in_force()
    feeds = {"bad": "2"}
    assert first.lists != versions.in_force().lists
    assert CurrentVersions("p", lists.versions).in_force().lists == lists.version


def test_the_policy_that_ships_is_the_workers(lists: Lists) -> None:
    """One file for both."""
    assert Path("decide/policy.toml") == SHIPPED.relative_to(SHIPPED.parents[1])
