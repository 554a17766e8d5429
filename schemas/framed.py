"""Values in frames: JSON as other tools put it into Kafka, with something around it -> the octets inside. Pure.

- a schema registry's prefix: an octet 0, the schema's id in four, then JSON
  (https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format);
- CloudEvents in structured mode: a JSON object with `specversion`, `type`, `source`, and the value in `data` or
  `data_base64` (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md);
- Kafka Connect's JsonConverter with its schemas: `{"schema": …, "payload": …}` and nothing else
  (https://kafka.apache.org/documentation/#connect).

Of an intent nobody looks for a frame before its octets have turned out to be none. A signature covers the octets as
they lie in Kafka, frame and all.
"""

from binascii import a2b_base64
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

FRAMES_MAX = 3
"""Frames within frames: a registry's around an envelope around a converter's."""
FRAMED_MAX = 4 * 1024 * 1024
"""Octets of a value in which a frame is looked for."""
PREFIX = 5
"""Octets before the JSON: 0, and a schema's id."""


class Framed(NamedTuple):
    """What was in a frame."""

    value: bytes
    frame: str
    """In words: `a schema registry's prefix`, …"""
    form: str = ""
    """Content type of the value, "" where nothing says so."""


class _CloudEvent(Struct):
    """A CloudEvent in structured mode."""

    specversion: str
    type: str
    source: str
    data: Raw | UnsetType = UNSET
    data_base64: str | UnsetType = UNSET
    datacontenttype: str | None = None


class _Converted(Struct, forbid_unknown_fields=True):
    """A value of Kafka Connect's JsonConverter."""

    schema: Raw
    payload: Raw


class _ConnectSchema(Struct):
    """A schema of Kafka Connect: its type is all that matters here."""

    type: str = ""


_cloud_event = msgspec.json.Decoder(_CloudEvent)
_converted = msgspec.json.Decoder(_Converted)
_connect_schema = msgspec.json.Decoder(_ConnectSchema | None)
_text = msgspec.json.Decoder(str)


def frames(value: bytes | None) -> list[Framed]:
    """What is in a value's frame, and in the frame inside of that; [] for a value without one."""
    found: list[Framed] = []
    while value is not None and len(found) < FRAMES_MAX:
        inside = _inside(value)
        if inside is None:
            break
        found.append(inside)
        value = inside.value
    return found


def innermost(value: bytes | None) -> bytes | None:
    """What is inside of all frames; the value itself where it has none."""
    return found[-1].value if (found := frames(value)) else value


def why_unframed(value: bytes | None) -> str:
    """Of a value that can't be read and begins as a schema registry's does: what is wrong; "" of all others."""
    if value is None or len(value) <= PREFIX or value[:1] != b"\0":
        return ""
    return (
        f"it begins as a schema registry's values do (0, schema {int.from_bytes(value[1:PREFIX], 'big')}), and what "
        "follows is no JSON: Avro and Protobuf are not read, so publish with the registry's serializer for JSON"
    )


def _inside(value: bytes) -> Framed | None:
    if value[:1] == b"\0" and _is_json(value[PREFIX:]):
        return Framed(value[PREFIX:], "a schema registry's prefix", "application/json")
    if len(value) > FRAMED_MAX or value.lstrip()[:1] != b"{":
        return None
    for mark, read in _READERS:  # each in turn: one may stand in the other
        try:
            if mark in value and (found := read(value)) is not None:
                return found
        except (msgspec.DecodeError, RecursionError, ValueError):  # ValueError: what is no UTF-8, no base64
            pass
    return None


def _is_json(octets: bytes) -> bool:
    return octets[:100].lstrip()[:1] in (b"{", b"[")


def _of_cloud_event(value: bytes) -> Framed | None:
    event = _cloud_event.decode(value)
    form = event.datacontenttype or ""
    if event.data_base64 is not UNSET:
        return Framed(a2b_base64(event.data_base64, strict_mode=True), "a CloudEvent", form)
    return Framed(_unquoted(event.data), "a CloudEvent", form) if event.data is not UNSET else None


def _of_converter(octets: bytes) -> Framed:
    converted = _converted.decode(octets)
    schema, value = _connect_schema.decode(converted.schema), _unquoted(converted.payload)
    if schema is not None and schema.type == "bytes":
        value = a2b_base64(value, strict_mode=True)
    return Framed(value, "a value of Kafka Connect's JsonConverter")


def _unquoted(raw: Raw) -> bytes:
    """JSON octets; of a JSON text what it says, for who writes JSON as a text into JSON."""
    octets = bytes(raw)
    return _text.decode(octets).encode("utf-8", "surrogatepass") if octets[:1] == b'"' else octets


_READERS = ((b'"specversion"', _of_cloud_event), (b'"payload"', _of_converter))
"""What stands in every frame of a kind, and what reads it."""
