"""What `sidestep tail` shows of feedback that is not in the schema of its topic: what Screen reads in it."""

import base64
import json

import pytest

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import encode
from sidestep.streams.commands.chosen import Chosen, same_mailbox
from sidestep.streams.commands.foreign_feedback import read_out
from sidestep.streams.commands.render import as_json_line, as_text_line
from sidestep.topics.received import Received, Unreadable

SENDGRID = [
    {"email": "ada@example.org", "event": "bounce", "reason": "550 5.1.1 no such user", "sg_event_id": "1"},
    {"email": "eve@example.org", "event": "open", "sg_event_id": "2"},
]
NOW = 1_800_000_000.0
BOUNCED = b"From: MAILER-DAEMON@example.net\nSubject: failed\n\n<%s@example.org>: 550 5.1.1 User unknown\n"
AWAY = b"From: bob@example.org\nAuto-Submitted: auto-replied\nSubject: away\n\nI am on holiday until Monday.\n"
MBOX = b"".join(b"From x Mon Jan  1 00:00:00 2026\n" + BOUNCED % name + b"\n" for name in (b"ada", b"eve"))


def received(octets: bytes, topic: str = "email-bounces", form: bytes = b"") -> Received:
    """As a subscriber gets what does not have the topic's schema."""
    headers = {"Content-Type": form} if form else {}
    fault = Unreadable("wrong-shape", "Expected `object`", octets)
    return read_out(Received(topic, 1, 7, 0, None, fault, headers), NOW)


def said(record: Received) -> list[str]:
    """Of each line what comes behind time and place."""
    lines = as_text_line(record).split("\n")
    assert all(line.startswith(f"1970-01-01T00:00:00Z {record.topic}/1/7 ") for line in lines)
    return [line.split(" ", 2)[2] for line in lines]


@pytest.mark.parametrize("topic", ["email-bounces", "email-engagement"])
def test_a_line_tells_each_outcome_of_a_webhooks_body(topic: str) -> None:
    """As parse-feedback tells it, on either topic."""
    bounced, opened = said(received(json.dumps(SENDGRID).encode(), topic))
    assert bounced.startswith("bounce ada@example.org userunknown hard recipient 5.1.1")
    assert "engagement opened eve@example.org" == opened


def test_reports_are_read_by_their_content_type() -> None:
    """One message, and several; also what does not count is no dead letter."""
    assert ["bounce ada@example.org userunknown"] == [line[:34] for line in said(received(BOUNCED % b"ada"))]
    two = said(received(MBOX, form=b"application/mbox"))
    assert ["ada@example.org", "eve@example.org"] == [line.split()[1] for line in two]
    assert ["none bob@example.org vacation (auto-reply)"] == said(received(AWAY))


def test_programs_get_the_octets_and_the_events() -> None:
    """In our schema, without an error."""
    octets = json.dumps(SENDGRID).encode()
    line = json.loads(as_json_line(received(octets)))
    assert octets == base64.b64decode(line["value_base64"])
    assert ["ada@example.org", "eve@example.org"] == [event["recipient"] for event in line["events"]]
    assert "opened" == line["events"][1]["kind"]
    assert "error" not in line


def test_our_own_schema_of_the_other_topic_is_no_fault() -> None:
    """Screen reads it too."""
    opened = Engagement(recipient="ada@example.org", kind="opened")
    assert [encode(opened).decode()] == said(received(encode(opened)))


def test_only_what_would_be_a_dead_letter_is_unreadable() -> None:
    """With the reason that the dead letter has."""
    (line,) = said(received(b"[1, 2]"))
    assert "unreadable (wrong-shape): neither our schema nor any report or webhook that we know" in line


def test_somebodys_feedback_is_found_in_it() -> None:
    """By any of its events."""
    record = received(json.dumps(SENDGRID).encode())
    assert [record] == Chosen(mailboxes=(same_mailbox("eve@example.org"),)).among([record])
    assert [] == Chosen(mailboxes=(same_mailbox("bob@example.org"),)).among([record])


def test_other_records_are_left_as_they_are() -> None:
    """What can be read, and what no parser of feedback is for."""
    for topic, value in (
        ("email-bounces", Bounce(recipient="ada@example.org")),
        ("email-intents", Unreadable("wrong-shape", "x", b"[]")),
        ("email-dead-letters", b"[]"),
    ):
        record = Received(topic, 0, 0, 0, None, value)
        assert record is read_out(record, NOW)
