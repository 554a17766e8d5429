"""sidestep topics: what the catalog says, and whether a cluster agrees."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from sidestep.streams.commands.options import broker_option, own_given, own_option
from sidestep.streams.commands.schema import schema_of
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line, printable
from sidestep.topics.catalog import CATALOG, CONTROL, DAY_MS, Topic
from sidestep.topics.own_topics import with_own

if TYPE_CHECKING:
    from sidestep.streams.settings import Settings
    from sidestep.topics.connection import Connection
    from sidestep.topics.needs import Shortfall
    from sidestep.topics.plan import TopicState


@click.group()
def topics() -> None:
    """Create, check and list the topics."""


@topics.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a topic.")
def list_topics(as_json: bool) -> None:
    """Print the catalog: what is in each topic, who writes it, who reads it. Asks no broker.

    `sidestep schema NAME` prints the schema of a topic's records.
    """
    for topic in CATALOG:
        click.echo(json_line(_as_dict(topic)) if as_json else _as_text(topic))


@topics.command()
@broker_option
@click.option("--partitions", type=click.IntRange(1, 10_000), help="Partitions of each topic, instead of the default.")
@click.option("--replication", type=click.IntRange(1, 9), help="Copies; 3 in production.  [default: 1]")
@click.option("--config", "settings", multiple=True, metavar="NAME=VALUE", help="A setting for every new topic.")
@click.option("--keep-differing", is_flag=True, help="Exit code 0 where others differ: they are told of all the same.")
@own_option
def create(
    broker: str | None,
    partitions: int | None,
    replication: int | None,
    settings: tuple[str, ...],
    keep_differing: bool,
    own: tuple[str, ...],
) -> None:
    """Create the topics that are missing; leave the others alone.

    Exit code 1 where one that was there has other partitions or replicas than --partitions and --replication say, which
    `sidestep topics grow` can change.
    """
    from sidestep.topics import admin
    from sidestep.topics.plan import unlike

    loaded = load(broker=broker)
    wanted, config = with_own(own_given(own, loaded)), dict(map(_setting, settings))
    there = admin.states(loaded.connection, wanted)
    names = admin.create(loaded.connection, partitions, replication or 1, config, topics=wanted)
    for name in names:
        click.echo(f"created {name}")
    if not names:
        click.echo("all topics exist")
    if others := unlike(partitions, replication, there, wanted):
        for sentence in others:
            click.echo(f"left as it is: {printable(sentence)}", err=True)
        if not keep_differing:
            raise SystemExit(1)


@topics.command()
@broker_option
@click.option("--partitions", type=click.IntRange(1, 10_000), help="How many each topic should have.")
@click.option("--replication", type=click.IntRange(1, 9), help="How many copies there should be.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each shortfall.")
@own_option
def check(
    broker: str | None, partitions: int | None, replication: int | None, as_json: bool, own: tuple[str, ...]
) -> None:
    """Compare a cluster with the catalog, and its settings with what the guarantee needs.

    Each shortfall says what it means and what to do. Exit code 1 if there is a fault; advice alone is exit code 0.
    """
    from sidestep.topics import admin
    from sidestep.topics.described import described
    from sidestep.topics.needs import shortfalls
    from sidestep.topics.plan import differences as differing
    from sidestep.topics.plan import unlike

    settings = load(broker=broker)
    topics = with_own(own_given(own, settings))
    states = admin.states(settings.connection, topics)
    differences = differing({state.name: state for state in states}, topics)
    differences += unlike(partitions, replication, states, topics)
    differences += _partitions_fault(settings.connection, states)
    names, session_ms = [topic.name for topic in topics], round(settings.session_timeout * 1000)
    found = shortfalls(described(settings.connection, topics), names, session_ms)
    if as_json:
        lines = [json_line({"weight": "fault", "where": "catalog", "means": sentence}) for sentence in differences]
        lines += [json_line(asdict(shortfall)) for shortfall in found]
    else:
        lines = ([printable(each) for each in differences] or ["all topics are as the catalog says"]) + [
            _as_block(shortfall) for shortfall in found
        ]
    click.echo("\n".join(lines), nl=bool(lines))
    if differences or any(shortfall.weight == "fault" for shortfall in found):
        raise SystemExit(1)


@topics.command()
@broker_option
@click.option("--partitions", type=click.IntRange(2, 10_000), help="Of the log: a multiple of what there are.")
@click.option("--replication", type=click.IntRange(1, 9), help="Copies of every topic's partitions, more or fewer.")
@click.option(
    "--notice",
    type=click.IntRange(0, 86_400),
    default=300,
    show_default=True,
    help="Seconds that subscribers get to learn of new partitions, before anything is written there.",
)
@click.option("--internal", is_flag=True, help="Copies of Kafka's own topics of offsets and transactions, too.")
@own_option
def grow(
    broker: str | None,
    partitions: int | None,
    replication: int | None,
    notice: int,
    internal: bool,
    own: tuple[str, ...],
) -> None:
    """Give the log more partitions, each with the ledger that it needs, so that no history is lost; or all topics
    another number of copies.

    With --partitions verdicts stop for as long as workers need to begin anew, some twenty seconds; intents wait in
    Kafka. With --replication all goes on; min.insync.replicas goes with it: 2 from three copies on. Killed at any
    moment, the same command goes on where it stopped. Takes the rights of an administrator.
    """
    from sidestep.topics.needs import INTERNAL

    if partitions is None and replication is None:
        raise click.UsageError("give --partitions, --replication, or both")
    settings = load(broker=broker)
    names = [topic.name for topic in with_own(own_given(own, settings))] + (list(INTERNAL) if internal else [])
    if partitions is not None:
        _grow_log(settings, partitions, notice)
    if replication is not None:
        _replicate(settings, names, replication)


def _grow_log(settings: "Settings", partitions: int, notice: int) -> None:
    from sidestep.streams.commands.grow_progress import GrowProgress
    from sidestep.streams.grow.run import Grower
    from sidestep.streams.runtime.failpoints import from_environment

    with GrowProgress() as progress:
        found = Grower(settings, partitions, progress, from_environment(), notice).grow()
    click.echo(
        f"the log has {found.after} partitions in place of {found.before}; {found.rows:,} rows copied; "
        f"it took no evidence for {found.stopped:.0f} s"
    )


def _replicate(settings: "Settings", names: list[str], replication: int) -> None:
    from sidestep.streams.commands.grow_progress import GrowProgress
    from sidestep.streams.grow.reassign import Replicator

    with GrowProgress() as progress:
        found = Replicator(settings.connection, names, replication, progress).replicate()
    click.echo(
        f"{found.topics} topics have {replication} copies of each partition; {found.partitions} partitions had another "
        "number"
    )


def _partitions_fault(connection: "Connection", states: "list[TopicState]") -> list[str]:
    """Whether the log has as many partitions as what is known lies by; nothing where nobody has noted that."""
    from sidestep.streams.partition_note import begun_with, misfit
    from sidestep.streams.screen.control import read_notes

    partitions = {state.name: state.partitions for state in states}
    found = misfit(begun_with(read_notes(connection)), partitions) if CONTROL.name in partitions else ""
    return [found] if found else []


def _setting(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--config")
    return name, value


def _as_dict(topic: Topic) -> dict[str, object]:
    return {
        "name": topic.name,
        "schema": schema_of(topic),
        "key": topic.key,
        "about": topic.about,
        "why_so_long": topic.why_so_long,
        "addresses": topic.addresses,
        "producers": topic.producers,
        "consumers": topic.consumers,
        "partitions": topic.partitions,
        "same_partitions_as": topic.same_partitions_as,
        "config": topic.config(),
    }


def _as_block(shortfall: "Shortfall") -> str:
    weight = click.style(f"{shortfall.weight:<7}", fg="red" if shortfall.weight == "fault" else "yellow", bold=True)
    margin = " " * 8
    what = f"{shortfall.where}: {shortfall.what} is {shortfall.here}, needed: {shortfall.needed}"
    return f"{weight} {printable(what)}\n{margin}{printable(shortfall.means)}\n{margin}{printable(shortfall.do)}"


def _as_text(topic: Topic) -> str:
    kept = "compacted" if topic.retention_ms is None else f"{topic.retention_ms // DAY_MS} days"
    parties = f"{', '.join(topic.producers)} -> {', '.join(topic.consumers)}"
    name = click.style(f"{topic.name:<23}", bold=True)
    holds = f"schema: {schema_of(topic)}; " if topic.schema is not None else ""
    lines = (f"{holds}key: {topic.key}; {parties}", f"{_of_people(topic)}; kept so long because {topic.why_so_long}")
    return f"{name} {kept:<10} {topic.about}" + "".join(f"\n{'':<34} {line}" for line in lines)


def _of_people(topic: Topic) -> str:
    return "addresses in plain form" if topic.addresses else "no addresses"
