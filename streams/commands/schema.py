"""sidestep schema: the JSON Schema of records, for services that are not written in Python."""

import click

from sidestep.schemas.codec import MODELS
from sidestep.schemas.generate import path_of
from sidestep.streams.terminal import printable
from sidestep.topics.catalog import BY_NAME, Topic
from sidestep.topics.own_topics import general_of

NAMES = tuple(MODELS)
_BY_MODEL = {id(model): name for name, model in MODELS.items()}


def schema_of(topic: Topic) -> str | None:
    """The name of its records' schema; None: they have none."""
    return _BY_MODEL.get(id(topic.schema)) if topic.schema is not None else None


@click.command()
@click.argument("name", callback=lambda _context, _option, name: _named(name), metavar="NAME")
def schema(name: str) -> None:
    """Print the JSON Schema (2020-12) NAME, or that of a topic's records: email-intent, or email-intents.

    `sidestep publish` checks a line as Screen will.
    """
    click.echo(path_of(name).read_text("utf-8"), nl=False)


def _named(name: str) -> str:
    if name in NAMES:
        return name
    topic = BY_NAME.get(general_of(name))
    found = schema_of(topic) if topic is not None else None
    if found is None:
        raise click.BadParameter(f"there is no schema {printable(name)!r}; there are {', '.join(NAMES)}")
    return found
