"""From what was read and found out to a record of the log: nothing is lost, nothing is made up."""

from typing import Any, Protocol

import pytest

from sidestep.schemas import (
    Bounce,
    EmailIntent,
    Engagement,
    FeedbackEvidence,
    IntentEvidence,
    Listing,
    MailboxFinding,
    MxFinding,
)
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.evidence import ReadIntent, feedback_evidence, intent_evidence
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import Lists, load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.mx_providers import parking_services
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.provenance import Provenance
from sidestep.streams.screen.sources.answers import Answers

NOW = 1_800_000_000.25
KEYS = Keys(bytes(32))
MX = {outcome: MxFinding(outcome, "why", 1, 2) for outcome in ("yes", "no", "unknown")}
OWN = MxFinding("yes", "mx", 1, 2, ("mail.outzlook.com",))
PARKED = MxFinding("yes", "mx", 1, 2, ("mail.h-email.net",), sorted(parking_services())[0])


@pytest.fixture(scope="module")
def lists() -> Lists:
    """Those that ship."""
    return load_lists()


class EvidenceOf(Protocol):
    """Makes the evidence of one intent to somebody."""

    def __call__(self, to: str, mx: str | MxFinding = "yes", answers: Any = (), **fields: Any) -> IntentEvidence:
        """`mx` is an outcome or a finding, `answers` what others than DNS say, `fields` those of the intent."""


@pytest.fixture(scope="module")
def evidence_of(lists: Lists) -> EvidenceOf:
    """With the lists that ship."""
    book = DomainBook(lists, suggest, 4)

    def make(to: str, mx: str | MxFinding = "yes", answers: Any = (), **fields: Any) -> IntentEvidence:
        intent = EmailIntent(id="1", to=to, service="shop", **fields)
        address = parse(to)
        facts = book.facts(address.domain) if address.domain else None
        read = ReadIntent(to, address, facts, intent, 7, b"i" * 16, b"c" * 16, False, "email-intents/0/7")
        heard = Answers(MX[mx] if isinstance(mx, str) else mx, *answers)
        (found,) = Examiner(lists).examine([(read, heard)])
        return intent_evidence(read, heard, found, KEYS, NOW)

    return make


def test_evidence_carries_the_intent(evidence_of: EvidenceOf) -> None:
    """Field by field, times in milliseconds, and it survives being written and read."""
    given: dict[str, Any] = {
        "attempt": 3,
        "stream": "s",
        "campaign": "c",
        "source": "f",
        "test": True,
        "metadata": {"a": [1]},
    }
    evidence = evidence_of("Jane@Example.COM", created_at=1.7e9, consent_at="2020-02-29T12:00:00Z", **given)
    assert given == {name: getattr(evidence, name) for name in given}
    assert ("Jane@Example.COM", "example.com") == (evidence.to, evidence.domain)
    assert (1_800_000_000_250, 1_700_000_000_000, 1_582_977_600_000) == (
        evidence.at,
        evidence.created_at,
        evidence.consent_at,
    )
    assert (MX["yes"], "", "email-intents/0/7") == (evidence.mx, evidence.syntax, evidence.origin)
    assert evidence == decode_evidence(encode(evidence))


def test_history_follows_the_mailbox_and_not_the_spelling(evidence_of: EvidenceOf) -> None:
    """One key for all ways to write it; the address as it was given stays in `to`."""
    one, other = evidence_of("jane.doe+news@gmail.com"), evidence_of("JaneDoe@googlemail.com")
    assert one.recipient_key == other.recipient_key == KEYS.recipient("janedoe@gmail.com")
    assert evidence_of("jane@example.com").recipient_key != one.recipient_key


