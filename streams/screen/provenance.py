"""How a record of feedback came to us, by its Kafka headers: those that `sidestep receive` writes. Pure.

They are claims of whoever wrote the record, unless its signature holds, which covers them.
"""

import msgspec

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.intents import CLAIMED
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.feedback.origin import verp
from sidestep.topics.headers import UnreadableHeaders, headers_of

DOOR, SERVICE, ENVELOPE = "door", "service", "envelope-to"
TEXT_MAX = 100


class Provenance(msgspec.Struct, frozen=True):
    """Where feedback comes from."""

    proved: str = ""
    """The key whose signature held; empty: none."""
    door: str = ""
    """Where it came in; a claim unless `proved`."""
    claimed: frozenset[str] = frozenset()
    """Services that it names and nothing proves, although somebody could."""
    forms: tuple[tuple[str, str, str], ...] = ()
    """How its events were told (intake.FeedbackForm)."""


NOWHERE = Provenance()


def header_of(record: Record, name: str) -> str:
    """A header of a Kafka record, its name in any case of letters; "" where there is none, or none that can be read."""
    try:
        headers = headers_of(record)
    except UnreadableHeaders:
        return ""
    return next((value.decode("latin-1") for each, value in headers if value and each.lower() == name), "")


def door_of(record: Record) -> str:
    """The door's name; "" where none is told."""
    return _short(header_of(record, DOOR))


def service_of(record: Record) -> str:
    """Whose mail it is about, as the door says; "" where none is told."""
    service = _short(header_of(record, SERVICE))
    return "" if service.endswith(CLAIMED) else service


def complete(record: Record, events: list[Bounce | Engagement]) -> None:
    """Of a record that came in by a door: whose mail it is about, and the token of the address to which it came back,
    where the events don't say so themselves."""
    service, token = service_of(record), _envelope_token(record)
    for event in events:
        event.service = event.service or service
        event.token = event.token or token


def _short(text: str) -> str:
    return text if len(text) <= TEXT_MAX and text.isprintable() else ""


def _envelope_token(record: Record) -> str:
    text = header_of(record, ENVELOPE)
    try:
        addresses = msgspec.json.decode(text, type=list[str]) if text else []
    except msgspec.DecodeError:
        return ""
    return next((token for address in addresses if (token := verp(address).token)), "")
