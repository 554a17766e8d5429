"""Mandrill's (Mailchimp Transactional's) webhooks: an array of events, in a form's field `mandrill_events` or bare.

https://mailchimp.com/developer/transactional/docs/webhooks/
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from sidestep.streams.screen.feedback.outcome import Event
from sidestep.streams.screen.feedback.webhooks.event import (
    SILENCE,
    WebhookEvent,
    address,
    correlation,
    first_of,
    items,
    members,
    moment,
    table,
    text,
)

EVENTS: dict[str, Event] = {
    "delivered": "delivered", "deferral": "bounce", "hard_bounce": "bounce", "soft_bounce": "bounce",
    "reject": "bounce", "open": "opened", "click": "clicked", "spam": "complaint", "unsub": "unsubscribed",
}  # fmt: skip
SILENT = ("send", "inbound", "blacklist", "whitelist", "allowlist", "denylist")
"""Events that say nothing of what became of a message: handed over, mail to us, changes of Mandrill's lists."""
DESCRIPTIONS = {
    "bad_mailbox": "userunknown",
    "invalid_domain": "hostunknown",
    "mailbox_full": "mailboxfull",
    "message_too_large": "mesgtoobig",
    "spam": "spamdetected",
    "dns_failure": "networkerror",
    "general": "onhold",
}
"""Mandrill's own class, `bounce_description`."""
FIELD = "mandrill_events"
FORM = b"mandrill_events="
"""How the form begins."""


def unwrapped(octets: bytes) -> bytes:
    """The array in the field of a form; "" where there is none."""
    form = parse_qs(octets.decode("utf-8", "replace"), max_num_fields=20)
    return next(iter(form.get(FIELD, [])), "").encode()


def recognises(body: Any) -> bool:
    """Whether a body is Mandrill's: by its field, by a message with Mandrill's ids, or by a change of its lists."""
    first = first_of(_events(body))
    message = table(first.get("msg"))
    changed = text(first.get("type")) in SILENT and "action" in first and ("reject" in first or "entry" in first)
    return FIELD in table(body) or changed or ("event" in first and ("_id" in message or "raw_msg" in message))


def read(body: Any) -> Iterator[WebhookEvent]:
    """The events of a body; without any it is Mandrill's question whether somebody is there."""
    if not _events(body):
        yield SILENCE
    for fields in members(_events(body)):
        kind = text(fields.get("event")) or text(fields.get("type"))
        if kind in EVENTS:
            yield _webhook_event(kind, fields, table(fields.get("msg")))
        elif kind in SILENT:
            yield SILENCE


def _events(body: Any) -> Any:
    """The array, which may stand in a JSON object under the field's name."""
    inside = table(body).get(FIELD)
    if isinstance(inside, str):
        try:
            return json.loads(inside, strict=False)
        except (ValueError, RecursionError):
            return []
    return body if inside is None else items(inside)


def _webhook_event(kind: str, fields: Any, message: Any) -> WebhookEvent:
    name, at = address(message.get("email")), moment(fields.get("ts"))
    identity = f"{text(message.get('_id')) or text(fields.get('_id'))}:{kind}:{name}:{at}"
    return WebhookEvent(
        EVENTS[kind], name, identity, at, _reply(message), "", "", _category(kind, message),
        decided=kind == "reject", temporary=kind in ("deferral", "soft_bounce"),
        **correlation(message.get("metadata")),
    )  # fmt: skip


def _reply(message: Any) -> str:
    """What the server said: of a deferral it stands in the last attempt."""
    said = text(message.get("diag"))
    attempts = items(message.get("smtp_events"))
    said = said or (text(table(attempts[-1]).get("diag")) if attempts else "")
    return said.partition(";")[2] if said[:5].lower() == "smtp;" else said


def _category(kind: str, message: Any) -> str:
    if kind == "reject":
        return "suppressed"
    default = {"hard_bounce": "userunknown", "deferral": "expired"}.get(kind, "onhold")
    return DESCRIPTIONS.get(text(message.get("bounce_description")), default)
