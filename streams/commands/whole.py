"""A file of feedback as it came: one record for a report, a message or a webhook's body, several for an mbox."""

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

UNCHECKED = "unchecked"
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


def send_whole(publisher: Publisher, topic: str, file: IO[bytes], check: bool) -> int:
    """Send it as one record, whose content type its name tells; an mbox as a record for each of its messages. Gives how
    many of these were left out, of each of which it is said why. Raises ClickException for a file that is one record
    and that Screen would refuse."""
    form = form_of(file)
    if form == FORMS[".mbox"]:
        return _send_messages(publisher, topic, as_published(file.read(), form), check)
    kinds = _send(publisher, topic, file.read(OCTETS_MAX + 1), form, check)
    publisher.flush()
    click.echo(f"published whole to {topic}: {_counted(kinds) if check else UNCHECKED}", err=True)
    return 0


def as_published(octets: bytes, form: str) -> list[tuple[bytes, str]]:
    """The records that a file becomes, each with its content type. One takes few messages of an mbox, and who has been
    collecting bounces has thousands of them: each becomes a record."""
    if form != FORMS[".mbox"]:
        return [(octets, form)]
    messages = import_module("sidestep.streams.screen.feedback.mime").messages(octets, most=None)
    return [(message, FORMS[".eml"]) for message in messages]


def _send_messages(publisher: Publisher, topic: str, messages: list[tuple[bytes, str]], check: bool) -> int:
    kinds, bad = list[str](), 0
    for number, (message, form) in enumerate(messages, 1):
        try:
            kinds += _send(publisher, topic, message, form, check)
        except click.ClickException as error:
            click.echo(f"message {number}: {error.message}", err=True)
            bad += 1
    publisher.flush()
    left = f"; {bad} left out" if bad else ""
    told = _counted(kinds) if check else UNCHECKED
    click.echo(f"{len(messages) - bad} messages published to {topic}: {told}{left}", err=True)
    return bad


def _send(publisher: Publisher, topic: str, octets: bytes, form: str, check: bool) -> list[str]:
    """Send a record. Gives the kinds of what Screen will read out of it, where that is looked at."""
    if len(octets) > OCTETS_MAX:
        raise click.ClickException(f"it is larger than {OCTETS_MAX:,} octets, which is what a record takes")
    kinds = _kinds(octets, topic, form) if check else []
    publisher.publish_bytes(topic, octets, None, {"content-type": form} if form else None)
    return kinds


def _kinds(octets: bytes, topic: str, form: str) -> list[str]:
    try:
        read_feedback = import_module("sidestep.streams.screen.intake").read_feedback
        events = read_feedback(octets, BY_NAME[general_of(topic)].schema, form, time.time())
    except ContractError as error:
        hint = "; if each of its lines is a record, --lines sends them so" if form != FORMS[".eml"] else ""
        raise click.ClickException(f"not published: {printable(str(error))}{hint}") from None
    return [event.kind for event in events]


def _counted(kinds: list[str]) -> str:
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "nothing in it counts"


def form_of(file: IO[bytes]) -> str:
    """The content type that a file's name tells; "" where it tells none."""
    return FORMS.get(PurePath(str(getattr(file, "name", ""))).suffix.lower(), "")
