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
