"""A file that is one record of feedback: a report or message as it came, or a webhook's body."""

import time
from importlib import import_module
from pathlib import PurePath
from typing import IO

import click

from sidestep.schemas.codec import ContractError
from sidestep.streams.terminal import printable
from sidestep.topics.catalog import BY_NAME, INTENTS
from sidestep.topics.own_topics import general_of
from sidestep.topics.publish import Publisher

FORMS = {".eml": "message/rfc822", ".json": "application/json", ".mbox": "application/mbox"}
"""Content types of files that are sent whole without being asked for, by how their names end."""
OCTETS_MAX = 1_000_000
"""What fits into a record, and what is read of one."""


def is_whole(file: IO[bytes], topic: str, asked: bool | None) -> bool:
    """Whether a file is one record. `asked`: what --whole or --lines says, if one was given."""
    feedback = general_of(topic) != INTENTS.name
    if asked and not feedback:
        raise click.UsageError("--whole is for feedback: an intent stands on one line")
    return feedback and (form_of(file) != "" if asked is None else asked)


def send_whole(publisher: Publisher, topic: str, file: IO[bytes], check: bool) -> None:
    """Send it as one record, whose content type its name tells. Raises ClickException for what Screen would refuse."""
    octets, form = file.read(OCTETS_MAX + 1), form_of(file)
    if len(octets) > OCTETS_MAX:
        raise click.ClickException(f"the file is larger than {OCTETS_MAX:,} octets, which is what a record takes")
    told = "unchecked"
    if check:
        told = _told(octets, topic, form)
    publisher.publish_bytes(topic, octets, None, {"content-type": form} if form else None)
    publisher.flush()
    click.echo(f"published whole to {topic}: {told}", err=True)


def _told(octets: bytes, topic: str, form: str) -> str:
    """What Screen will read out of it."""
    try:
        read_feedback = import_module("sidestep.streams.screen.intake").read_feedback
        events = read_feedback(octets, BY_NAME[general_of(topic)].schema, form, time.time())
    except ContractError as error:
        hint = "; if each of its lines is a record, --lines sends them so" if form != FORMS[".eml"] else ""
        raise click.ClickException(f"not published: {printable(str(error))}{hint}") from None
    kinds = [event.kind for event in events]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "nothing in it counts"


def form_of(file: IO[bytes]) -> str:
    """The content type that a file's name tells; "" where it tells none."""
    return FORMS.get(PurePath(str(getattr(file, "name", ""))).suffix.lower(), "")