@pytest.mark.parametrize(
    ("to", "outcome", "classes", "suggestion"),
    [
        ("jane@example.com", "yes", (), ""),
        ("jane@gmail.com", "yes", ("free",), ""),
        ("info@example.com", "yes", ("role",), ""),
        ("jane@mailinator.com", "yes", ("disposable",), ""),
        ("jane@gmaiil.com", "yes", ("typo",), "jane@gmail.com"),
        ("jane@gmaiil.com", "unknown", ("typo",), "jane@gmail.com"),
        ("jane@outzlook.com", "yes", ("near-miss",), "jane@outlook.com"),
        ("jane@outzlook.com", OWN, ("near-miss",), ""),
        ("jane@gmaiil.com", MxFinding("yes", "mx", 1, 2, ("mx.gmaiil.com",)), ("near-miss", "misspelling"), ""),
        ("jane@wen.de", "yes", ("faint-miss",), ""),
        ("info@wen.de", "no", ("faint-miss", "role"), ""),
        ("jane@outzlook.com", PARKED, ("parked", "typo"), "jane@outlook.com"),
        ("jane@example.com", PARKED, ("parked",), ""),
        ("spamtrap@example.com", "yes", ("honeypot",), ""),
        ("x7k2q9vz4t@example.com", "yes", ("machine-made",), ""),
        ("jane@outzlook.com", "unknown", ("near-miss",), "jane@outlook.com"),
        ("jane@outzlook.com", "no", ("typo",), "jane@outlook.com"),
        ("info@outzlook.com", "yes", ("role", "near-miss"), "info@outlook.com"),
    ],
)
def test_classes_and_suggestion(
    evidence_of: EvidenceOf, to: str, outcome: Any, classes: tuple[str, ...], suggestion: str
) -> None:
    """A near miss is a slip only if it stands in the list, or takes no mail, or a parking service takes it: in doubt it
    may be just what it says, and with a mail service of its own it is left alone."""
    evidence = evidence_of(to, outcome)
    assert (classes, suggestion) == (evidence.classes, evidence.suggestion)


def test_evidence_names_what_is_listed_and_what_the_mailbox_server_said(evidence_of: EvidenceOf) -> None:
    """With list, version and entry; and nothing of it is lost on the way."""
    listing = Listing("traps", "0123456789ab", "example.com", "trap")
    mailbox = MailboxFinding("unknown", "greylisted", 1, 2)
    evidence = evidence_of("jane@example.com", answers=((listing,), mailbox))
    assert ((listing,), mailbox) == (evidence.listed, evidence.mailbox)
    assert evidence == decode_evidence(encode(evidence))


def test_an_address_that_cannot_be_read_has_no_history(evidence_of: EvidenceOf) -> None:
    """No key, no question to DNS, no suggestion; its reason, and its domain where that can be read."""
    evidence = evidence_of("jane..doe@gmaiil.com")
    assert ("two-dots", "gmaiil.com", b"", None, "") == (
        evidence.syntax,
        evidence.domain,
        evidence.recipient_key,
        evidence.mx,
        evidence.suggestion,
    )
    assert ("no-at-sign", "") == ((nothing := evidence_of("jane")).syntax, nothing.domain)


def _feedback(feedback: Bounce | Engagement, proved: str = "") -> FeedbackEvidence:
    way = Provenance(proved)
    return feedback_evidence(feedback, parse(feedback.recipient), load_reasons(), KEYS, NOW, "email-bounces/1/2", way)


def test_a_bounce_is_classified() -> None:
    """By its reason or status; where it came from is kept."""
    evidence = _feedback(Bounce(recipient="Jane@Example.com", status="5.1.1", service="shop", intent_id="9"))
    assert ("bounce", "userunknown", "recipient", True, "5.1.1") == (
        evidence.event,
        evidence.reason,
        evidence.scope,
        evidence.hard,
        evidence.status,
    )
    assert ("example.com", "shop", "9", "email-bounces/1/2") == (
        evidence.domain,
        evidence.service,
        evidence.intent_id,
        evidence.origin,
    )
    assert KEYS.recipient("jane@example.com") == evidence.recipient_key
    assert evidence == decode_evidence(encode(evidence))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reply": "550 5.1.1 no such user here"}, ("userunknown", "recipient", True, "5.1.1")),
        ({"reply": "550 User unknown"}, ("userunknown", "recipient", True, "")),
        ({"reply": "452 4.2.2 mailbox full"}, ("mailboxfull", "recipient", False, "4.2.2")),
        ({"reply": "550 5.1.1 no such user here", "hard": False}, ("", "transient", False, "")),
        ({"reply": "550 5.1.1 no such user here", "status": "5.2.2"}, ("mailboxfull", "recipient", False, "5.2.2")),
        ({"reply": "something went wrong"}, ("", "transient", False, "")),
    ],
)
def test_a_bounce_of_which_only_the_words_are_told_is_what_they_mean(
    fields: dict[str, Any], expected: tuple[str, str, bool, str]
) -> None:
    """A mailer says what the server said, and does not know our vocabulary; whatever else it says goes first."""
    evidence = _feedback(Bounce(recipient="jane@example.com", **fields))
    assert expected == (evidence.reason, evidence.scope, evidence.hard, evidence.status)


