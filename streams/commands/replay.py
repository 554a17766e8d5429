"""sidestep replay: a stretch of a topic, or a file of records, copied into a topic or a file."""

import os
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.commands.options import broker_option, past_given, rate_given
from sidestep.streams.commands.past import HELP
from sidestep.streams.settings import load
from sidestep.streams.terminal import printable
from sidestep.topics.access import PREFIX, Access
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError
from sidestep.topics.replay_rules import KNOWN_MS, TopicStretch

if TYPE_CHECKING:  # they bring Kafka, which --help does without
    from sidestep.topics.replay import Replay, ReplayCheck, Source
    from sidestep.topics.replay_targets import Target

ENDINGS = (".jsonl", ".records")
SHOWN = 5

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_OFFSET = re.compile(r"(?:(\d{1,9})=)?(\d{1,18})")


class Asked(NamedTuple):
    """What was asked for, as far as it can be read without Kafka."""

    source: str
    target: str
    broker: str | None
    to_broker: str | None
    stretch: TopicStretch
    rate: float | None
    skip: int


@click.command()
@click.argument("source", metavar="TOPIC|FILE")
@click.option("--to", "target", required=True, metavar="TOPIC|FILE", help=f"A file ends with {' or '.join(ENDINGS)}.")
@click.option("--since", metavar="T", help=f"Records stamped then or later: {HELP}.")
@click.option("--until", metavar="T", help="Records stamped before that. Else the end as it is at the start.")
@click.option("--partition", "partitions", type=click.IntRange(0), multiple=True, help="Of these partitions alone.")
@click.option("--from-offset", "first", metavar="[P=]OFFSET", multiple=True, help="From this record of partition P on.")
@click.option("--until-offset", "end", metavar="[P=]OFFSET", multiple=True, help="Up to the record before this one.")
@click.option("--skip", type=click.IntRange(0), default=0, metavar="N", help="So many records of a file are done with.")
@click.option("--rate", metavar="N/s", help="At most so many records a second.")
@click.option(
    "--to-broker",
    metavar="HOST:PORT",
    envvar="SIDESTEP_TO_BROKER",
    show_envvar=True,
    help="The cluster of the target topic, if it is another one. How it lets us in say SIDESTEP_TO_SECURITY and what "
    "belongs to it.",
)
@broker_option
def replay(
    source: str,
    target: str,
    since: str | None,
    until: str | None,
    partitions: tuple[int, ...],
    first: tuple[str, ...],
    end: tuple[str, ...],
    skip: int,
    rate: str | None,
    to_broker: str | None,
    broker: str | None,
) -> None:
    """Copy committed records of a topic or a file: keys, headers and time stamps as they are.

    For a consumer that missed them, under another name, and for a test cluster. .jsonl is a JSON object a line,
    .records is binary; both are read back. A file has what the records have, addresses of people too. The exit code is
    1 if records were left out.
    """
    now_ms = int(time.time() * 1000)
    stretch = TopicStretch(
        past_given("--since", since, now_ms),
        past_given("--until", until, now_ms),
        frozenset(partitions),
        _offsets("--from-offset", first, partitions),
        _offsets("--until-offset", end, partitions),
    )
    asked = Asked(source, target, broker, to_broker, stretch, rate_given(rate), skip)
    _refuse_nonsense(asked)
    _run(asked, now_ms)


def _refuse_nonsense(asked: Asked) -> None:
    for name in (asked.source, asked.target):
        if not is_file(name) and not _TOPIC.fullmatch(name):
            raise click.UsageError(
                f"{printable(name)} is neither a topic nor a file of records, which ends with {' or '.join(ENDINGS)}"
            )
    if asked.skip and not is_file(asked.source):
        raise click.UsageError("--skip is for files; --from-offset is for topics")
    if asked.to_broker and is_file(asked.target):
        raise click.UsageError("--to-broker is for a topic, and --to names a file")
    if None not in (asked.stretch.since, asked.stretch.until) and asked.stretch.since >= asked.stretch.until:  # type: ignore[operator] # looked at
        raise click.UsageError("--since is not before --until")


