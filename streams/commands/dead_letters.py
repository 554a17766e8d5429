"""sidestep dead-letters: what could not be read, by reason and topic; one of them whole; sending them back."""

import re
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.commands.letter_lines import (
    as_json_line,
    as_line,
    described,
    group_json,
    summary,
    table,
    whole_json,
)
from sidestep.streams.commands.options import broker_option, past_given, rate_given
from sidestep.streams.commands.past import HELP
from sidestep.streams.commands.quarantine import quarantine
from sidestep.streams.redrive.letter import (
    DeadLetter,
    LetterFilter,
    LetterGroup,
    LetterOrigin,
    RedriveCount,
    RedriveRules,
    read_letter,
)
from sidestep.streams.redrive.sought import SoughtLetters
from sidestep.streams.settings import Settings, load
from sidestep.streams.terminal import printable
from sidestep.topics.catalog import DEAD_LETTERS
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.replay_rules import KNOWN_MS, TopicStretch

if TYPE_CHECKING:  # they bring Kafka, which --help does without
    from sidestep.streams.redrive.remembered import Remembered
    from sidestep.topics.connection import Connection

MOST_TIMES = 3
BATCH, BATCH_OCTETS = 500, 4_000_000
"""Of one transaction: that takes less than a second of the ten that Kafka gives it."""

_POSITION = re.compile(rf"(?:{DEAD_LETTERS.name}/)?(\d{{1,9}})/(\d{{1,18}})")


def which_options(function: Any) -> Any:
    """Adds --reason, --topic, --since and --until, and --broker."""
    given = [
        click.option(
            "--reason", "reasons", multiple=True, metavar="CODE", help="Of this reason alone, such as not-json."
        ),
        click.option("--topic", "topics", multiple=True, metavar="TOPIC", help="From this topic alone."),
        click.option("--since", metavar="T", help=f"That became dead letters then or later: {HELP}."),
        click.option("--until", metavar="T", help="… before that."),
        broker_option,
    ]
    for option in reversed(given):
        function = option(function)
    return function


@click.group("dead-letters")
def dead_letters() -> None:
    """Show what could not be read, and send it back where it came from once the cause is mended, each record once."""


dead_letters.add_command(quarantine)


@dead_letters.command("list")
@click.option("--each", is_flag=True, help="Each of them, with its position for `show`.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line; times in Unix seconds.")
@which_options
def list_letters(
    each: bool,
    as_json: bool,
    reasons: tuple[str, ...],
    topics: tuple[str, ...],
    since: str | None,
    until: str | None,
    broker: str | None,
) -> None:
    """Show how many there are by reason and topic, of when, and how many of them have been sent back."""
    from sidestep.streams.redrive.writer import read_remembered

    settings, stretch = load(broker=broker), _stretch(since, until)
    remembered = read_remembered(settings.connection)
    letters = _letters(settings.connection, stretch, LetterFilter(reasons, topics), "reading dead letters")
    if each:
        for letter in chain.from_iterable(letters):
            redriven = _sent_back(letter, remembered)
            click.echo(as_json_line(letter, redriven) if as_json else as_line(letter, redriven))
        return
    groups = _grouped(chain.from_iterable(letters), remembered)
    for line in map(group_json, groups) if as_json else table(groups):
        click.echo(line)


@dead_letters.command()
@click.argument("position", metavar="PARTITION/OFFSET")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object, all octets of it.")
@broker_option
def show(position: str, as_json: bool, broker: str | None) -> None:
    """Show one dead letter whole. Its position is what `list --each` says, of email-dead-letters."""
    from sidestep.streams.redrive.writer import read_remembered

    read = _POSITION.fullmatch(position)
    if read is None:
        raise click.BadParameter(f"{printable(position)!r} is not PARTITION/OFFSET", param_hint="PARTITION/OFFSET")
    partition, offset = int(read[1]), int(read[2])
    connection = load(broker=broker).connection
    stretch = TopicStretch(None, None, frozenset({partition}), {partition: offset}, {partition: offset + 1})
    found = next(chain.from_iterable(_letters(connection, stretch, LetterFilter(), "")), None)
    if found is None:
        raise click.ClickException(f"no dead letter stands at {DEAD_LETTERS.name}/{partition}/{offset}")
    redriven = _sent_back(found, read_remembered(connection))
    for line in [whole_json(found, redriven)] if as_json else described(found, redriven):
        click.echo(line)


@dead_letters.command()
@which_options
@click.option("--all", "every", is_flag=True, help="All of them, where no other option says which.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--rate", metavar="N/s", help="At most so many records a second.")
@click.option(
    "--most-times",
    type=click.IntRange(1),
    default=MOST_TIMES,
    show_default=True,
    help="Leave out what has been sent back so many times and could not be read again.",
)
@click.option(
    "--old", is_flag=True, help="Also what died more than 7 days ago and may have been published again since."
)
@click.option("--expired", is_flag=True, help="Also what was signed longer ago than SIDESTEP_SIGNATURE_WINDOW.")
def redrive(
    reasons: tuple[str, ...],
    topics: tuple[str, ...],
    since: str | None,
    until: str | None,
    broker: str | None,
    every: bool,
    dry_run: bool,
    rate: str | None,
    most_times: int,
    old: bool,
    expired: bool,
) -> None:
    """Send dead letters back where they came from: keys, values and headers as they were, to the same partitions.

    Each record is sent once, however often this is run or killed. The exit code is 1 if any were left out for another
    reason than that.
    """
    if not (every or reasons or topics or since or until):
        raise click.UsageError("say which: --reason, --topic, --since, --until, or --all")
    settings, stretch, speed = load(broker=broker), _stretch(since, until), rate_given(rate)
    partitions = _partitions(settings.connection, topics)
    now_ms = int(time.time() * 1000)
    signed_since = 0 if expired else now_ms - int(settings.signature_window * 1000)
    rules = RedriveRules(partitions, topics, most_times, signed_since, 0 if old else now_ms - KNOWN_MS)
    count = RedriveCount()
    letters = _letters(settings.connection, stretch, LetterFilter(reasons, topics), "sending back")
    _send(settings, letters, rules, count, speed, dry_run)
    for line in summary(count, dry_run):
        click.echo(line, err=True)
    if count.left_out:
        raise SystemExit(1)


