"""The desk where operators' words about addresses and domains become records: the cluster's topics and notes, the hash
key, the time; for sidestep suppress and sidestep trap."""

import getpass
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

from sidestep.streams.commands.options import broker_option, refused_as
from sidestep.streams.errors import HashKeyMismatch, PartitionsChanged
from sidestep.streams.partition_note import GROWING, begun_with, is_draining, misfit
from sidestep.streams.screen.hash_key import former_hash_key, known_hash_key
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.log_layout import layout_of
from sidestep.streams.screen.subject_lists import Line, read_lines
from sidestep.streams.screen.suppressions import Target
from sidestep.streams.settings import Settings, load
from sidestep.streams.terminal import printable

if TYPE_CHECKING:  # it brings Kafka, which --help does without
    from sidestep.streams.screen.control import Written
    from sidestep.streams.screen.operator_writer import Said

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
FAULTS_SHOWN = 20
PROGRESS_SECONDS = 2.0


def desk_options(function: F) -> F:
    """Adds --broker and --data-dir."""
    return broker_option(
        click.option(
            "--data-dir",
            metavar="DIR",
            envvar="SIDESTEP_DATA_DIR",
            help="Data folder of a Screen worker, for its hash-key; or give SIDESTEP_HASH_KEY (or _FILE).",
        )(function)
    )


class Desk:
    """`look`: how people find out what counts, such as `sidestep suppress list`."""

    def __init__(self, broker: str | None, data_dir: str | None, look: str):
        from sidestep.streams.screen.control import read_notes, written_kinds
        from sidestep.topics.catalog import CONTROL, EVIDENCE
        from sidestep.topics.cluster import admin_client, require

        self.settings = settings = load(broker=broker, data_dir=data_dir)
        self._look = look
        connection = settings.connection
        topics = require(admin_client(connection), connection, [EVIDENCE.name, CONTROL.name])
        self.partitions = sorted(topics[EVIDENCE.name].partitions)
        self.notes = read_notes(connection)
        if found := misfit(begun_with(self.notes), {EVIDENCE.name: len(self.partitions)}):
            raise PartitionsChanged(found)
        if is_draining(begun_with(self.notes), {EVIDENCE.name: len(self.partitions)}):
            raise PartitionsChanged(GROWING)
        self.connection = connection
        self.now_ms = int(time.time() * 1000)
        written = written_kinds(self.notes).get("hash-key")
        self.keys = _keys(settings, written)
        self.layout = layout_of(self.notes)
        self.secret = self.keys.fingerprint if self.keys is not None else written.version if written is not None else ""
        """Fingerprint of the secret that what is said is keyed with; empty: nobody has one yet."""

    def write(self, said: Sequence["Said"]) -> None:
        """All of it, two thousand at a time. Raises SidestepError."""
        from sidestep.streams.runtime.failpoints import from_environment
        from sidestep.streams.screen.operator_writer import OperatorWriter

        settings = self.settings
        writer = OperatorWriter(settings.connection, settings.group, self.partitions, self._look, from_environment())
        writer.write(said, _Progress(len(said)))


def read_subjects(texts: Iterable[str], read: Callable[[str], T]) -> list[T]:
    """What people have typed, read. Raises click.BadParameter."""
    with refused_as("SUBJECT"):
        return [read(text) for text in texts]


def read_file(file: TextIO) -> list[Line]:
    """The lines of a list. Raises click.ClickException."""
    try:
        return list(read_lines(file))
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name} is not UTF-8 ({error.reason}): save it as that") from None
    except ValueError as error:
        raise click.ClickException(f"{file.name}: {printable(str(error))}") from None


def read_all(lines: Iterable[Line], read: Callable[[Line], T], where: str) -> list[T]:
    """What each line says. Raises click.ClickException with every fault, so that nothing of a list is written or lost
    unnoticed; `where`: what stands before a line's number, empty for what was typed."""
    said, faults = [], []
    for line in lines:
        try:
            said.append(read(line))
        except ValueError as error:
            faults.append(f"{where}{line.number}: {error}" if where else str(error))
    if faults:
        shown = [printable(fault) for fault in faults[:FAULTS_SHOWN]]
        more = [f"… and {len(faults) - FAULTS_SHOWN} more"] if len(faults) > FAULTS_SHOWN else []
        raise click.ClickException("nothing was written:\n  " + "\n  ".join([*shown, *more]))
    return said


def tell_taken_back(typed: Sequence[str], targets: Sequence[Target], noted: Collection[str], state: str) -> None:
    """Say of how many something was taken back, and of which there was nothing: a slip of the keyboard must not look
    like a success. `noted`: subjects of which something was said until now; `state`: what they were, for people. Leaves
    with 1 if there was nothing at all."""
    stood = [not {*target.texts, Target("", target.recipient_key).text}.isdisjoint(noted) for target in targets]
    if any(stood):
        click.echo(f"{counted(sum(stood))} no longer {state}")
    for text, target, found in zip(typed, targets, stood, strict=True):
        if not found:
            rest = f"; all of {target.domain} is, and stays so" if target.domain in noted else ""
            click.echo(printable(f"{text.strip()} was not {state}{rest}"))
    if not any(stood):
        sys.exit(1)


def login() -> str:
    """Who says so. Raises click.UsageError."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise click.UsageError("say who you are: --by WHO") from None


def counted(count: int) -> str:
    """As people say it."""
    return "1 address or domain" if count == 1 else f"{count:,} addresses and domains"


class _Progress:
    """A line now and then on stderr, for what takes long."""

    def __init__(self, total: int):
        self._total = total
        self._next = time.monotonic() + PROGRESS_SECONDS

    def __call__(self, done: int) -> None:
        if time.monotonic() >= self._next and done < self._total:
            self._next = time.monotonic() + PROGRESS_SECONDS
            click.echo(f"{done:,} of {self._total:,}", err=True)


def _keys(settings: Settings, written: "Written | None") -> Keys | None:
    """None where no hash key is given. Raises HashKeyMismatch for one that recipients are not keyed with."""
    secret = known_hash_key(settings)
    if secret is None:
        return None
    keys = Keys(secret, former_hash_key(settings))
    if written is not None and written.version != keys.fingerprint:
        raise HashKeyMismatch(
            "this hash key is not the one that the Screen workers of this cluster use: what is said with it concerns "
            "nobody. Give the same SIDESTEP_HASH_KEY (or _FILE), or --data-dir with the data folder of one of them."
        )
    return keys