@pytest.mark.parametrize("kind", ["complaint", "not-spam"])
def test_a_complaint_blames_nobody(kind: Any) -> None:
    """Whatever status came with it: it is no bounce."""
    evidence = _feedback(Bounce(recipient="jane@example.com", kind=kind, status="5.1.1", hard=True))
    assert (kind, "", "transient", False) == (evidence.event, evidence.reason, evidence.scope, evidence.hard)


def test_an_event_is_known_by_its_id_within_its_service() -> None:
    """Whatever else it says; each kind, and each recipient, has ids of its own: nobody uses up another event's."""
    one = Bounce(recipient="jane@example.com", id="1", service="shop")
    same = Bounce(recipient="Jane@EXAMPLE.com", id="1", service="shop", status="5.1.1", reply="no")
    assert _feedback(one).event_key == _feedback(same).event_key
    others: list[Bounce | Engagement] = [
        Bounce(recipient="x@example.com", id="1", service="shop"),
        Bounce(recipient="jane@example.com", id="1", service="shop", kind="complaint"),
        Bounce(recipient="jane@example.com", id="1", service="shop", kind="not-spam"),
        Bounce(recipient="jane@example.com", id="2", service="shop"),
        Bounce(recipient="jane@example.com", id="1", service="bank"),
        Bounce(recipient="jane@example.com", service="shop"),
        Engagement(recipient="jane@example.com", id="1", service="shop", kind="opened"),
    ]
    assert 8 == len({_feedback(feedback).event_key for feedback in [one, *others]})


def test_who_only_claims_an_event_does_not_use_up_its_id(evidence_of: EvidenceOf) -> None:
    """With a token, or a signature, the same id is another event; of either, the same one twice counts once."""
    said: dict[str, Any] = {"recipient": "jane@example.com", "id": "1", "service": "shop"}
    token = evidence_of("jane@example.com").token
    ways = [("", ""), (token, ""), ("0" * 30, ""), ("", "receiver"), (token, "receiver")]
    keys = [_feedback(Bounce(**said, token=token), proved).event_key for token, proved in ways * 2]
    assert (5, keys[:5]) == (len(set(keys)), keys[5:])


def test_a_token_of_before_the_secret_was_changed_ties_as_well(evidence_of: EvidenceOf) -> None:
    """While two are set; another secret's does not."""
    token = evidence_of("jane@example.com").token
    bounce = Bounce(recipient="jane@example.com", token=token, service="shop")
    for former, tied in ((bytes(32), "token"), (b"x" * 32, "wrong-token"), (None, "wrong-token")):
        keys = Keys(b"n" * 32, former)
        evidence = feedback_evidence(bounce, parse(bounce.recipient), load_reasons(), keys, NOW, "")
        assert (tied, keys.recipient("jane@example.com")) == (evidence.tied, evidence.recipient_key)


def test_an_intent_has_a_token_that_ties_what_comes_back_to_it(evidence_of: EvidenceOf) -> None:
    """Of its recipient and service; tests, and addresses that can't be read, have none."""
    token = evidence_of("jane@example.com").token
    tied = _feedback(Bounce(recipient="JANE@example.com", token=token, service="shop"))
    assert ("token", 1_799_971_200_000) == (tied.tied, tied.tied_at)
    for recipient, service in (("john@example.com", "shop"), ("jane@example.com", "bank")):
        opened = Engagement(recipient=recipient, kind="opened", token=token, service=service)
        assert "wrong-token" == _feedback(opened).tied
    assert ("", 0) == ((none := _feedback(Bounce(recipient="jane@example.com"))).tied, none.tied_at)
    assert ("", "") == (evidence_of("jane@example.com", test=True).token, evidence_of("jane..doe@example.com").token)


def test_an_event_without_an_id_is_known_by_what_it_says() -> None:
    """The same words twice are one event, any other word makes another one."""
    said: dict[str, Any] = {"recipient": "jane@example.com", "status": "5.1.1"}
    changes: dict[str, Any] = {
        "recipient": "john@example.com",
        "status": "5.2.1",
        "reply": "no",
        "reason": "x",
        "kind": "complaint",
    }
    changes |= {"intent_id": "1", "service": "shop", "occurred_at": 1.7e9}
    more: list[dict[str, Any]] = [{}, *({name: value} for name, value in changes.items())]
    keys = [_feedback(Bounce(**said | extra)).event_key for extra in more]
    assert len(more) == len(set(keys))
    assert keys == [_feedback(Bounce(**said | extra)).event_key for extra in more]