def _send(
    settings: Settings,
    letters: Iterable[list[DeadLetter]],
    rules: RedriveRules,
    count: RedriveCount,
    rate: float | None,
    dry_run: bool,
) -> None:
    from sidestep.streams.redrive.in_topic import LettersInTopics
    from sidestep.streams.redrive.writer import Redriver, batches, read_remembered
    from sidestep.streams.runtime.failpoints import from_environment
    from sidestep.topics.replay import ReplayPace

    redriver: Redriver | None = None
    if dry_run:
        remembered = read_remembered(settings.connection)
    else:
        redriver = Redriver(settings.connection, settings.group, rules.partitions, from_environment())
        remembered = redriver.remembered
    pace = ReplayPace(rate)
    in_topics = LettersInTopics(settings.connection, rules, remembered)
    chosen: set[LetterOrigin] = set()
    try:
        for some in letters:
            due = _due(in_topics.apart(some, count), rules, remembered, chosen, count)
            for batch in batches(due, min(BATCH, pace.batch), BATCH_OCTETS):
                if redriver is not None:
                    redriver.send(batch, int(time.time() * 1000))
                    chosen.difference_update(letter.origin for letter in batch)
                count.sent += len(batch)
                pace.spend(len(batch))
    except BaseException:
        click.echo(f"{count.sent:,} dead letters sent back so far. Run it again: each is sent once", err=True)
        raise


def _due(
    letters: Iterable[DeadLetter],
    rules: RedriveRules,
    remembered: "Remembered",
    chosen: set[LetterOrigin],
    count: RedriveCount,
) -> Iterator[DeadLetter]:
    """Letters that may be sent, each once; others are counted. `chosen`: what was handed out and is not sent yet."""
    for letter in letters:
        if letter.origin in remembered or letter.origin in chosen:
            count.before += 1
        elif why := rules.obstacle(letter):
            count.left_out[why] += 1
        else:
            chosen.add(letter.origin)
            count.bare += letter.headers is None
            yield letter


def _letters(
    connection: "Connection", stretch: TopicStretch, which: LetterFilter, doing: str
) -> Iterator[list[DeadLetter]]:
    """Some at a time, with a bar on a terminal."""
    from sidestep.topics.replay import TopicSource
    from sidestep.topics.stretch import Unwritable, ranges_of, topic_of

    topic = topic_of(connection, DEAD_LETTERS.name)
    source = TopicSource(connection, topic, ranges_of(connection, topic, stretch))
    found, sought = 0, SoughtLetters()
    with copy_progress(doing, source.total) as told:
        for batch in source.batches(BATCH):
            records = [record for _, record in batch if not isinstance(record, Unwritable)]
            for record in records:
                sought.hear(record)
            letters = [letter for record in records if (letter := _meant(record, stretch, which)) is not None]
            certain = sought.others(letters)
            yield certain
            found += len(certain)
            told(source.done, found)
    yield sought.lost()


def _meant(record: StoredRecord, stretch: TopicStretch, which: LetterFilter) -> DeadLetter | None:
    if not stretch.holds(record.partition, record.offset, record.timestamp):
        return None
    letter = read_letter(record)
    return letter if letter is not None and which.holds(letter) else None


def _partitions(connection: "Connection", named: Iterable[str]) -> dict[str, int]:
    """How many partitions the topics have that dead letters may be sent back to."""
    from sidestep.topics.cluster import admin_client, cluster
    from sidestep.topics.own_topics import GENERAL, general_of

    there = cluster(admin_client(connection), connection).topics
    wanted = [*GENERAL, *(name for name in named if general_of(name) in GENERAL)]
    return {name: len(there[name].partitions) for name in wanted if name in there}


def _stretch(since: str | None, until: str | None) -> TopicStretch:
    now_ms = int(time.time() * 1000)
    return TopicStretch(past_given("--since", since, now_ms), past_given("--until", until, now_ms))


def _grouped(letters: Iterable[DeadLetter], remembered: "Remembered") -> list[LetterGroup]:
    """The largest first."""
    groups: dict[tuple[str, str], LetterGroup] = {}
    for letter in letters:
        place = letter.reason, letter.origin.topic
        groups.setdefault(place, LetterGroup(*place)).add(letter, _sent_back(letter, remembered))
    return sorted(groups.values(), key=lambda group: (-group.letters, group.reason, group.topic))


def _sent_back(letter: DeadLetter, remembered: "Remembered") -> int:
    """How many of its records have been."""
    return sum(origin in remembered for origin in letter.origins())
