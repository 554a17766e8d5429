"""sidestep suppress: addresses and domains to which no more mail goes, because somebody says so."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from sidestep.schemas import SuppressRecord
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
from sidestep.streams.screen.holds import later_ms, rfc3339
from sidestep.streams.screen.subject_lists import Line
from sidestep.streams.screen.suppressions import (
    KEY,
    Suppression,
    Target,
    as_json,
    in_force,
    lift_record,
    note,
    partitions_of,
    read_subject,
    suppress_record,
)
from sidestep.streams.terminal import printable

if TYPE_CHECKING:
    from sidestep.streams.screen.operator_writer import Said

LOOK = "sidestep suppress list"


@click.group()
def suppress() -> None:
    """Stop all mail to addresses and domains by hand, list and remove that.

    SUBJECT is an address, a domain, or hash:HEX@DOMAIN as `list` shows it: no address is kept anywhere, only its keyed
    hash. Intents to it are dropped by the rule `suppressed`, unless the policy has another mode for that.
    """


@suppress.command()
@click.argument("subjects", metavar="SUBJECT…", nargs=-1, required=True)
@click.option("--reason", required=True, metavar="TEXT", help="Stands in each verdict; at most 200 characters.")
@click.option("--until", metavar="T", default="", help="3d, 12w from now, or 2027-10-01T08:00:00Z; else for good.")
@click.option("--by", metavar="WHO", help="Who says so; stands in each verdict. Else your login name.")
@desk_options
def add(
    subjects: Sequence[str], reason: str, until: str, by: str | None, broker: str | None, data_dir: str | None
) -> None:
    """Stop all mail to each SUBJECT from now on; what was said of it before is replaced."""
    lines = [Line(number, subject, reason, until, by or "") for number, subject in enumerate(subjects, start=1)]
    _stop(Desk(broker, data_dir, LOOK), lines, reason, until, by or login(), where="")


@suppress.command()
@click.argument("subjects", metavar="SUBJECT…", nargs=-1, required=True)
@click.option("--by", metavar="WHO", help="Who says so. Else your login name.")
@desk_options
def remove(subjects: Sequence[str], by: str | None, broker: str | None, data_dir: str | None) -> None:
    """Let mail to each SUBJECT through again; whatever else is known of it still counts. Exit code 1 if none of them
    was suppressed."""
    desk = Desk(broker, data_dir, LOOK)
    targets = read_subjects(subjects, lambda text: read_subject(text, desk.keys))
    with refused_as("--by"):
        records = [lift_record(target, by or login(), desk.now_ms) for target in targets]
    desk.write([_said(desk, *each) for each in zip(targets, records, strict=True)])
    tell_taken_back(subjects, targets, {each.subject for each in in_force(desk.notes, desk.now_ms)}, "suppressed")


@suppress.command("list")
@click.argument("subjects", metavar="[SUBJECT…]", nargs=-1)
@click.option("--json", "json_lines", is_flag=True, help="A JSON object a line, as `import` reads them.")
@desk_options
def list_suppressions(subjects: Sequence[str], json_lines: bool, broker: str | None, data_dir: str | None) -> None:
    """Show what is suppressed, the latest first; of SUBJECTs only those. Exit code 1 if there is none of them."""
    desk = Desk(broker, data_dir, LOOK)
    found = in_force(desk.notes, desk.now_ms)
    if subjects:
        targets = read_subjects(subjects, lambda text: read_subject(text, desk.keys))
        wanted = {text for target in targets for text in target.texts}
        found = [each for each in found if each.subject in wanted]
    for line in map(as_json, found) if json_lines else _table(found):
        click.echo(line)
    if subjects and not found:
        sys.exit(1)


@suppress.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--reason", default="imported", show_default=True, metavar="TEXT", help="For lines that give none.")
@click.option("--until", metavar="T", default="", help="For lines that give none; else for good.")
@click.option("--by", metavar="WHO", help="For lines that give none. Else your login name.")
@desk_options
def import_list(
    file: TextIO, reason: str, until: str, by: str | None, broker: str | None, data_dir: str | None
) -> None:
    """Stop all mail to those in FILE (- for standard input).

    A SUBJECT a line, CSV with a heading (subject, address, email, recipient or domain; reason, until, by), or JSON
    lines as `list --json` and `export` write them. If a line can't be read, nothing is written at all.
    """
    lines = read_file(file)
    _stop(Desk(broker, data_dir, LOOK), lines, reason, until, by or login(), where=f"{file.name}: line ")


@suppress.command()
@desk_options
def export(broker: str | None, data_dir: str | None) -> None:
    """Write all that is suppressed to standard output, as JSON lines that `import` reads."""
    desk = Desk(broker, data_dir, LOOK)
    for found in in_force(desk.notes, desk.now_ms):
        click.echo(as_json(found))


def _stop(desk: Desk, lines: Sequence[Line], reason: str, until: str, by: str, where: str) -> None:
    """Write what the lines say; what a line leaves open is given."""

    def said(line: Line) -> tuple[Target, SuppressRecord]:
        subject = read_subject(line.subject, desk.keys)
        end = later_ms(line.until or until, desk.now_ms) if line.until or until else 0
        return subject, suppress_record(subject, end, line.reason or reason, line.by or by, desk.now_ms)

    records = read_all(lines, said, where)
    desk.write([_said(desk, *each) for each in records])
    click.echo(f"no more mail goes to {counted(len(records))}")


def _said(desk: Desk, subject: Target, record: SuppressRecord) -> "Said":
    from sidestep.streams.screen.operator_writer import Said

    kept, gone = note(subject, record, desk.secret), [KEY + text for text in subject.texts[1:]]
    return Said("suppress", record, partitions_of(subject, desk.layout, len(desk.partitions)), kept, gone)


def _table(found: Sequence[Suppression]) -> Iterator[str]:
    if not found:
        yield "nothing is suppressed"
        return
    width, by = (
        max(len(name), *(len(getattr(it, key)) for it in found)) for name, key in (("what", "subject"), ("by", "by"))
    )
    yield f"{'what':<{width}}  {'since':<20}  {'until':<20}  {'by':<{by}}  reason"
    for it in found:
        until = rfc3339(it.until) if it.until else "for good"
        times = f"{rfc3339(it.at):<20}  {until:<20}"
        yield f"{printable(it.subject):<{width}}  {times}  {printable(it.by):<{by}}  {printable(it.reason)}"
