"""Feedback comes in whatever form the mailer or its provider has; what counts is the same."""

import json
from pathlib import Path
from typing import NoReturn, cast

import pytest

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import ContractError, encode
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.intake import read_feedback
from sidestep.streams.screen.provenance import header_of
from tests.screen.feedback.collected import as_we_read_them

NOW = 1_795_000_000.0
SURROGATE = b'{"recipient": "\\udfff@d0.example", "kind": "opened"}'

DSN = b"""From: MAILER-DAEMON@mx.example.org
To: bounces@shop.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

The mail system: <ada@example.com>: host mx.example.com said: 550 5.1.1 User unknown

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; ada@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown

--b--
"""

SES = {
    "notificationType": "Complaint",
    "complaint": {"complainedRecipients": [{"emailAddress": "ada@example.com"}], "feedbackId": "f-1"},
    "mail": {"messageId": "m-1"},
}


def test_our_own_schema_is_taken_as_it_is() -> None:
    """Whichever of the two topics it stands in."""
    bounce = Bounce(recipient="ada@example.com", status="5.1.1")
    opened = Engagement(recipient="ada@example.com", kind="opened")
    assert [bounce] == read_feedback(encode(bounce), Bounce, "", NOW)
    assert [opened] == read_feedback(encode(opened), Bounce, "", NOW)


def test_a_delivery_report_is_a_bounce() -> None:
    """RFC 3464, as the remote server sent it."""
    (bounce,) = read_feedback(DSN, Bounce, "message/rfc822", NOW)
    assert isinstance(bounce, Bounce)
    assert ("ada@example.com", "userunknown", True) == (bounce.recipient, bounce.reason, bounce.hard)


@pytest.mark.parametrize("form", ["", "application/json"])
def test_a_webhook_body_is_recognised_by_its_shape(form: str) -> None:
    """With and without a content type."""
    (complaint,) = read_feedback(json.dumps(SES).encode(), Bounce, form, NOW)
    assert ("complaint", "ada@example.com") == (complaint.kind, complaint.recipient)


def test_the_same_delivery_twice_has_the_same_id() -> None:
    """So that it counts once."""
    first, second = (read_feedback(json.dumps(SES).encode(), Bounce, "", NOW)[0] for _ in range(2))
    assert first.id
    assert first.id == second.id


@pytest.mark.parametrize("value", [b"not json", b"[]", b"{}", b"", b"\xff\xfe", b'{"recipient": 5}', None, SURROGATE])
def test_what_says_nothing_is_refused(value: bytes | None) -> None:
    """With the reason why it is not our schema either."""
    with pytest.raises(ContractError):
        read_feedback(value, Bounce, "", NOW)


def test_headers_that_cant_be_read_are_no_obstacle() -> None:
    """librdkafka's client raises for a name that is not UTF-8."""

    class Odd:
        def headers(self) -> NoReturn:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    assert "" == header_of(cast("Record", Odd()), "content-type")


SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "bounces"


@pytest.mark.skipif(not SHARED.exists(), reason="the collection of real bounces is not beside this checkout")
def test_every_real_message_is_read() -> None:
    """None of them is a dead letter, and every hard bounce marks somebody."""
    expected = json.loads((SHARED / "expected.json").read_text())
    for name, outcomes in expected.items():
        events = read_feedback((SHARED / name).read_bytes(), Bounce, "message/rfc822", NOW)
        hard = sum(outcome["hard"] for outcome in as_we_read_them(name, outcomes))
        assert hard == sum(isinstance(event, Bounce) and bool(event.hard) for event in events), name
