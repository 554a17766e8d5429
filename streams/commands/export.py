"""sidestep export: gives a person what is known of them, in one file."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import to_builtins

from sidestep.streams.commands.copy_progress import copy_progress, summed
from sidestep.streams.commands.desk import Desk, desk_options, read_subjects
from sidestep.streams.explain.lives import recipient_fields
from sidestep.streams.screen.marks import read_mailbox
from sidestep.streams.screen.suppressions import Target
from sidestep.streams.terminal import printable

if TYPE_CHECKING:  # they bring Kafka, which --help does without
    from sidestep.streams.personal.handover import Handover
    from sidestep.streams.personal.person import Form
    from sidestep.topics.replay_codec import StoredRecord

LOOK = "sidestep export"


@click.command()
@click.argument("mailbox", metavar="ADDRESS")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A new file, open to its owner alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@desk_options
def export(mailbox: str, out: Path | None, as_json: bool, broker: str | None, data_dir: str | None) -> None:
    """Write what is known of ADDRESS: its history in words, what people have said of it, every record about it.

    All topics are read. Other people's addresses in the records lose their local parts, so that the file can be handed
    over. Make sure first that whoever asks is the person.
    """
    from sidestep.streams.personal.handover import as_json_lines, as_lines

    desk = Desk(broker, data_dir, LOOK)
    (target,) = read_subjects([mailbox], lambda text: read_mailbox(text, desk.keys))
    known = _known(desk, mailbox, target)
    lines = as_json_lines(known) if as_json else as_lines(known)
    if out is None:
        for line in lines:
            click.echo(line)
        return
    _write(out, lines)
    click.echo(f"{len(known.records):,} records are in {printable(str(out))}")


def _known(desk: Desk, text: str, target: Target) -> "Handover":
    from sidestep.streams.personal.found import TopicTraces
    from sidestep.streams.personal.handover import Handover, PersonalRecord, personal_record
    from sidestep.streams.personal.person import Person
    from sidestep.streams.personal.proof import ErasureProof
    from sidestep.streams.personal.traces import kept_topics, readings, traces

    person, records, found = Person.of(text, target), list[PersonalRecord](), list[TopicTraces]()
    wanted = readings(desk.connection, kept_topics(desk.connection))
    with copy_progress("reading", sum(each.records for each in wanted)) as show:
        told = summed(show)
        for each in wanted:
            plain, compacted = each.topic.addresses, each.topic.compacted

            def take(record: "StoredRecord", form: "Form", plain: bool = plain, compacted: bool = compacted) -> None:
                if not compacted:  # rows and notes are told in words
                    records.append(personal_record(record, form, person, plain))

            found.append(traces(each, person, told, take))
    rows = [_row(row) for row in ErasureProof(found, desk.now_ms).rows if not row.note]
    return Handover(text, desk.now_ms, rows, _said(desk, target), sorted(records, key=lambda it: it.at_ms))


def _row(held: object) -> dict[str, object]:
    from sidestep.streams.personal.rows import HeldRow

    assert isinstance(held, HeldRow)
    if held.row is None:
        return {"row of": held.table}
    fields: dict[str, object] = to_builtins(recipient_fields(held.row))
    return fields


def _said(desk: Desk, target: Target) -> list[dict[str, str]]:
    """Suppressions and known traps, in force or not, as the notes have them."""
    import msgspec

    from sidestep.streams.screen.erasures import notes_about

    found: list[dict[str, str]] = []
    for key in notes_about(target, desk.notes):
        note = msgspec.json.decode(desk.notes[key])
        found.append({"what": key.partition("/")[0], **{name: str(note.get(name, "")) for name in ("by", "reason")}})
    return found


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.BadParameter(printable(f"{path}: {error.strerror}"), param_hint="--out") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
