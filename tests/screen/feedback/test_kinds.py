"""Kinds of replies that were misread once: what the words say counts, whatever the code, the command and the form."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import parse
from tests.screen.feedback.replies import TO, letter, notice, report, webhook

KINDS: dict[str, list[dict[str, Any]]] = tomllib.loads((Path(__file__).parent / "kinds.toml").read_text("utf-8"))
NOTICES: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "notices.toml").read_text("utf-8"))
MEANT: dict[str, dict[str, Any]] = {
    "unknown-user": {"reason": "userunknown", "hard": True, "scope": "recipient"},
    "loose-code": {"reason": "userunknown", "hard": True, "scope": "recipient"},
    "between": {"reason": "userunknown", "hard": True, "scope": "recipient"},
    "our-block": {"reason": "blocked", "hard": False, "scope": "us"},
    "class-4": {"hard": False},
    "look-alike": {"hard": False},
}
"""What is right where a case says nothing else."""
CASES = [(kind, case) for kind, cases in KINDS.items() for case in cases]


def named(case: tuple[str, dict[str, Any]]) -> str:
    """A case by its kind and words."""
    return f"{case[0]}: {case[1]['said'][:60]}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_words_count_in_every_form(case: tuple[str, dict[str, Any]]) -> None:
    """The same of a report, of words alone and of a webhook's body; one outcome, about the one who was mailed."""
    kind, fields = case
    said = fields["said"].format(to=TO, name=TO.partition("@")[0])
    at = fields.get("at", "RCPT TO")
    status = next((word for word in said.split()[1:2] if word[:2] in ("4.", "5.")), f"{said[0]}.0.0")
    wanted = MEANT[kind] | {name: fields[name] for name in ("reason", "hard", "scope") if name in fields}
    if fields.get("reason") and not fields.get("scope"):
        wanted.pop("scope", None)
    for octets in (report(said, at, status=status), notice(said, at), webhook(said)):
        (outcome,) = parse(octets)
        assert (TO, "bounce") == (outcome.recipient, outcome.kind)
        assert wanted == {name: getattr(outcome, name) for name in wanted}, outcome


def test_each_kind_has_ten_inputs() -> None:
    """One proves nothing of a kind."""
    assert sorted(MEANT) == sorted(KINDS)
    assert all(len(cases) >= 10 for cases in KINDS.values())


@pytest.mark.parametrize("language", NOTICES["gmail"])
def test_an_unknown_user_in_words_alone(language: str) -> None:
    """Gmail in any language, without a code and without a command."""
    text = f"** Address not found **\n\n{NOTICES['gmail'][language].format(to=TO)}\n"
    sender = "Mail Delivery Subsystem <mailer-daemon@googlemail.com>"
    fields = ("Return-Path: <>", f"X-Failed-Recipients: {TO}", "Auto-Submitted: auto-replied")
    (outcome,) = parse(letter(sender, "Delivery Status Notification (Failure)", text, *fields))
    assert (TO, "userunknown", True) == (outcome.recipient, outcome.reason, outcome.hard)


@pytest.mark.parametrize("language", NOTICES["office"])
def test_an_unknown_user_of_office_365_in_words_alone(language: str) -> None:
    """The table of the message stands in front of the error, and is not the returned message."""
    found, action = NOTICES["office"][language]
    text = (
        f"Your message to {TO} couldn't be delivered.\n{found}\nAction Required    Recipient\n{action}\n\n"
        f"Original Message Details\nRecipient Address:  {TO}\nSubject:  June\n"
        "\nError Details\nError:  550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP lookup\n"
    )
    sender = "Microsoft Outlook <MicrosoftExchange329e@example.com>"
    (outcome,) = parse(letter(sender, "Undeliverable: June", text, "Return-Path: <>"))
    assert (TO, "userunknown", True, "5.1.10") == (outcome.recipient, outcome.reason, outcome.hard, outcome.status)


RECEIPT = """From: Ada <ada@example.com>
To: news@sender.example
Subject: {subject}
Message-ID: <r1@example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="BB"

--BB
Content-Type: text/plain; charset=utf-8

{text}

--BB
Content-Type: message/disposition-notification

Reporting-UA: desk-7.example.com; Foomail 97.1
Original-Recipient: rfc822;ada@example.com
Final-Recipient: rfc822;ada.private@example.net
Original-Message-ID: <n-77@sender.example>
Disposition: {disposition}

--BB
Content-Type: message/rfc822

From: news@sender.example
To: ada@example.com
Subject: June
Message-ID: <n-77@sender.example>
X-Sidestep-Intent: n-77

Hello
--BB--
"""


