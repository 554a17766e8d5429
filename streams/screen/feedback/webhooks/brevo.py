"""Brevo's webhooks, transactional and marketing: one event an object, `event` and `email` beside Brevo's own clocks.

https://developers.brevo.com/docs/transactional-webhooks and /docs/marketing-webhooks
"""

import json
from collections.abc import Iterator
from typing import Any

from sidestep.streams.screen.feedback.outcome import Event
from sidestep.streams.screen.feedback.webhooks.event import (
    SILENCE,
    WebhookEvent,
    address,
    correlation,
    first_of,
    members,
    moment,
    table,
    text,
)

EVENTS: dict[str, Event] = {
    "delivered": "delivered", "hard_bounce": "bounce", "soft_bounce": "bounce", "deferred": "bounce",
    "blocked": "bounce", "invalid_email": "bounce", "error": "bounce", "spam": "complaint", "opened": "opened",
    "unique_opened": "opened", "click": "clicked", "unsubscribe": "unsubscribed", "unsubscribed": "unsubscribed",
}  # fmt: skip
SILENT = ("request", "sent", "proxy_open", "unique_proxy_open", "list_addition", "contact_updated", "contact_deleted")
"""Events that say nothing of a person: accepted by Brevo, opened by a proxy (Apple's), changes of lists."""
REASONS = {
    "hard_bounce": "userunknown",
    "soft_bounce": "onhold",
    "deferred": "expired",
    "blocked": "suppressed",
    "invalid_email": "userunknown",
    "error": "systemerror",
}
"""What an event means where its words say nothing; `blocked`: by Brevo's own list, nothing was sent."""
DECIDED = ("blocked", "invalid_email")
CLOCKS = ("ts_epoch", "ts_event")


def recognises(body: Any) -> bool:
    """Whether a body is Brevo's: by its clocks next to a message id, or by `camp_id` of a campaign."""
    first = first_of(body)
    own = "message-id" in first and any(clock in first for clock in CLOCKS)
    return "event" in first and "email" in first and (own or "camp_id" in first)


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body."""
    for fields in members(body):
        kind = text(fields.get("event"))
        if kind in EVENTS:
            yield _webhook_event(kind, fields)
        elif kind in SILENT:
            yield SILENCE


def _webhook_event(kind: str, fields: Any) -> WebhookEvent:
    name = address(fields.get("email"))
    message = text(fields.get("message-id")) or text(fields.get("camp_id"))
    at = _at(fields)
    return WebhookEvent(
        EVENTS[kind], name, f"{message}:{kind}:{name}:{at}", at, text(fields.get("reason")), "", "",
        REASONS.get(kind, ""), decided=kind in DECIDED, temporary=kind in ("soft_bounce", "deferred"),
        **correlation(_custom(text(fields.get("X-Mailin-custom"))), fields),
    )  # fmt: skip


def _at(fields: Any) -> float | str | None:
    """Unix seconds; `ts_epoch` has milliseconds, or seconds in Brevo's own examples."""
    at = moment(fields.get("ts_epoch")) or moment(fields.get("ts_event")) or moment(fields.get("ts"))
    return at / 1000 if isinstance(at, int | float) and at > 1e11 else at


def _custom(said: str) -> dict[str, Any]:
    """The header X-Mailin-custom: a JSON object, or `name:value|name:value`."""
    try:
        return dict(table(json.loads(said)))
    except (ValueError, RecursionError):
        return dict(pair.strip().split(":", 1) for pair in said.split("|") if ":" in pair)
