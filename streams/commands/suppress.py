"""sidestep suppress: addresses and domains to which no more mail goes, because somebody says so."""

import getpass
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO, TypeVar

import click

from sidestep.schemas import SuppressRecord
from sidestep.streams.commands.options import broker_option
from sidestep.streams.errors import HashKeyMismatch
from sidestep.streams.screen.hash_key import known_hash_key
from sidestep.streams.screen.holds import later_ms, rfc3339
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.suppression_lists import Line, as_json, read_lines
from sidestep.streams.screen.suppressions import (
    Suppression,
    Target,
    in_force,
    lift_record,
    note,
    partitions_of,
    read_subject,
    suppress_record,
)
from sidestep.streams.settings import Settings, load
from sidestep.streams.terminal import printable

F = TypeVar("F", bound=Callable[..., object])
FAULTS_SHOWN = 20
PROGRESS_SECONDS = 2.0


def _where(function: F) -> F:
    """Adds --broker and --data-dir."""
    return broker_option(
        click.option(
            "--data-dir",
            metavar="DIR",
            envvar="SIDESTEP_DATA_DIR",
            help="Data folder of a Screen worker, for its hash-key; or give SIDESTEP_HASH_KEY.",
        )(function)
    )


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
@_where
def add(
    subjects: Sequence[str], reason: str, until: str, by: str | None, broker: str | None, data_dir: str | None
) -> None:
    """Stop all mail to each SUBJECT from now on; what was said of it before is replaced."""
    lines = [Line(number, subject, reason, until, by or "") for number, subject in enumerate(subjects, start=1)]
    _Desk(load(broker=broker, data_dir=data_dir)).stop(lines, reason, until, by or _login(), where="")


@suppress.command()
@click.argument("subjects", metavar="SUBJECT…", nargs=-1, required=True)
@click.option("--by", metavar="WHO", help="Who says so. Else your login name.")
@_where
def remove(subjects: Sequence[str], by: str | None, broker: str | None, data_dir: str | None) -> None:
    """Let mail to each SUBJECT through again; whatever else is known of it still counts."""
    _Desk(load(broker=broker, data_dir=data_dir)).lift(subjects, by or _login())


@suppress.command("list")
@click.argument("subjects", metavar="[SUBJECT…]", nargs=-1)
@click.option("--json", "json_lines", is_flag=True, help="A JSON object a line, as `import` reads them.")
@_where
def list_suppressions(subjects: Sequence[str], json_lines: bool, broker: str | None, data_dir: str | None) -> None:
    """Show what is suppressed, the latest first; of SUBJECTs only those. Exit code 1 if there is none of them."""
    desk = _Desk(load(broker=broker, data_dir=data_dir))
    found = in_force(desk.notes, desk.now_ms)
    if subjects:
        wanted = {subject.text for subject in desk.subjects(subjects)}
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
@_where
def import_list(
    file: TextIO, reason: str, until: str, by: str | None, broker: str | None, data_dir: str | None
) -> None:
    """Stop all mail to those in FILE (- for standard input).

    A SUBJECT a line, CSV with a heading (subject, address, email, recipient or domain; reason, until, by), or JSON
    lines as `list --json` and `export` write them. If a line can't be read, nothing is written at all.
    """
    try:
        lines = list(read_lines(file))
    except (ValueError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file.name}: {printable(str(error))}") from None
    _Desk(load(broker=broker, data_dir=data_dir)).stop(
        lines, reason, until, by or _login(), where=f"{file.name}: line "
    )


@suppress.command()
@_where
def export(broker: str | None, data_dir: str | None) -> None:
    """Write all that is suppressed to standard output, as JSON lines that `import` reads."""
    desk = _Desk(load(broker=broker, data_dir=data_dir))
    for found in in_force(desk.notes, desk.now_ms):
        click.echo(as_json(found))


