"""Reports for people in the layouts of many MTAs: who did not get it, and why. See layouts/."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.screen.feedback.parse import parse

LAYOUTS = Path(__file__).parent / "layouts"
EXPECTED = tomllib.loads((LAYOUTS / "expected.toml").read_text())


def message(sender: str, subject: str, body: str, *fields: str) -> bytes:
    """A message with such a header and body."""
    head = [f"From: {sender}", "To: shiro@example.org", f"Subject: {subject}", "MIME-Version: 1.0", *fields]
    return "\n".join([*head, "Content-Type: text/plain", "", body]).encode()


def found(octets: bytes) -> list[dict[str, Any]]:
    """Outcomes as in expected.toml."""
    return [{"recipient": out.recipient, "reason": out.reason, "hard": out.hard} for out in parse(octets)]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recipients_and_reasons_are_found_in(name: str) -> None:
    """Each recipient once, with the reason its own words give."""
    assert EXPECTED[name] == found((LAYOUTS / f"{name}.eml").read_bytes())


def test_every_layout_is_expected_to_say_something() -> None:
    """No report lies there untested."""
    assert sorted(EXPECTED) == sorted(file.stem for file in LAYOUTS.glob("*.eml"))


def test_a_report_forwarded_inside_a_report_is_read() -> None:
    """Someone passes a bounce on: what is inside counts."""
    inner = (LAYOUTS / "qmail.eml").read_text()
    outer = (
        "From: colleague@example.org\nTo: shiro@example.org\nSubject: Fwd: failure notice\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nsee below\n'
        f"--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
    )
    assert EXPECTED["qmail"] == found(outer.encode())


@pytest.mark.parametrize("subject", ["Re: Hello", "Re: Delivery of your parcel"])
def test_ordinary_mail_is_no_bounce(subject: str) -> None:
    """A person writes about a delivery: nothing is counted."""
    (outcome,) = parse(message("Kuro <kuro@example.net>", subject, "Your parcel could not be delivered. Call me!\n"))
    assert ("none", "") == (outcome.kind, outcome.event)


@pytest.mark.parametrize(
    "fields",
    [
        ("Out of office: Hello", "I am back on Monday.", "Auto-Submitted: auto-replied"),
        ("Automatic reply: Hello", "I am away until May 2nd. For urgent matters write to mike@example.net."),
        ("Re: Hello", "Bin nicht da.", "X-Autoreply: yes"),
    ],
)
def test_an_absence_note_is_no_bounce(fields: tuple[str, ...]) -> None:
    """RFC 3834: it says that the address works, if anything."""
    subject, body, *rest = fields
    (outcome,) = parse(message("Kuro <kuro@example.net>", subject, body, *rest))
    assert ("none", "", "vacation") == (outcome.kind, outcome.event, outcome.reason)


def test_a_request_to_unsubscribe_is_an_opt_out() -> None:
    """Mail programs send it for their users (RFC 2369): an opt-out, no bounce and no complaint."""
    (outcome,) = parse(message("kuro@example.net", "unsubscribe", "unsubscribe"))
    assert ("engagement", "unsubscribed", "kuro@example.net") == (outcome.kind, outcome.event, outcome.recipient)
