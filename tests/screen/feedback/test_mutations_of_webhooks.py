"""Webhooks' bodies that say the same: order, unknown and optional members, batches, numbers as texts (kind 8).

All keep event, recipient, reason and `hard`, as no words are at stake here; what is nobody's is told as nobody's. The
seed is fixed.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest

from sidestep.streams.screen.feedback.outcome import UNKNOWN_PROVIDER, Outcome
from sidestep.streams.screen.feedback.parse import parse
from tests.screen.feedback.documented import EVENTS, Body
from tests.screen.feedback.mutating import SEED, share_kept

EACH = 6
"""Mutants of each documented event."""
OPTIONAL = (
    "timestamp", "ts", "time", "created_at", "feedbackId", "signature", "ID", "event_id", "id", "state",
    "error_related_to", "sender", "enhanced_code", "command", "customer_id", "action",
)  # fmt: skip
"""Members that say nothing of what happened to whom."""
MARKS = {"resend": ("id",), "mandrill": ("action",), "ses": ("feedbackId",), "kumomta": ()}
"""…except where a provider is told by them, or two events by their ids."""
BATCHES = ("sendgrid", "sparkpost", "mandrill", "mailjet", "brevo", "kumomta", "mailtrap")
"""Providers that send several events in one body."""
UNKNOWN = {
    "x_new_member": "soon", "apiVersion": 3, "labels": ["a", "b"], "context": {"region": "eu", "retry": None},
    "is_test": False, "ip_pool": "shared", "useragent": "Foomail/97 (x)", "geo": {"city": "Bern"}, "note": "",
}  # fmt: skip
NUMBERS = ("timestamp", "ts", "time", "ts_epoch", "bounce_class", "code", "MessageID", "ID", "mj_campaign_id", "id")
"""Members that some send as numbers and some as texts."""


def mutated(random: Random, source: str, value: Any) -> Any:
    """A body's members in another order, with unknown ones and without optional ones, numbers as texts."""
    if isinstance(value, list):
        return [mutated(random, source, item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: each for name, each in value.items() if not _left_out(random, source, name)}
    more = {name: each for name, each in UNKNOWN.items() if random.random() < 0.2}
    pairs = [(name, _as_text(random, name, mutated(random, source, each))) for name, each in (more | kept).items()]
    return dict(random.sample(pairs, len(pairs)))


def _left_out(random: Random, source: str, name: str) -> bool:
    return name in OPTIONAL and name not in MARKS.get(source, ()) and random.random() < 0.15


def _as_text(random: Random, name: str, value: Any) -> Any:
    """A number as a text, or the other way round."""
    if name not in NUMBERS or isinstance(value, bool) or random.random() < 0.7:
        return value
    if isinstance(value, str):
        return int(value) if value.isdigit() else value
    return str(value) if isinstance(value, int | float) else value


def written(random: Random, source: str, body: Body) -> bytes:
    """A body as octets: with or without what a provider, or whoever passes it on, puts around it."""
    space = random.choice([None, 2, "\t"])
    octets = json.dumps(body, indent=space, ensure_ascii=random.random() < 0.5).encode()
    if source == "ses" and "source" not in body and random.random() < 0.5:
        envelope = {
            "Type": "Notification",
            "TopicArn": "arn:aws:sns:eu:1:t",
            "MessageId": "1",
            "Message": json.dumps(body),
        }
        octets = json.dumps(dict(random.sample(list(envelope.items()), 4))).encode()
    elif source == "mandrill" and random.random() < 0.5:
        octets = urlencode({"mandrill_events": json.dumps(body)}).encode()
    elif isinstance(body, list) and len(body) == 1 and source in BATCHES and random.random() < 0.3:
        octets = json.dumps(body[0]).encode()
    return random.choice([b"", b"", b"\n ", b"\xef\xbb\xbf"]) * (not octets.startswith(b"mandrill")) + octets


def told(outcome: Outcome) -> tuple[Any, ...]:
    """What has to stay of an event."""
    return outcome.source, outcome.kind, outcome.event, outcome.recipient, outcome.reason, outcome.hard


@pytest.mark.parametrize("source", EVENTS)
def test_documented_events_stay_what_they_are(source: str) -> None:
    """Each of them, alone."""
    random, lost, asked = Random(f"{SEED} {source}"), [], 0
    for name, body in EVENTS[source].items():
        wanted = list(map(told, parse(json.dumps(body).encode())))
        for _ in range(EACH):
            octets, asked = written(random, source, mutated(random, source, body)), asked + 1
            found = list(map(told, parse(octets)))
            lost += [] if found == wanted else [f"{name} {wanted} is {found}: {octets.decode()[:600]}"]
    share_kept(f"8 {source}", asked, lost)
    assert [] == lost


def events_of(body: Body) -> list[Any]:
    """The single events of a documented body."""
    if isinstance(body, dict) and isinstance(body.get("events"), list):
        return list(body["events"])
    return list(body) if isinstance(body, list) else [body]


@pytest.mark.parametrize("source", BATCHES)
def test_events_stay_what_they_are_in_a_batch(source: str) -> None:
    """Several in an array, or a line each: of each of them what is made of it alone."""
    random, lost, asked = Random(SEED), [], 30
    for _ in range(asked):
        names = random.sample(list(EVENTS[source]), min(5, len(EVENTS[source])))
        events = [mutated(random, source, event) for name in names for event in events_of(EVENTS[source][name])]
        for number, event in enumerate(events):
            _told_apart(event, number)
        one = [each for event in events for each in _alone(source, event)]
        body = {"events": events} if source == "mailtrap" else events
        lines = random.random() < 0.5 and source != "mandrill"
        octets = "\n".join(map(json.dumps, events)).encode() if lines else json.dumps(body).encode()
        found = {told(outcome) for outcome in parse(octets) if outcome.kind != "none"}
        lost += [] if found == set(one) else [f"{names}: {sorted(set(one) ^ found)}"]
    share_kept(f"8 {source}, several", asked, lost)
    assert [] == lost


def _told_apart(event: Any, number: int) -> None:
    """Another person each."""
    for place in _places(event):
        for name in ("email", "recipient", "rcpt_to"):
            if isinstance(place.get(name), str):
                place[name] = f"u{number}@example.com"


def _places(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _places(each)


def _alone(source: str, event: Any) -> list[tuple[Any, ...]]:
    body = {"events": [event]} if source == "mailtrap" else [event]
    return [told(outcome) for outcome in parse(json.dumps(body).encode()) if outcome.kind != "none"]


GENERIC: dict[str, list[Any]] = {
    "event": ["bounce", "bounced", "hard_bounce", "failed", "delivered", "open", "Bounce", "complaint", "rejected"],
    "type": ["bounce", "message.bounced", "hard", "email_bounced", "Permanent", "delivery", "bounced"],
    "event_type": ["bounce", "MESSAGE_BOUNCED"],
    "eventType": ["bounced", "Bounce"],
    "email": ["ada@example.com"],
    "recipient": ["ada@example.com"],
    "to": ["ada@example.com", ["ada@example.com"]],
    "address": ["ada@example.com"],
    "status": ["bounced", "5.1.1", 550],
    "reason": ["550 5.1.1 User unknown", "mailbox full"],
    "response": ["550 5.1.1 User unknown", {"code": 550}],
    "timestamp": [1714979289, "2026-05-06T07:08:09Z"],
    "message_id": ["m-1"],
    "id": ["1", 1],
    "subject": ["June"],
    "data": [{"email": "ada@example.com", "type": "bounce"}, {"to": ["ada@example.com"], "id": "1"}],
    "payload": [{"event": "bounce", "email": "ada@example.com"}],
    "bounce": [{"type": "Permanent", "recipients": ["ada@example.com"]}, {"code": 550}],
    "mail": [{"to": "ada@example.com"}],
    "tags": [["a"], {"a": "b"}],
    "metadata": [{"intent_id": "n-77"}],
    "campaign": ["june"],
    "ip": ["192.0.2.7"],
    "severity": ["permanent"],
    "category": ["hard"],
}
"""Members that anybody's bodies have, none of them anybody's alone."""
NAMES = ("event", "type", "event_type", "eventType")


def test_what_is_nobodys_is_told_as_nobodys() -> None:
    """A provider that we do not know, by members that all have: never another one's event, in whatever order."""
    random, lost = Random(SEED), []
    for _ in range(1000):
        names = {random.choice(NAMES), *random.sample(list(GENERIC), random.randrange(1, 10))}
        body: Any = {name: random.choice(GENERIC[name]) for name in random.sample(sorted(names), len(names))}
        octets = json.dumps([body, body] if random.random() < 0.3 else body).encode()
        found = [(outcome.kind, outcome.reason) for outcome in parse(octets)]
        lost += [] if found == [("none", UNKNOWN_PROVIDER)] else [f"{parse(octets)}: {octets.decode()}"]
    share_kept("8 nobody's", 1000, lost)
    assert [] == lost
