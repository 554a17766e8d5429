"""sidestep dead-letters quarantine: producers that send mostly what can't be read; releasing one."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from sidestep.streams.commands.options import broker_option
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.quarantine_notes import QuarantineNote, key_of, quarantined
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line, printable

if TYPE_CHECKING:  # it brings Kafka, which --help does without
    from sidestep.topics.connection import Connection


@click.group()
def quarantine() -> None:
    """Show producers in quarantine, and release them once they are mended.

    Most of what they sent could not be read. It goes to the dead letters as ever, but at a bounded rate: beyond it one
    letter names many records, which stay in their topic. All else goes on; it lasts until somebody releases them.
    """


@quarantine.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a producer; times in Unix seconds.")
@broker_option
def list_quarantined(as_json: bool, broker: str | None) -> None:
    """Show who is in quarantine, since when, and with which record it was too much."""
    notes = _read(load(broker=broker).connection)
    for line in map(_as_json, notes) if as_json else _as_table(notes):
        click.echo(line)


@quarantine.command()
@click.argument("producer")
@broker_option
def release(producer: str, broker: str | None) -> None:
    """Release PRODUCER, as `list` calls it: TOPIC/SERVICE, or TOPIC/PARTITION. Workers follow within ten seconds."""
    connection = load(broker=broker).connection
    found = [note for note in _read(connection) if str(note.producer) == producer]
    if not found:
        raise click.ClickException(f"{printable(producer)} is not in quarantine")
    asyncio.run(_remove(connection, found))
    click.echo(f"{printable(producer)} is released")


def _read(connection: "Connection") -> list[QuarantineNote]:
    from sidestep.streams.screen.control import read_notes

    return list(quarantined(read_notes(connection)))


async def _remove(connection: "Connection", notes: list[QuarantineNote]) -> None:
    from sidestep.streams.runtime.outgoing import Outgoing
    from sidestep.streams.runtime.publisher import Publisher
    from sidestep.topics.catalog import CONTROL

    publisher = Publisher(connection, "sidestep-quarantine")
    try:
        await publisher.send(
            Outgoing({(CONTROL.name, 0): [{"key": key_of(note.producer), "value": None} for note in notes]})
        )
    finally:
        await publisher.close()


def _as_json(note: QuarantineNote) -> str:
    return json_line(
        {
            "producer": str(note.producer),
            "topic": note.topic,
            "service": note.service,
            "since": note.since / 1000,
            "place": note.place,
            "text": note.text,
        }
    )


def _as_table(notes: list[QuarantineNote]) -> Iterator[str]:
    if not notes:
        yield "nobody is in quarantine"
        return
    names = [printable(str(note.producer)) for note in notes]
    places = [printable(note.place) for note in notes]
    width, place_width = max(len("producer"), *map(len, names)), max(len("record"), *map(len, places))
    yield f"{'producer':<{width}}  {'since':<20}  {'record':<{place_width}}  what is wrong"
    for note, name, place in zip(notes, names, places, strict=True):
        yield f"{name:<{width}}  {rfc3339(note.since):<20}  {place:<{place_width}}  {printable(note.text)}"
