"""Webhook events: what a provider says of one recipient, before it is classified; and safe ways into any JSON."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sidestep.streams.screen.feedback.outcome import Event

INTENT_KEYS = (
    "intent_id", "intent-id", "sidestep_intent_id", "sidestep-intent-id", "x-sidestep-intent", "sidestep_intent",
)  # fmt: skip
SERVICE_KEYS = ("sidestep_service", "sidestep-service", "x-sidestep-service")
TOKEN_KEYS = ("sidestep_token", "sidestep-token", "x-sidestep-token")
TEXT_MAX = 4000
MEMBERS_MAX = 1000
"""Members of metadata or header fields of a message that are looked at."""
EVENTS_MAX = 100
"""Events of one body: no record may become a thousand others. A message has as many recipients (RFC 5321 4.5.3.1.8)."""


VALUES_MAX = 50_000
"""Values of a body's JSON: of a hundred events, five hundred each."""


class WebhookEvent(NamedTuple):
    """An event of a provider's webhook. `event` as in our schema, "" for what is only worth a note."""

    event: Event
    recipient: str
    id: str
    occurred_at: float | str | None = None
    reply: str = ""
    status: str = ""
    host: str = ""
    reason: str = ""
    """The provider's own category as a reason; counts where its words say nothing."""
    decided: bool = False
    """…or counts whatever the words say."""
    temporary: bool = False
    """The provider tries again: never final, whatever the words say."""
    intent_id: str = ""
    service: str = ""
    token: str = ""


SILENCE = WebhookEvent("", "", "", reason="silent")
"""A documented event that says nothing of what became of a message, nor of a person."""


def is_crowded(body: bytes) -> bool:
    """Whether JSON has more values than are read, by its commas and brackets: making them alone would take long."""
    return sum(map(body.count, (b",", b"[", b"{"))) > VALUES_MAX


def text(value: Any) -> str:
    """A JSON string or number as text; "" for anything else."""
    if isinstance(value, str):
        return value[:TEXT_MAX]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def table(value: Any) -> Mapping[str, Any]:
    """A JSON object; {} for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The items of a JSON array; [] for anything else."""
    return value if isinstance(value, list) else []


def members(body: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a body: those of an array, or the body itself."""
    yield from map(table, body if isinstance(body, list) else [body])


def first_of(body: Any) -> Mapping[str, Any]:
    """The first object of a body, by which its provider is told."""
    return next(members(body), {})


def address(value: Any) -> str:
    """The address in `Neko <neko@example.com>`, or the bare one."""
    said = text(value)[:500]
    return said.rpartition("<")[2].split(">")[0].strip()


def moment(value: Any) -> float | str | None:
    """A time as it came: Unix seconds (a number or digits) or RFC 3339 text; None for none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    said = text(value)[:40].strip()
    return (float(said) if said.replace(".", "", 1).isdigit() and said.isascii() else said) or None


def correlation(*sources: Any) -> dict[str, Any]:
    """The `intent_id`, `service` and `token` that went along with the message: metadata, tags, headers, variables."""
    found = {"intent_id": "", "service": "", "token": ""}
    for source in sources:
        pairs = _pairs(source)
        for name, keys in (("intent_id", INTENT_KEYS), ("service", SERVICE_KEYS), ("token", TOKEN_KEYS)):
            found[name] = found[name] or next((pairs[key] for key in keys if pairs.get(key)), "")
    most = {"intent_id": 200, "service": 100, "token": 100}
    return {name: value[: most[name]] for name, value in found.items()}


def _pairs(source: Any) -> dict[str, str]:
    """An object, an object of lists (SES tags), or a list of name and value (headers), names in lower case."""
    if isinstance(source, dict):
        return {str(key).lower(): text(_first(value)) for key, value in source.items()}
    return {text(pair.get("name")).lower(): text(pair.get("value")) for pair in map(table, items(source)[:MEMBERS_MAX])}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value