@pytest.mark.parametrize(
    ("subject", "disposition", "kind", "event"),
    [
        ("Read: June", "manual-action/MDN-sent-manually; displayed", "engagement", "opened"),
        ("Gelesen: June", "manual-action/MDN-sent-automatically;displayed", "engagement", "opened"),
        ("Return receipt", "automatic-action/MDN-sent-automatically; displayed/error", "engagement", "opened"),
        ("Not read: June", "automatic-action/MDN-sent-automatically; deleted", "delivered", "delivered"),
        ("Undelivered? June", "manual-action/MDN-sent-manually; deleted", "delivered", "delivered"),
        ("June", "automatic-action/MDN-sent-automatically; processed", "delivered", "delivered"),
        ("June", "automatic-action/MDN-sent-automatically; dispatched", "delivered", "delivered"),
        ("June", "manual-action/MDN-sent-manually; denied", "none", ""),
        ("June", "manual-action/MDN-sent-manually; failed/error", "none", ""),
        ("June", "automatic-action; of-no-known-type", "none", ""),
    ],
)
def test_a_disposition_is_no_bounce(subject: str, disposition: str, kind: str, event: str) -> None:
    """RFC 8098: displayed is engagement, deleted proves that the mailbox lives; of the address that was mailed."""
    text = "Your message could not be delivered as read; it was displayed or deleted on 12 May 2026."
    (outcome,) = parse(RECEIPT.format(subject=subject, disposition=disposition, text=text).encode())
    assert (kind, event, TO, "n-77") == (outcome.kind, outcome.event, outcome.recipient, outcome.intent_id)
    assert not outcome.hard


MAILER = "Mail Delivery System <MAILER-DAEMON@mail.sender.example>"


@pytest.mark.parametrize("subject", NOTICES["goes-on"])
def test_a_delay_is_never_hard(subject: str) -> None:
    """Delivery goes on, whatever a server said meanwhile: there is no outcome yet."""
    for outcome in parse(letter(MAILER, subject, NOTICES["goes-on"][subject].format(to=TO), "Return-Path: <>")):
        assert not outcome.hard, outcome


def test_a_report_of_a_delay_is_never_hard() -> None:
    """RFC 3464 2.3.3: `delayed`, even beside a code of class 5."""
    (outcome,) = parse(report("550 5.1.1 User unknown", "RCPT TO", status="5.1.1", action="delayed"))
    assert (TO, False) == (outcome.recipient, outcome.hard)


@pytest.mark.parametrize("action", ["relayed", "delivered", "expanded"])
def test_a_relay_is_no_bounce(action: str) -> None:
    """RFC 3464 2.3.3: the message went on."""
    (outcome,) = parse(report("250 2.1.5 ok", "", status="2.1.5", action=action))
    assert ("delivered", TO) == (outcome.kind, outcome.recipient)


def test_a_notice_of_success_is_no_bounce() -> None:
    """Postfix and Exchange tell it in words."""
    text = f"Your message was successfully delivered to the destination(s) listed below.\n\n<{TO}>: via mx.example.com"
    (outcome,) = parse(letter(MAILER, "Successful Mail Delivery Report", text, "Return-Path: <>"))
    assert ("delivered", TO) == (outcome.kind, outcome.recipient)


@pytest.mark.parametrize("text", NOTICES["automatic"]["given-up"])
def test_a_mailbox_that_was_given_up_is_suspended(text: str) -> None:
    """It says so itself, for good: soft, about the mailbox."""
    (outcome,) = parse(letter("Ada <ada@example.com>", "Re: June", text, "Auto-Submitted: auto-replied"))
    assert ("bounce", "suspend", False, "recipient", TO) == answered(outcome)


@pytest.mark.parametrize("text", NOTICES["automatic"]["back-again"])
def test_an_absence_is_no_bounce(text: str) -> None:
    """Whoever comes back has not given the mailbox up, and what we wrote ourselves proves nothing."""
    (outcome,) = parse(letter("Ada <ada@example.com>", "Automatic reply: June", text, "Auto-Submitted: auto-replied"))
    assert ("none", "vacation", False, "", TO) == answered(outcome)


def answered(outcome: Outcome) -> tuple[str, str, bool, str, str]:
    """What counts of the outcome of an automatic reply."""
    return outcome.kind, outcome.reason, outcome.hard, outcome.scope, outcome.recipient
