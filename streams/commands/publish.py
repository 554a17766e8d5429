"""sidestep publish: intents or feedback from lines of JSON, or a file of feedback whole; and the verdicts for whoever
waits."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from sidestep.schemas.codec import ContractError
from sidestep.schemas.feedback import Bounce, Engagement
from sidestep.schemas.intents import EmailIntent
from sidestep.schemas.reading import read_intent, read_own_feedback
from sidestep.streams.commands.answers import Awaited, wait_for
from sidestep.streams.commands.options import broker_option, refused_as, signer_given, signer_options
from sidestep.streams.commands.render import as_json_line, as_text_line
from sidestep.streams.commands.whole import is_whole, send_whole
from sidestep.streams.settings import load
from sidestep.streams.terminal import printable
from sidestep.topics.catalog import APPROVED, BOUNCES, BY_NAME, ENGAGEMENT, INTENTS, REJECTED
from sidestep.topics.keys import record_key
from sidestep.topics.own_topics import general_of, own_topic
from sidestep.topics.publish import Publisher

if TYPE_CHECKING:
    from sidestep.streams.commands.unknown_streams import UnknownStreams

WRITABLE = [INTENTS.name, BOUNCES.name, ENGAGEMENT.name]
Model = EmailIntent | Bounce | Engagement
Read = Callable[[bytes], Model]


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
@click.option(
    "--whole/--lines",
    "as_one",
    default=None,
    help="Feedback: FILE is a report, a webhook's body or an mbox.  [default: --whole for *.eml, *.json, *.mbox]",
)
@click.option("--wait", is_flag=True, help="Show the verdict on each intent.")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="Seconds without a verdict after which --wait gives up.",
)
@click.option("--json", "as_json", is_flag=True, help="With --wait: verdicts as `tail --json` shows them.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Warn of streams that this policy does not know.",
)
@signer_options
@broker_option
def publish(
    file: IO[bytes],
    topic: str,
    no_check: bool,
    as_one: bool | None,
    wait: bool,
    timeout: float,
    as_json: bool,
    policy_file: Path | None,
    key_id: str | None,
    key_file: str | None,
    broker: str | None,
) -> None:
    """Publish each line of FILE (- is standard input), a JSON object; or a bounce, or a webhook's body, whole.

    A line that breaks the contract, as Screen would find it, is reported with its number and left out; the exit code is
    1 then. Of a file that is sent whole it is said what Screen will read in it; an mbox goes out as a record for each
    of its messages, and what Screen could make nothing of is left out. With --wait the exit code is 1 as well where a
    verdict has not come.
    """
    from sidestep.topics.cluster import admin_client, require
    from sidestep.topics.subscribe import Subscription

    if wait and (no_check or general_of(topic) != INTENTS.name):
        raise click.UsageError("--wait is for intents that are checked: only they have verdicts to wait for")
    whole = is_whole(file, topic, as_one)
    strange = _unknown_streams(policy_file)
    signer = signer_given(key_id, key_file)
    connection = load(broker=broker).connection
    # says at once what would otherwise be said after the delivery deadline
    require(admin_client(connection), connection, [topic])
    if whole:
        with Publisher(connection, signer=signer) as publisher:
            bad = send_whole(publisher, topic, file, not no_check)
        if bad:
            raise SystemExit(1)
        return
    awaited = Awaited()
    with ExitStack() as open_until_told:
        # the reader comes first: it begins with what is published from now on
        answers = (
            open_until_told.enter_context(Subscription(connection, [APPROVED.name, REJECTED.name])) if wait else None
        )
        with Publisher(connection, signer=signer) as publisher, _progress(file) as lines:
            read = None if no_check else _noting(_reader(topic), strange)
            sent, bad = _send(publisher, topic, lines, read, awaited if wait else None)
        click.echo(f"{sent} published to {topic}" + (f", {bad} left out" if bad else ""), err=True)
        if bad and general_of(topic) != INTENTS.name:
            click.echo("if FILE is a report or a webhook's body and not a line an event of ours: --whole", err=True)
        for sentence in strange.sentences() if strange is not None else ():
            click.echo(printable(f"warning: {sentence}"), err=True)
        if answers is not None:
            show = as_json_line if as_json else as_text_line
            wait_for(answers, connection, awaited, timeout, lambda record: click.echo(show(record)))
    for service, id, attempt, _ in awaited:
        which = f"{service}/{id}" + (f", attempt {attempt}" if attempt > 1 else "")
        click.echo(f"no verdict on {printable(which)} within {timeout:g} s: is a worker running?", err=True)
    if bad or awaited:
        raise SystemExit(1)


def _send(
    publisher: Publisher, topic: str, lines: Iterator[bytes], read: Read | None, awaited: Awaited | None
) -> tuple[int, int]:
    """How many lines were sent, and how many were left out. `read` None: nothing is checked."""
    sent = bad = 0
    for number, line in enumerate(lines, 1):
        if not (line := line.strip()):
            continue
        key = None
        if read is not None:
            try:
                model = read(line)
            except ContractError as error:
                bad += 1
                click.echo(f"line {number}: {printable(str(error))}", err=True)
                continue
            key = record_key(model)
            if awaited is not None and isinstance(model, EmailIntent):
                awaited.add(model)
        publisher.publish_bytes(topic, line, key)
        sent += 1
    return sent, bad


def _reader(topic: str) -> Read:
    """Checks a line as Screen does."""
    kind = BY_NAME[general_of(topic)].schema
    if kind is EmailIntent:
        return lambda line: read_intent(line, time.time())
    return lambda line: read_own_feedback(line, kind, time.time())


def _unknown_streams(file: Path | None) -> "UnknownStreams | None":
    """Reads the policy; it takes the workers' packages, which a service that only publishes may not have."""
    if file is None:
        return None
    from sidestep.streams.commands.unknown_streams import UnknownStreams

    return UnknownStreams(file)


def _noting(read: Read, strange: "UnknownStreams | None") -> Read:
    if strange is None:
        return read

    def noted(line: bytes) -> Model:
        model = read(line)
        if isinstance(model, EmailIntent):
            strange.note(model)
        return model

    return noted


def _writable(name: str) -> str:
    if name not in WRITABLE:
        with refused_as():
            own_topic(name)
    return name


@contextmanager
def _progress(file: IO[bytes]) -> Iterator[Iterator[bytes]]:
    """The lines of `file`, with a bar on a terminal if the file's size is known."""
    if not (click.get_text_stream("stderr").isatty() and file.seekable()):
        yield iter(file)
        return
    size = file.seek(0, 2)
    file.seek(0)
    # click's own bar: a service that only publishes has no rich
    with click.progressbar(length=size, label="publishing", file=click.get_text_stream("stderr")) as bar:

        def counted() -> Iterator[bytes]:
            for line in file:
                yield line
                bar.update(len(line))

        yield counted()
