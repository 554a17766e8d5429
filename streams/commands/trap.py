"""sidestep trap: addresses and domains that are spam traps, because somebody knows it."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from sidestep.schemas import TrapRecord
from sidestep.streams.commands.desk import (
    Desk,
    counted,
    desk_options,
    login,
    read_all,
    read_file,
    read_subjects,
    tell_taken_back,
)
from sidestep.streams.commands.options import refused_as
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.subject_lists import Line
from sidestep.streams.screen.traps import (
    KnownTrap,
    as_json,
    hit_ms,
    known_traps,
    no_trap_record,
    note,
    other_notes,
    places_of,
    read_trap,
    target_of,
    trap_record,
)
from sidestep.streams.terminal import printable

if TYPE_CHECKING:
    from sidestep.streams.screen.operator_writer import Said

LOOK = "sidestep trap list"


@click.group()
def trap() -> None:
    """Report spam traps that somebody knows, list them, and take a mistake back.

    SUBJECT is an address, a domain, or Sidestep's own key of a mailbox: hash:HEX@DOMAIN or hash:HEX as `list` shows it,
    or recipient_key as email-evidence has it. Intents to it are dropped by the rule `known-trap`, and the source that
    brought the address counts one trap more. Other hashes of addresses (MD5, SHA-256) belong into a feed.
    """


@trap.command()
@click.argument("subjects", metavar="SUBJECT…", nargs=-1, required=True)
@click.option("--reason", default="", metavar="TEXT", help="Stands in each verdict; at most 200 characters.")
@click.option("--hit-at", metavar="T", default="", help="When a message hit it: 2026-10-01, or with a time.")
@click.option("--by", metavar="WHO", help="Who knows it; stands in each verdict. Else your login name.")
@desk_options
def report(
    subjects: Sequence[str], reason: str, hit_at: str, by: str | None, broker: str | None, data_dir: str | None
) -> None:
    """Make each SUBJECT a known trap, for good. Who reported it first stays; a later hit is noted."""
    lines = [Line(number, subject) for number, subject in enumerate(subjects, start=1)]
    _report(Desk(broker, data_dir, LOOK), lines, Line(0, "", reason, by=by or login(), hit_at=hit_at), where="")


@trap.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--reason", default="", metavar="TEXT", help="For lines that give none.")
@click.option("--hit-at", metavar="T", default="", help="For lines that give none.")
@click.option("--by", metavar="WHO", help="For lines that give none. Else your login name.")
@desk_options
def import_traps(
    file: TextIO, reason: str, hit_at: str, by: str | None, broker: str | None, data_dir: str | None
) -> None:
    """Make those in FILE (- for standard input) known traps.

    A SUBJECT a line, CSV with a heading (subject, address, email, recipient, domain or hash; reason, hit_at, by), or
    JSON lines as `list --json` writes them. If lines can't be read, each is named and nothing is written at all.
    """
    lines = read_file(file)
    given = Line(0, "", reason, by=by or login(), hit_at=hit_at)
    _report(Desk(broker, data_dir, LOOK), lines, given, where=f"{file.name}: line ")


@trap.command()
@click.argument("subjects", metavar="SUBJECT…", nargs=-1, required=True)
@click.option("--by", metavar="WHO", help="Who says so. Else your login name.")
@desk_options
def remove(subjects: Sequence[str], by: str | None, broker: str | None, data_dir: str | None) -> None:
    """Say that each SUBJECT is no trap: it was a mistake. Whatever else is known of it still counts. Exit code 1 if
    none of them was taken for one."""
    desk = Desk(broker, data_dir, LOOK)
    targets = read_subjects(subjects, lambda text: read_trap(text, desk.keys))
    with refused_as("--by"):
        records = [no_trap_record(target, by or login(), desk.now_ms) for target in targets]
    desk.write([_said(desk, record) for record in records])
    tell_taken_back(subjects, targets, {each.subject for each in known_traps(desk.notes)}, "taken for a trap")


@trap.command("list")
@click.argument("subjects", metavar="[SUBJECT…]", nargs=-1)
@click.option("--json", "json_lines", is_flag=True, help="A JSON object a line, as `import` reads them.")
@desk_options
def list_traps(subjects: Sequence[str], json_lines: bool, broker: str | None, data_dir: str | None) -> None:
    """Show the known traps, the latest first; of SUBJECTs only those. Exit code 1 if there is none of them."""
    desk = Desk(broker, data_dir, LOOK)
    found = known_traps(desk.notes)
    if subjects:
        targets = read_subjects(subjects, lambda text: read_trap(text, desk.keys))
        wanted = {text for target in targets for text in target.texts}
        found = [each for each in found if each.subject in wanted]
    for line in map(as_json, found) if json_lines else _table(found):
        click.echo(line)
    if subjects and not found:
        sys.exit(1)


def _report(desk: Desk, lines: Sequence[Line], given: Line, where: str) -> None:
    """Write what the lines say; what a line leaves open is given."""

    def said(line: Line) -> TrapRecord:
        hit_at = hit_ms(line.hit_at or given.hit_at, desk.now_ms)
        target = read_trap(line.subject, desk.keys)
        return trap_record(target, line.by or given.by, line.reason or given.reason, hit_at, desk.now_ms)

    records = read_all(lines, said, where)
    desk.write([_said(desk, record) for record in records])
    click.echo(f"no more mail goes to {counted(len(records))}: known as traps from now on")
    click.echo("which source brought them, Decide knows: see `sidestep anomalies`, or the next verdict of `known-trap`")


def _said(desk: Desk, record: TrapRecord) -> "Said":
    from sidestep.streams.screen.operator_writer import Said

    places = places_of(target_of(record), desk.layout, len(desk.partitions))
    return Said("trap", record, places, note(record, desk.secret), other_notes(record))


def _table(found: Sequence[KnownTrap]) -> Iterator[str]:
    if not found:
        yield "no traps are known"
        return
    width, by = (
        max(len(name), *(len(getattr(it, key)) for it in found)) for name, key in (("what", "subject"), ("by", "by"))
    )
    yield f"{'what':<{width}}  {'since':<20}  {'hit':<20}  {'by':<{by}}  reason"
    for it in found:
        times = f"{rfc3339(it.at):<20}  {rfc3339(it.hit_at) if it.hit_at else '-':<20}"
        yield f"{printable(it.subject):<{width}}  {times}  {printable(it.by):<{by}}  {printable(it.reason)}".rstrip()
