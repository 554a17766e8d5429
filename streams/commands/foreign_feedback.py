"""Records of feedback that are not in the schema of their topic: what Screen reads in them, for `sidestep tail`.
Pure."""

from dataclasses import dataclass, replace
from importlib import import_module

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import ContractError, encode
from sidestep.topics.catalog import BY_NAME
from sidestep.topics.received import Received, Unreadable


@dataclass(frozen=True)
class ForeignFeedback:
    """A report, a webhook's body, or the other topic's schema: its octets, the events in it, and a line for each
    outcome, with those of what does not count."""

    octets: bytes
    events: list[Bounce | Engagement]
    lines: list[str]


def read_out(record: Received, now: float) -> Received:
    """The record with what Screen reads in it, or why it makes a dead letter of it. As it is where it needs no reading,
    and without what `sidestep[worker]` installs. `now`: Unix seconds."""
    value, entry = record.value, BY_NAME.get(record.topic)
    if not isinstance(value, Unreadable) or value.octets is None or entry is None:
        return record
    if entry.schema not in (Bounce, Engagement):
        return record
    form = next((text.decode("latin-1") for name, text in record.headers.items() if text and _is_form(name)), "")
    try:
        intake = import_module("sidestep.streams.screen.intake")
    except ModuleNotFoundError:
        return record
    try:
        events, forms = intake.read_forms(value.octets, entry.schema, form, now)
    except ContractError as error:
        return replace(record, value=Unreadable(error.code, str(error), value.octets))
    lines = [encode(event).decode() for event in events] if forms[0][0] == "sidestep" else _lines(value.octets, form)
    return replace(record, value=ForeignFeedback(value.octets, events, lines))


def _is_form(name: str) -> bool:
    return name.lower() == "content-type"


def _lines(octets: bytes, form: str) -> list[str]:
    outcomes = import_module("sidestep.streams.commands.outcome_lines")
    return [outcomes.outcome_line(outcome) for outcome in outcomes.outcomes_in(octets, form)]
