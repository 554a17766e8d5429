"""Values in frames, written in any way: what is read is what is read without (kind 12); what is no frame is refused.

The seed is fixed.
"""

import base64
import json
import time
from random import Random
from typing import Any

import pytest

from sidestep.schemas import Bounce
from sidestep.schemas.codec import ContractError
from sidestep.schemas.framed import FRAMES_MAX, frames
from sidestep.schemas.reading import read_intent
from sidestep.streams.screen.intake import read_feedback, read_framed_intent
from tests.screen.feedback.documented import ADA, EVENTS
from tests.screen.feedback.mutating import SEED, SHARE, share_kept
from tests.screen.feedback.replies import report

MUTANTS = 600
NOW = time.time()
INTENT = {
    "id": "n-77",
    "to": ADA,
    "service": "shop",
    "stream": "transactional",
    "metadata": {"payload": 1, "data": "x"},
}
OURS = {"id": "b-1", "recipient": ADA, "kind": "bounce", "reason": "userunknown", "service": "shop"}
BODIES = [OURS, *(body for events in EVENTS.values() for body in events.values())]


def shuffled(random: Random, members: dict[str, Any]) -> dict[str, Any]:
    """An object's members in any order."""
    return dict(random.sample(list(members.items()), len(members)))


def written(random: Random, value: Any) -> bytes:
    """JSON with any white space in it and around it."""
    octets = json.dumps(value, indent=random.choice([None, 1, "\t"]), ensure_ascii=random.random() < 0.5).encode()
    return random.choice([b"", b"", b" ", b"\n"]) + octets + random.choice([b"", b"", b"\r\n "])


def prefixed(random: Random, octets: bytes) -> bytes:
    """Behind a registry's prefix, with any schema's id."""
    return (
        b"\0" + random.choice([0, 1, 7, 0x7B22, 2**31, 2**32 - 1, random.randrange(2**32)]).to_bytes(4, "big") + octets
    )


def cloud_event(random: Random, octets: bytes, json_inside: bool = True) -> bytes:
    """In a CloudEvent: the value as JSON, as a text, or as base64."""
    event: dict[str, Any] = {"specversion": random.choice(["1.0", "0.3"]), "type": "t", "source": "/s", "id": "e-1"}
    event |= random.choice(
        [{}, {"subject": "x", "time": "2026-05-06T07:08:09Z"}, {"traceparent": "00-1", "service": "bus"}]
    )
    if random.random() < 0.5 or not json_inside:
        event["datacontenttype"] = "application/json" if json_inside else "message/rfc822"
    way = random.choice(["json", "text", "base64"] if json_inside else ["text", "base64"])
    if way == "base64":
        event["data_base64"] = base64.b64encode(octets).decode()
    else:
        event["data"] = json.loads(octets) if way == "json" else octets.decode()
    return written(random, shuffled(random, event))


def converted(random: Random, octets: bytes) -> bytes:
    """As Kafka Connect's JsonConverter writes it."""
    way = random.choice(["struct", "string", "bytes", "null"])
    schema: Any = {"type": way, "optional": False} | random.choice([{}, {"fields": []}, {"name": "x", "version": 1}])
    payload: Any = json.loads(octets) if way in ("struct", "null") else octets.decode()
    payload = base64.b64encode(octets).decode() if way == "bytes" else payload
    both = {"schema": None if way == "null" else shuffled(random, schema), "payload": payload}
    return written(random, shuffled(random, both))


def framed(random: Random, octets: bytes) -> bytes:
    """In one frame or several, as many as are read; a registry's prefix is the outermost, as it is no JSON."""
    for _ in range(random.choice([0, 1, 1, FRAMES_MAX - 1])):
        octets = random.choice([cloud_event, converted])(random, octets)
    if not frames(octets) or random.random() < 0.4:
        octets = prefixed(random, octets)
    return octets


def read(value: bytes, form: str = "") -> list[Any]:
    """The feedback in a value, or why there is none."""
    try:
        return list(read_feedback(value, Bounce, form, NOW))
    except ContractError as error:
        return [error.code]


def test_intents_are_read_as_without_a_frame() -> None:
    """Each member, whatever the frame has by the same names."""
    random, lost = Random(SEED), []
    for _ in range(MUTANTS):
        plain = written(random, shuffled(random, INTENT))
        value = framed(random, plain)
        try:
            found: Any = read_framed_intent(value, ContractError("not-json", "no"), NOW)
        except ContractError as error:
            found = str(error)
        lost += [] if found == read_intent(plain, NOW) else [f"{found}: {value.decode('utf-8', 'replace')}"]
    assert share_kept("12 intents", MUTANTS, lost) >= SHARE, lost


def test_feedback_is_read_as_without_a_frame() -> None:
    """In our schema, and of every provider."""
    random, lost = Random(SEED), []
    for _ in range(MUTANTS):
        plain = written(random, random.choice(BODIES))
        value = framed(random, plain)
        lost += [] if read(value) == read(plain) else [f"{read(value)}: {value.decode('utf-8', 'replace')}"]
    assert share_kept("12 feedback", MUTANTS, lost) >= SHARE, lost


def test_mail_in_a_cloud_event_is_read_as_without() -> None:
    """A report as a text or as base64, its type beside it."""
    random, plain = Random(SEED), report("550 5.1.1 User unknown", "RCPT TO", status="5.1.1")
    wanted = read(plain, "message/rfc822")
    assert ADA == wanted[0].recipient
    assert [] == [value for _ in range(60) if read(value := cloud_event(random, plain, False)) != wanted]


def _without(octets: bytes, name: bytes) -> bytes:
    return octets.replace(b'"%b"' % name, b'"x-%b"' % name)


DAMAGE = {
    "a CloudEvent without its version": lambda random, octets: _without(cloud_event(random, octets), b"specversion"),
    "a CloudEvent without its source": lambda random, octets: _without(cloud_event(random, octets), b"source"),
    "Connect's with a third member": lambda random, octets: converted(random, octets).rstrip()[:-1] + b', "id": "1"}',
    "Connect's without its schema": lambda random, octets: _without(converted(random, octets), b"schema"),
    "another magic": lambda random, octets: bytes([random.randrange(1, 9)]) + prefixed(random, octets)[1:],
    "half a prefix": lambda random, octets: prefixed(random, octets)[: random.randrange(1, 5)],
    "Avro behind a prefix": lambda random, octets: prefixed(random, bytes([random.randrange(32), 6]) + octets),
    "a frame that was cut": lambda random, octets: (value := cloud_event(random, octets).strip())[
        : random.randrange(1, len(value))
    ],
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_no_frame_is_refused(name: str) -> None:
    """As an intent and as feedback: a dead letter, and nothing out of it."""
    random = Random(SEED)
    for _ in range(60):
        value = DAMAGE[name](random, written(random, shuffled(random, INTENT)))
        with pytest.raises(ContractError):
            read_framed_intent(value, ContractError("not-json", "no"), NOW)
        value = DAMAGE[name](random, written(random, shuffled(random, OURS)))
        with pytest.raises(ContractError):
            read_feedback(value, Bounce, "", NOW)
