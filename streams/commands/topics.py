"""sidestep topics: what the catalog says, and whether a cluster agrees."""

import json

import click

from sidestep.streams.commands.options import broker_option
from sidestep.streams.settings import load
from sidestep.topics.catalog import CATALOG, DAY_MS, Topic


@click.group()
def topics() -> None:
    """Create, check and list the topics."""


@topics.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a topic.")
def list_topics(as_json: bool) -> None:
    """Print the catalog: what is in each topic, who writes it, who reads it. Asks no broker."""
    for topic in CATALOG:
        click.echo(json.dumps(_as_dict(topic)) if as_json else _as_text(topic))


@topics.command()
@broker_option
@click.option("--partitions", type=click.IntRange(1, 10_000), help="Partitions of each topic, instead of the default.")
@click.option("--replication", type=click.IntRange(1, 9), default=1, show_default=True, help="Copies; 3 in production.")
@click.option("--config", "settings", multiple=True, metavar="NAME=VALUE", help="A setting for every new topic.")
def create(broker: str | None, partitions: int | None, replication: int, settings: tuple[str, ...]) -> None:
    """Create the topics that are missing; leave the others alone."""
    from sidestep.topics import admin

    names = admin.create(load(broker=broker).connection, partitions, replication, dict(map(_setting, settings)))
    for name in names:
        click.echo(f"created {name}")
    if not names:
        click.echo("all topics exist")


@topics.command()
@broker_option
def check(broker: str | None) -> None:
    """Compare a cluster with the catalog; exit code 1 if they differ."""
    from sidestep.topics import admin

    differences = admin.check(load(broker=broker).connection)
    for sentence in differences:
        click.echo(sentence)
    if differences:
        raise SystemExit(1)
    click.echo("all topics are as the catalog says")


def _setting(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--config")
    return name, value


def _as_dict(topic: Topic) -> dict[str, object]:
    return {
        "name": topic.name,
        "key": topic.key,
        "about": topic.about,
        "producers": topic.producers,
        "consumers": topic.consumers,
        "partitions": topic.partitions,
        "same_partitions_as": topic.same_partitions_as,
        "config": topic.config(),
    }


def _as_text(topic: Topic) -> str:
    kept = "compacted" if topic.retention_ms is None else f"{topic.retention_ms // DAY_MS} days"
    parties = f"{', '.join(topic.producers)} -> {', '.join(topic.consumers)}"
    name = click.style(f"{topic.name:<23}", bold=True)
    return f"{name} {kept:<10} {topic.about}\n{'':<23} {'':<10} key: {topic.key}; {parties}"