class _Desk:
    """Where operators' words become records: the cluster's topics and notes, the keys, the time."""

    def __init__(self, settings: Settings):
        from sidestep.streams.screen.control import read_notes
        from sidestep.topics.catalog import CONTROL, EVIDENCE
        from sidestep.topics.cluster import admin_client, require

        self._settings = settings
        connection = settings.connection
        topics = require(admin_client(connection), connection, [EVIDENCE.name, CONTROL.name])
        self._partitions = sorted(topics[EVIDENCE.name].partitions)
        self.notes = read_notes(connection)
        self.now_ms = int(time.time() * 1000)
        self._keys = _keys(settings, self.notes)

    def subjects(self, texts: Sequence[str]) -> list[Target]:
        """What people have typed, read. Raises click.BadParameter."""
        try:
            return [read_subject(text, self._keys) for text in texts]
        except ValueError as error:
            raise click.BadParameter(printable(str(error)), param_hint="SUBJECT") from None

    def stop(self, lines: Sequence[Line], reason: str, until: str, by: str, where: str) -> None:
        """Write what the lines say; what a line leaves open is given. Raises click.ClickException, and writes nothing,
        if one of them can't be."""
        said, faults = [], []
        for line in lines:
            try:
                said.append(self._stop(line, reason, until, by))
            except ValueError as error:
                faults.append(f"{where}{line.number}: {error}" if where else str(error))
        if faults:
            shown = [printable(fault) for fault in faults[:FAULTS_SHOWN]]
            more = [f"… and {len(faults) - FAULTS_SHOWN} more"] if len(faults) > FAULTS_SHOWN else []
            raise click.ClickException("nothing was written:\n  " + "\n  ".join([*shown, *more]))
        self._write(said)
        click.echo(f"no more mail goes to {_counted(len(said))}")

    def lift(self, texts: Sequence[str], by: str) -> None:
        """Write that these are no longer suppressed. Raises click.BadParameter."""
        subjects = self.subjects(texts)
        try:
            records = [lift_record(subject, by, self.now_ms) for subject in subjects]
        except ValueError as error:
            raise click.BadParameter(printable(str(error)), param_hint="--by") from None
        self._write(list(zip(subjects, records, strict=True)))
        click.echo(f"{_counted(len(subjects))} no longer suppressed")

    def _stop(self, line: Line, reason: str, until: str, by: str) -> tuple[Target, SuppressRecord]:
        subject = read_subject(line.subject, self._keys)
        end = later_ms(line.until or until, self.now_ms) if line.until or until else 0
        return subject, suppress_record(subject, end, line.reason or reason, line.by or by, self.now_ms)

    def _write(self, said: Sequence[tuple[Target, SuppressRecord]]) -> None:
        from sidestep.streams.runtime.failpoints import from_environment
        from sidestep.streams.screen.operator_writer import OperatorWriter, Said

        count = len(self._partitions)
        records = [
            Said("suppress", record, partitions_of(subject, count), note(subject, record)) for subject, record in said
        ]
        settings, look = self._settings, "sidestep suppress list"
        writer = OperatorWriter(settings.connection, settings.group, self._partitions, look, from_environment())
        writer.write(records, _Progress(len(records)))


class _Progress:
    """A line now and then on stderr, for what takes long."""

    def __init__(self, total: int):
        self._total = total
        self._next = time.monotonic() + PROGRESS_SECONDS

    def __call__(self, done: int) -> None:
        if time.monotonic() >= self._next and done < self._total:
            self._next = time.monotonic() + PROGRESS_SECONDS
            click.echo(f"{done:,} of {self._total:,}", err=True)


def _keys(settings: Settings, notes: dict[str, bytes]) -> Keys | None:
    """None where no hash key is given. Raises HashKeyMismatch for one that recipients are not keyed with."""
    from sidestep.streams.screen.control import written_kinds

    secret = known_hash_key(settings)
    if secret is None:
        return None
    keys = Keys(secret)
    written = written_kinds(notes).get("hash-key")
    if written is not None and written.version != keys.fingerprint:
        raise HashKeyMismatch(
            "this hash key is not the one that the Screen workers of this cluster use: what is suppressed with it "
            "stops nobody. Give the same SIDESTEP_HASH_KEY, or --data-dir with the data folder of one of them."
        )
    return keys


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise click.UsageError("say who you are: --by WHO") from None


def _counted(count: int) -> str:
    return "1 address or domain" if count == 1 else f"{count:,} addresses and domains"


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
        yield f"{it.subject:<{width}}  {times}  {printable(it.by):<{by}}  {printable(it.reason)}"
