"""What is known of a person, as a file that can be handed over: no other person's address is in it. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidestep.streams.personal.person import Form, Person
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.terminal import json_line, printable
from sidestep.topics.replay_codec import StoredRecord, said_octets


@dataclass(frozen=True)
class PersonalRecord:
    """A record that concerns the person. `text`: what it says; empty: counts of many, in which only the hash stands."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    text: str
    error: str = ""
    """Why it could not be read, where it could not."""


@dataclass(frozen=True)
class Handover:
    """All of it. `rows`: what the ledgers say, by name, in words; `said`: what people have said of the address."""

    address: str
    made_ms: int
    rows: Sequence[dict[str, object]]
    said: Sequence[dict[str, str]]
    records: Sequence[PersonalRecord]


def personal_record(record: StoredRecord, form: Form, person: Person, addresses: bool) -> PersonalRecord:
    """`addresses`: of a topic in which addresses stand in plain form."""
    text = ""
    if addresses or form == "address":
        value = said_octets(record.value)
        text = person.alone(value if isinstance(value, str) else json.dumps(value))
    error = "".join((value or b"").decode("utf-8", "replace") for name, value in record.headers if name == "text")
    return PersonalRecord(
        record.topic, record.partition, record.offset, record.timestamp or 0, text, person.alone(error)
    )


def as_lines(known: Handover) -> Iterator[str]:
    """For people."""
    yield f"What is kept of {printable(known.address)}, on {rfc3339(known.made_ms)}"
    yield ""
    yield "What is known of the mailbox (kept by a keyed hash, not by the address):"
    for row in known.rows:
        yield from (f"  {name:<16}  {_value(value)}" for name, value in row.items())
    yield from [] if known.rows else ["  nothing"]
    yield ""
    yield "What people have said of the address:"
    for said in known.said:
        yield "  " + "  ".join(printable(f"{name}: {value}") for name, value in said.items() if value)
    yield from [] if known.said else ["  nothing"]
    yield ""
    yield f"Records that concern it, {len(known.records):,}:"
    for record in known.records:
        yield f"  {rfc3339(record.at_ms)}  {record.topic}/{record.partition}/{record.offset}"
        yield f"    {printable(record.text) or 'counts of many messages, in which only the keyed hash stands'}"
        yield from [f"    could not be read: {printable(record.error)}"] if record.error else []


def as_json_lines(known: Handover) -> Iterator[str]:
    """For programs, an object a line; times are Unix seconds."""
    yield json_line({"kind": "about", "address": known.address, "made_at": known.made_ms / 1000})
    for row in known.rows:
        yield json_line({"kind": "row"} | row)
    for said in known.said:
        yield json_line({"kind": "said"} | said)
    for record in known.records:
        yield json_line(
            {
                "kind": "record",
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "at": record.at_ms / 1000,
                "text": record.text,
                "error": record.error,
            }
        )


def _value(value: object) -> str:
    return printable(", ".join(map(str, value)) if isinstance(value, list) else str(value))
