"""Values in frames, as a registry, CloudEvents and Kafka Connect have them: what is inside, or nothing."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas.framed import FRAMES_MAX, frames, innermost, why_unframed
from sidestep.schemas.reading import Sender, read_sender, read_service

INTENT = b'{"id": "w-1", "to": "jane@example.com", "service": "shop"}'
TEXT = json.dumps(INTENT.decode()).encode()
BASE64 = b64encode(INTENT)


def prefixed(octets: bytes = INTENT, schema: int = 4711) -> bytes:
    """As a registry's serializer for JSON Schema writes it."""
    return b"\0" + schema.to_bytes(4, "big") + octets


def event(data: bytes | None = INTENT, **attributes: Any) -> bytes:
    """A CloudEvent in structured mode; `data` None: without any."""
    said = {"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "com.example.mail"} | attributes
    octets = json.dumps(said).encode()
    return octets if data is None else octets[:-1] + b', "data": ' + data + b"}"


def converted(payload: bytes = INTENT, schema: bytes = b'{"type": "struct", "optional": false, "fields": []}') -> bytes:
    """As Kafka Connect's JsonConverter writes it."""
    return b'{"schema": ' + schema + b', "payload": ' + payload + b"}"


FRAMED = {
    "a registry's prefix": prefixed(),
    "… of schema 0": prefixed(schema=0),
    "… of schema 2^32 - 1": prefixed(schema=2**32 - 1),
    "… of a schema whose id looks like JSON": prefixed(schema=0x7B7B7B7B),
    "… with a line break after it": prefixed(b"\n " + INTENT),
    "a CloudEvent": event(),
    "… with all its attributes": event(datacontenttype="application/json", subject="w-1", time="2026-11-27T20:00:00Z"),
    "… with extensions": event(service="bus", traceparent="00-1", partitionkey="k"),
    "… with its data first": b'{"data": ' + INTENT + b', "type": "t", "source": "s", "specversion": "1.0", "id": "1"}',
    "… with white space before it": b" \r\n" + event(),
    "… with its data as a text": event(TEXT),
    "… with its data as base64": event(None, data_base64=BASE64.decode()),
    "… of another version": event(specversion="0.3"),
    "a value of Kafka Connect": converted(),
    "… without a schema": converted(schema=b"null"),
    "… that is a string": converted(TEXT, b'{"type": "string", "optional": false}'),
    "… that is octets": converted(b'"' + BASE64 + b'"', b'{"type": "bytes"}'),
    "… the other way round": b'{"payload":' + INTENT + b',"schema":{"type":"string"}}',
    "a CloudEvent behind a prefix": prefixed(event()),
    "a value of Connect behind a prefix": prefixed(converted()),
    "a value of Connect in a CloudEvent behind a prefix": prefixed(event(converted())),
    "a CloudEvent in a value of Connect": converted(event()),
}

BARE = {
    "our own schema": INTENT,
    "… with what would be a frame in a field of it": INTENT[:-1]
    + b', "metadata": {"specversion": "1.0", "payload": 1}}',
    "a webhook with data": b'{"type": "email.bounced", "created_at": "2026", "data": {"to": ["a@b.c"]}}',
    "a webhook with a payload": b'{"event": "bounce", "payload": {"email": "a@b.c"}}',
    "schema and payload among others": b'{"schema": {}, "payload": {}, "id": "1"}',
    "a CloudEvent without data": event(None),
    "a CloudEvent with what is no base64": event(None, data_base64="*"),
    "Avro": b"\0\0\0\0\x07\x06w-1\x20jane@example.com\x08shop",
    "Protobuf": b"\0\0\0\0\x07\0\n\x03w-1\x12\x10jane@example.com",
    "a prefix and nothing": b"\0\0\0\0\x07",
    "half a prefix": b"\0\0\0",
    "another magic": b"\x01\0\0\0\x07" + INTENT,
    "JSON that was cut": event()[:-20],
    "no UTF-8": b'{"specversion": "1.0", "type": "\xff", "source": "s", "data": {}}',
    "an array": b'[{"specversion": "1.0", "type": "t", "source": "s", "data": {}}]',
    "a delivery report": b"From: MAILER-DAEMON@example.com\n\n550 5.1.1 User unknown\n",
    "nothing": b"",
}


@pytest.mark.parametrize("value", FRAMED.values(), ids=FRAMED)
def test_what_is_in_a_frame_comes_out(value: bytes) -> None:
    """Octet for octet: what is counted, hashed and bounded is what the producer has written."""
    inside = innermost(value)
    assert inside is not None
    assert INTENT == inside.strip()


@pytest.mark.parametrize("value", BARE.values(), ids=BARE)
def test_what_has_no_frame_stays_as_it_is(value: bytes) -> None:
    """However much it looks like one: who reads it says what is wrong with it."""
    assert value == innermost(value)
    assert [] == frames(value)


def test_a_frame_says_what_it_is_and_what_is_in_it() -> None:
    """Outermost first; the content type of what is inside, where the frame has one."""
    mail = json.dumps("From: a@b.c\n\n…").encode()
    outer, inner = frames(prefixed(event(mail, datacontenttype="message/rfc822")))
    assert ("a schema registry's prefix", "application/json") == (outer.frame, outer.form)
    assert ("a CloudEvent", "message/rfc822", b"From: a@b.c") == (inner.frame, inner.form, inner.value[:11])


def test_frames_without_end_end() -> None:
    """Nobody is kept busy by frames within frames, nor by brackets within brackets."""
    value = INTENT
    for _ in range(50):
        value = event(value)
    assert FRAMES_MAX == len(frames(value))
    assert [] == frames(b'{"specversion": "1.0", "data": ' + b"[" * 4_000_000)
    assert [] == frames(b'{"schema": ' + b'{"a":' * 800_000)


def test_a_registrys_value_that_is_no_json_says_what_to_do() -> None:
    """Avro and Protobuf: with the id of the schema, by which its owner finds the producer."""
    assert "schema 7)" in why_unframed(BARE["Avro"])
    assert "serializer for JSON" in why_unframed(BARE["Protobuf"])
    assert "" == why_unframed(INTENT) == why_unframed(b"\0") == why_unframed(None) == why_unframed(b"\x01\0\0\0\x07x")


@pytest.mark.parametrize("value", FRAMED.values(), ids=FRAMED)
def test_who_has_sent_it_is_read_out_of_it(value: bytes) -> None:
    """Of the intent's own fields, not of the frame's, which may have the same names."""
    assert Sender("w-1", "shop") == read_sender(value)
    assert "shop" == read_service(value)


@given(
    st.binary(max_size=60) | st.sampled_from([*FRAMED.values(), *BARE.values()]),
    st.integers(0, 400),
    st.binary(max_size=3),
)
def test_never_raises(value: bytes, at: int, more: bytes) -> None:
    """Whatever comes."""
    for octets in (value, value[:at], value[:at] + more + value[at:], b"\0\0\0\0\1" + value):
        assert len(frames(octets)) <= FRAMES_MAX
        why_unframed(octets)
