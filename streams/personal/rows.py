"""Rows of the ledgers that hold a person, and notes in email-control: which may stay. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from sidestep.streams.decide.erasure import stops_mail_alone
from sidestep.streams.decide.tables import BOUNCE_HISTORY, TABLES, RecipientRow
from sidestep.streams.personal.found import TopicTraces
from sidestep.streams.watch.tables import INCIDENTS, WINDOWS
from sidestep.topics.catalog import CONTROL, LEDGER_CHANGELOG, WATCH_CHANGELOG

WATCH_TABLES = (WINDOWS, INCIDENTS)
"""Those of Watch that may hold a mailbox: it was bombed."""


@dataclass(frozen=True)
class HeldRow:
    """A row or a note that holds a person, as the changelog has it last."""

    topic: str
    partition: int
    table: str
    stops_mail: bool
    """It says no more than that no mail is to go there, and why: it may stay."""
    row: RecipientRow | None = None
    """Where it is that of the person."""
    note: str = ""
    """Key of a note."""


def held_rows(found: TopicTraces) -> Iterator[HeldRow]:
    """The rows of a ledger, or the notes, among what was found in its topic."""
    for (partition, key), value in found.live.items():
        if found.topic.name == CONTROL.name:
            yield HeldRow(CONTROL.name, partition, "note", True, note=key.decode("utf-8", "replace"))
        elif found.topic.name in (LEDGER_CHANGELOG.name, WATCH_CHANGELOG.name):
            yield _row(found.topic.name, partition, key, value)


def _row(topic: str, partition: int, key: bytes, value: bytes) -> HeldRow:
    tables = TABLES if topic == LEDGER_CHANGELOG.name else WATCH_TABLES
    name = next((table.name for table in tables if key.startswith(table.prefix)), "unknown")
    if name != BOUNCE_HISTORY.name:
        return HeldRow(topic, partition, name, False)
    try:
        row = BOUNCE_HISTORY.decode(value)
    except msgspec.MsgspecError:
        return HeldRow(topic, partition, name, False)
    return HeldRow(topic, partition, name, stops_mail_alone(row), row)
