"""A body of more events than a record may have goes into Kafka in pieces, each of which is read."""

import json
from urllib.parse import urlencode

import pytest

from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import parse
from sidestep.streams.screen.feedback.webhooks.event import EVENTS_MAX
from sidestep.streams.screen.feedback.webhooks.pieces import pieces
from tests.screen.feedback.documented import Body, mailtrap, mandrill, sendgrid

MANY = EVENTS_MAX * 2 + 1
SENDGRID = [sendgrid("open", sg_event_id=str(i))[0] for i in range(MANY)]
MANDRILL = [mandrill("open", _id=str(i))[0] for i in range(MANY)]
BODIES = {
    "an array": json.dumps(SENDGRID).encode(),
    "an array in an object": json.dumps(
        {"events": [mailtrap("open", event_id=str(i))["events"][0] for i in range(MANY)], "more": 1}
    ).encode(),
    "a form": urlencode({"mandrill_events": json.dumps(MANDRILL)}).encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_event_is_read(name: str) -> None:
    """Once."""
    parts = pieces(BODIES[name])
    assert 3 == len(parts)
    read: list[Outcome] = [outcome for part in parts for outcome in parse(part)]
    assert MANY == len({outcome.id for outcome in read}) == len(read)


@pytest.mark.parametrize(
    "body", [[*SENDGRID[:EVENTS_MAX]], {"events": "x"}, {"event-data": {}}, 5, [], [1] * EVENTS_MAX, {"events": {}}]
)
def test_what_is_small_stays_as_it_is(body: Body) -> None:
    """Octet for octet, spaces and all."""
    octets = json.dumps(body, indent=3).encode()
    assert [octets] == pieces(octets)


@pytest.mark.parametrize("octets", [b"", b"[", b"[" * 100_000, b"\xff\xfe", b"mandrill_events=", b"Subject: x\n\n[1]"])
def test_what_is_no_json_stays_as_it_is(octets: bytes) -> None:
    """Screen says what is wrong with it."""
    assert [octets] == pieces(octets)


NESTED = [b"[" + b"1," * MANY + b"[" * depth + b"]" * depth + b"]" for depth in range(900, 1_001)]


def test_what_can_just_be_read_stops_nobody() -> None:
    """How deeply that is nested depends on the interpreter: one of these can be read and not written."""
    for octets in NESTED:
        assert pieces(octets)


def test_pieces_are_no_larger_than_what_they_are_of() -> None:
    """A megabyte would become a gigabyte, in the memory of whoever takes it apart; or what Kafka does not take."""
    beside = json.dumps({"events": [1] * 200_000, "x": "y" * 500_000}).encode()
    assert [beside] == pieces(beside)
    zeros = b"[" + b"1," * MANY + b"[" + b"1e15," * 100_000 + b"1]]"
    assert [zeros] == pieces(zeros)
    letters = json.dumps([{"reason": "é" * 4_000}] * MANY, ensure_ascii=False).encode()
    assert sum(map(len, pieces(letters))) <= len(letters)


def test_half_a_character_stays_escaped() -> None:
    """Nothing else says it in UTF-8."""
    parts = pieces(b"[" + b'{"a":"\\ud800"},' * MANY + b"1]")
    assert MANY + 1 == len([event for part in parts for event in json.loads(part)])
