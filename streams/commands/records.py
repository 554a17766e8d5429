"""sidestep publish and sidestep tail: records from lines of JSON, and records shown to people or as JSON."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import click

from sidestep.schemas.codec import ContractError, decode
from sidestep.schemas.verdicts import Verdict
from sidestep.streams.commands.options import broker_option, signer_given, signer_options
from sidestep.streams.commands.render import as_json_line, as_text_line
from sidestep.streams.settings import load
from sidestep.streams.terminal import printable
from sidestep.topics.catalog import APPROVED, BOUNCES, BY_NAME, CATALOG, ENGAGEMENT, INTENTS, REJECTED
from sidestep.topics.keys import record_key
from sidestep.topics.own_topics import general_of, own_topic
from sidestep.topics.publish import Publisher

WRITABLE = [INTENTS.name, BOUNCES.name, ENGAGEMENT.name]


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--topic",
    callback=lambda _context, _option, name: _writable(name),
    metavar="TOPIC",
    default=INTENTS.name,
    show_default=True,
    help=f"{', '.join(WRITABLE)}, or one of these that a service has to itself: email-intents.NAME.",
)
@click.option("--no-check", is_flag=True, help="Send the lines as they are, whatever is in them.")
@signer_options
@broker_option
def publish(
    file: IO[bytes], topic: str, no_check: bool, key_id: str | None, key_file: str | None, broker: str | None
) -> None:
    """Publish each line of FILE (- is standard input), a JSON object.

    A line that breaks the contract is reported with its number and left out; the exit code is 1 then.
    """
    from sidestep.topics.cluster import admin_client, require

    signer = signer_given(key_id, key_file)
    connection = load(broker=broker).connection
    # says at once what would otherwise be said after the delivery deadline
    require(admin_client(connection), connection, [topic])
    sent = bad = 0
    with Publisher(connection, signer=signer) as publisher, _progress(file) as lines:
        for number, line in enumerate(lines, 1):
            if not (line := line.strip()):
                continue
            try:
                key = None if no_check else record_key(decode(BY_NAME[general_of(topic)].schema, line))
            except ContractError as error:
                bad += 1
                click.echo(f"line {number}: {printable(str(error))}", err=True)
                continue
            publisher.publish_bytes(topic, line, key)
            sent += 1
    click.echo(f"{sent} published to {topic}" + (f", {bad} left out" if bad else ""), err=True)
    if bad:
        raise SystemExit(1)


@click.command()
@click.option(
    "--topic",
    "names",
    multiple=True,
    type=click.Choice([topic.name for topic in CATALOG]),
    default=(APPROVED.name, REJECTED.name),
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with topic, partition and offset.")
@click.option("--from-beginning", is_flag=True, help="Everything that is retained, then what comes.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many records.")
@click.option("--timeout", type=click.FloatRange(0), help="Stop after so many seconds without a record.")
@click.option(
    "--verdict-keys",
    "keys_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Show as verdicts only what these keys prove, and of the rest why not.",
)
@broker_option
def tail(
    names: tuple[str, ...],
    as_json: bool,
    from_beginning: bool,
    count: int | None,
    timeout: float | None,
    keys_file: Path | None,
    broker: str | None,
) -> None:
    """Show verdicts as they are made, or the records of any other topic.

    The exit code is 1 if --timeout came before --count.
    """
    from sidestep.topics.subscribe import Subscription
    from sidestep.topics.verdict_keys import VerdictKeys

    if keys_file is not None and (others := [name for name in names if BY_NAME[name].schema is not Verdict]):
        raise click.UsageError(f"--verdict-keys is for verdicts, and {others[0]} has none")
    verify = VerdictKeys(keys_file) if keys_file is not None else None
    show = as_json_line if as_json else as_text_line
    start: Literal["earliest", "latest"] = "earliest" if from_beginning else "latest"
    shown = 0
    with Subscription(load(broker=broker).connection, names, start=start, verify=verify) as records:
        idle_since = time.monotonic()
        while count is None or shown < count:
            left = 1.0 if timeout is None else idle_since + timeout - time.monotonic()
            for record in records.batch(min(500, (count or sys.maxsize) - shown), max(min(left, 1.0), 0)):
                click.echo(show(record))
                shown += 1
                idle_since = time.monotonic()
            if timeout is not None and time.monotonic() >= idle_since + timeout:
                break
    if count is not None and shown < count:
        raise SystemExit(1)


def _writable(name: str) -> str:
    if name not in WRITABLE:
        try:
            own_topic(name)
        except ValueError as error:
            raise click.BadParameter(printable(str(error))) from None
    return name


@contextmanager
def _progress(file: IO[bytes]) -> Iterator[Iterator[bytes]]:
    """The lines of `file`, with a bar on a terminal if the file's size is known."""
    if not (sys.stderr.isatty() and file.seekable()):
        yield iter(file)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        size = file.seek(0, 2)
        file.seek(0)
        task = progress.add_task("publishing", total=size)

        def counted() -> Iterator[bytes]:
            for line in file:
                yield line
                progress.advance(task, len(line))

        yield counted()
