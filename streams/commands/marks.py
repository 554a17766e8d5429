"""sidestep marks: what the ledger knows of a mailbox, and taking back what feedback has wrongly left there."""

import sys
import time
from collections.abc import Iterator, Sequence

import click
import msgspec

from sidestep.schemas.controls import MarkKind
from sidestep.streams.commands.desk import Desk, desk_options, login, read_subjects
from sidestep.streams.commands.options import refused_as
from sidestep.streams.decide.tables import BOUNCE_HISTORY, RecipientRow
from sidestep.streams.explain.lives import recipient_fields
from sidestep.streams.screen.marks import KINDS, marks_record, note, read_mailbox
from sidestep.streams.screen.suppressions import Target, partitions_of
from sidestep.streams.terminal import json_line, printable

LOOK = "sidestep marks show"
PROGRESS_SECONDS = 2.0


@click.group()
def marks() -> None:
    """Show what is known of a mailbox, and take back marks that should not be there.

    MAILBOX is an address, or hash:HEX@DOMAIN. Marks are what feedback leaves in its history: hard bounces, suspensions,
    complaints, opt-outs, and stray reports, which stop nothing. Suppressions and traps have commands of their own.
    """


@marks.command()
@click.argument("mailbox", metavar="MAILBOX")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@desk_options
def show(mailbox: str, as_json: bool, broker: str | None, data_dir: str | None) -> None:
    """Show the mailbox's history, as the ledger has it. Exit code 1 if there is none.

    It is read from the ledger's changelog in Kafka: all of one partition, or of one for each domain of the mailbox. A
    ledger of millions takes a minute.
    """
    desk = Desk(broker, data_dir, LOOK)
    (target,) = read_subjects([mailbox], lambda text: read_mailbox(text, desk.keys))
    found = {number: row for number in _places(target, desk) if (row := _row(desk, target, number)) is not None}
    for number, row in found.items():
        if as_json:
            click.echo(as_json_line(number, row))
        else:
            for line in described(row):
                click.echo(line)
    if not found:
        click.echo("nothing is known of this mailbox", err=as_json)
        sys.exit(1)


@marks.command()
@click.argument("mailboxes", metavar="MAILBOX…", nargs=-1, required=True)
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only these marks. Else all.")
@click.option("--reason", required=True, metavar="TEXT", help="Stands in the ledger; at most 200 characters.")
@click.option("--by", metavar="WHO", help="Who says so. Else your login name.")
@desk_options
def undo(
    mailboxes: Sequence[str],
    kinds: tuple[MarkKind, ...],
    reason: str,
    by: str | None,
    broker: str | None,
    data_dir: str | None,
) -> None:
    """Take marks of each MAILBOX back: mail goes there again as if they had not been reported."""
    from sidestep.streams.screen.operator_writer import Said

    desk = Desk(broker, data_dir, LOOK)
    found = read_subjects(mailboxes, lambda text: read_mailbox(text, desk.keys))
    # counts of a domain are taken back as well: most mail goes to gmail.com, whoever says googlemail.com
    targets = [target._replace(domain=desk.layout.key(target.domain)) for target in found]
    with refused_as():
        records = [marks_record(target, kinds, reason, by or login(), desk.now_ms) for target in targets]
    desk.write(
        [
            Said("marks", record, _places(target, desk), note(record))
            for target, record in zip(targets, records, strict=True)
        ]
    )
    count = "1 mailbox" if len(records) == 1 else f"{len(records):,} mailboxes"
    click.echo(f"marks of {count} taken back: {', '.join(kinds or KINDS)}")


def as_json_line(partition: int, row: RecipientRow) -> str:
    """What a row says, as one JSON object."""
    return json_line({"partition": partition, **msgspec.to_builtins(recipient_fields(row))})


def described(row: RecipientRow) -> Iterator[str]:
    """What a row says, a line each."""
    for name, value in recipient_fields(row).items():
        yield f"{name:<16}  {printable(_said(value))}"


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _places(target: Target, desk: Desk) -> list[int]:
    return partitions_of(target, desk.layout, len(desk.partitions))


def _row(desk: Desk, target: Target, partition: int) -> RecipientRow | None:
    """The last that the changelog says of it, by its present key or by that under the former secret."""
    from sidestep.streams.runtime.to_the_end import read_to_end
    from sidestep.topics.catalog import LEDGER_CHANGELOG

    keys = [BOUNCE_HISTORY.prefix + key for key in (target.recipient_key, target.former_key) if key]
    values: dict[bytes, bytes | None] = {}
    tell = time.monotonic() + PROGRESS_SECONDS
    topic = LEDGER_CHANGELOG.name
    for number, record in enumerate(read_to_end(desk.connection, topic, (partition,), f"recover-{topic}")):
        if (key := record.key()) in keys:
            values[key] = record.value()
        if time.monotonic() >= tell:
            tell = time.monotonic() + PROGRESS_SECONDS
            click.echo(f"{topic}/{partition}: {number:,} records read", err=True)
    found = [value for key in keys if (value := values.get(key))]
    return BOUNCE_HISTORY.decode(found[0]) if found else None