def _run(asked: Asked, now_ms: int) -> None:
    from sidestep.topics.replay import Replay, ReplayPace

    source, cluster = _source(asked)
    target, check = _target(asked, now_ms)
    if check is not None and cluster is not None:
        check.allow(cluster, asked.source)
    run = Replay(source, target, asked.stretch, check.takes if check else lambda _record: True, ReplayPace(asked.rate))
    started = time.monotonic()
    try:
        with copy_progress(f"{asked.source} -> {asked.target}", source.total) as show:
            run.run(lambda copied: show(source.done, copied))
    except (SidestepError, KeyboardInterrupt) as error:
        click.echo(_interrupted(asked, run), err=True)
        if isinstance(error, KeyboardInterrupt):
            raise SystemExit(130) from None
        raise
    refused = sum(target.refused.values())
    seconds = time.monotonic() - started
    click.echo(f"{run.copied - refused:,} records copied to {printable(asked.target)} in {seconds:.1f} s", err=True)
    left_out = _left_out(run, target, check, asked.source)
    for line in left_out:
        click.echo(line, err=True)
    if left_out:
        raise SystemExit(1)


def _source(asked: Asked) -> "tuple[Source, str | None]":
    """And the id of its cluster; None: it is a file, whose records say it."""
    from sidestep.topics.replay import FileSource, TopicSource
    from sidestep.topics.stretch import ranges_of, topic_of

    if is_file(asked.source):
        return FileSource(Path(asked.source), asked.skip), None
    connection = load(broker=asked.broker).connection
    topic = topic_of(connection, asked.source)
    return TopicSource(connection, topic, ranges_of(connection, topic, asked.stretch)), topic.cluster


def _target(asked: Asked, now_ms: int) -> "tuple[Target, ReplayCheck | None]":
    from sidestep.topics.replay import ReplayCheck
    from sidestep.topics.replay_targets import FileTarget, TopicTarget
    from sidestep.topics.stretch import topic_of

    if is_file(asked.target):
        return FileTarget(Path(asked.target)), None
    connection = _other(asked.to_broker) if asked.to_broker else load(broker=asked.broker).connection
    topic = topic_of(connection, asked.target)
    target = TopicTarget(connection, topic, lambda text: click.echo(f"warning: {text}", err=True))
    return target, ReplayCheck(topic, now_ms)


def _other(broker: str) -> Connection:
    """The other cluster: variables with TO_ in their names, and nothing of the first one's credentials."""
    prefix = f"{PREFIX}TO_"
    given = {PREFIX + name.removeprefix(prefix): text for name, text in os.environ.items() if name.startswith(prefix)}
    return Access.from_environment(given).at(broker).connect()


def _left_out(run: "Replay", target: "Target", check: "ReplayCheck | None", source: str) -> list[str]:
    """What was not copied, a line each."""
    lines = [f"{count:,} not taken: {printable(cause)}" for cause, count in target.refused.most_common()]
    if run.unwritable:
        places = ", ".join(f"{source}/{each.partition}/{each.offset}" for each in run.unwritable[:SHOWN])
        more = ", …" if len(run.unwritable) > SHOWN else ""
        lines.append(f"{len(run.unwritable):,} left out, names of their headers are not UTF-8: {places}{more}")
    if check is not None and check.left_out:
        lines.append(
            f"{check.left_out:,} left out, older than {KNOWN_MS // 86_400_000} days: what they ask for would be judged "
            "or counted twice"
        )
    return lines


def _interrupted(asked: Asked, run: "Replay") -> str:
    """How to go on."""
    where = run.where()
    if is_file(asked.target):
        return f"interrupted: nothing is left of {printable(asked.target)}. Run it again"
    if not where:
        return "interrupted before anything was copied. Run it again"
    if is_file(asked.source):
        options = ["--skip", str(where[0])]
    else:
        options = [word for number, offset in sorted(where.items()) for word in ("--from-offset", f"{number}={offset}")]
    return f"interrupted. To go on, run it again with (in place of such options): {shlex.join(options)}"


def is_file(name: str) -> bool:
    """Whether it names a file of records."""
    return name.endswith(ENDINGS)


def _offsets(option: str, texts: tuple[str, ...], partitions: tuple[int, ...]) -> dict[int, int]:
    found: dict[int, int] = {}
    for text in texts:
        read = _OFFSET.fullmatch(text)
        if read is None or (read[1] is None and len(partitions) != 1):
            raise click.BadParameter(
                f"{printable(text)!r} is not PARTITION=OFFSET; with one --partition the offset is enough",
                param_hint=option,
            )
        found[int(read[1]) if read[1] is not None else partitions[0]] = int(read[2])
    return found
