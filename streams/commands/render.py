"""Records as lines: one for people, one for programs. Pure."""

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec
from click import style

from sidestep.schemas.anomalies import Anomaly
from sidestep.schemas.reading import read_service
from sidestep.schemas.verdicts import Verdict
from sidestep.streams.commands.foreign_feedback import ForeignFeedback
from sidestep.streams.commands.incident_lines import anomaly_line
from sidestep.streams.runtime.dead_letters import FOUND
from sidestep.streams.terminal import json_line, printable
from sidestep.topics.catalog import DEAD_LETTERS
from sidestep.topics.received import Received, Unproved, Unreadable

COLOURS = {"send": "green", "defer": "yellow", "drop": "red"}
SHOWN = 200
"""Characters of a dead letter's value; `sidestep dead-letters show` has all of them."""


def as_json_line(record: Received) -> str:
    """A record as one JSON object.

    topic, partition, offset, timestamp (ms), key, headers and value; or value_base64 and error; or value_base64 and
    events, what Screen reads in it.
    """
    line: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
    }
    if record.headers:
        line["headers"] = {name: _text(value) for name, value in record.headers.items()}
    return json_line(line | _value(record.value))


def as_text_line(record: Received) -> str:
    """A record as one line for people, or as one for each outcome of feedback that is not in our schema; with colours
    that click takes out where there is no terminal."""
    value = record.value
    time = datetime.fromtimestamp(record.timestamp / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Verdict):
        return f"{time} {_verdict(value)}"
    if isinstance(value, Anomaly):
        return f"{time} {anomaly_line(value)}"
    position = f"{record.topic}/{record.partition}/{record.offset}"
    if isinstance(value, Unreadable):
        what = "not proved" if isinstance(value, Unproved) else "unreadable"
        return f"{time} {position} " + style(f"{what} ({printable(value.code)}): {printable(value.text)}", fg="red")
    if isinstance(value, ForeignFeedback):
        return "\n".join(f"{time} {position} {printable(line)}" for line in value.lines)
    if record.topic == DEAD_LETTERS.name and {"reason", "text", "origin"} <= record.headers.keys():
        return f"{time} {position} {_dead_letter(record)}"
    if record.topic == DEAD_LETTERS.name and FOUND in record.headers:
        origin, _, _ = (_text(record.headers[FOUND]) or "-").partition(" ")
        return f"{time} {position} found the recipient of {printable(origin)}"
    text = _text(value) if isinstance(value, bytes | None) else msgspec.json.encode(value).decode()
    return f"{time} {position} {printable(_text(record.key) or '-')} {printable(text or '-')}"


def _dead_letter(record: Received) -> str:
    """Why, what is wrong, where it stood, whose it is where it says so, and how it begins."""
    reason, text, origin = (printable(_text(record.headers[name]) or "-") for name in ("reason", "text", "origin"))
    value = _text(record.value)
    service = printable(read_service(record.value))
    begins = "none" if value is None else printable(value[:SHOWN]) + ("…" if len(value) > SHOWN else "")
    return f"{style(reason, fg='red')} {origin} {service or '-'} [{text}] {begins}"


def _verdict(verdict: Verdict) -> str:
    action = style(f"{verdict.action:<5}", fg=COLOURS[verdict.action], bold=True)
    who = printable(f"{verdict.service}/{verdict.id}")
    why = "; ".join(f"{rule.id}: {rule.text}" for rule in verdict.rules)
    return f"{action} {who} -> {printable(verdict.to) or '-'}" + (f"  [{printable(why)}]" if why else "")


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, Unreadable):
        return {"error": {"code": value.code, "text": value.text}, **_octets(value.octets)}
    if isinstance(value, ForeignFeedback):
        return {"events": msgspec.to_builtins(value.events), **_octets(value.octets)}
    if isinstance(value, bytes | None):
        return _octets(value)
    return {"value": msgspec.to_builtins(value)}


def _octets(value: bytes | None) -> dict[str, Any]:
    return {"value_base64": None if value is None else base64.b64encode(value).decode()}


def _text(octets: bytes | None) -> str | None:
    return None if octets is None else octets.decode("utf-8", "backslashreplace")
