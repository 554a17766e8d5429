"""Octets that are no feedback we know: what they are, in a sentence for whoever sent them. Pure."""

import json
from typing import Any

from sidestep.streams.screen.feedback.mime import OCTETS_MAX
from sidestep.streams.screen.feedback.outcome import TOO_MANY_EVENTS
from sidestep.streams.screen.feedback.webhooks.event import EVENTS_MAX, VALUES_MAX, is_crowded, table
from sidestep.streams.screen.feedback.webhooks.read import EVENT_NAMES, is_foreign
from sidestep.streams.screen.feedback.words import MESSAGES_MAX

NEITHER = "neither our schema nor any report or webhook that we know"
CONFIRMATION = (
    "Amazon SNS asks whether this subscription is wanted, and sends nothing before somebody opens the SubscribeURL of "
    "this record, once; `sidestep receive` does so by itself"
)
"""https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""
ODD_FIELD = "a report or a webhook that we know, with a field that no server and no provider sends so"
NOBODY = (
    "a bounce that does not say whose: no address but ours in it, and no message of ours with one. Send mail from an "
    "address that holds the recipient, such as bounces+ID=ada=example.org@example.com, and it will be read"
)
FOREIGN = (
    "JSON of a provider that we do not know. If it is meant in our schema, say `kind`; else translate it to Bounce and "
    "Engagement"
)
TOO_MANY = (
    f"more than {EVENTS_MAX} events, {MESSAGES_MAX} messages of an mbox or {VALUES_MAX:,} values in one record: "
    "none was read. Publish them in smaller pieces"
)
ENDED = "Amazon SNS says that a subscription has ended: nothing comes by it any more"
_QUOTED_NAMES = tuple(f'"{name}"'.encode() for name in EVENT_NAMES)
ANSWERS = {"SubscriptionConfirmation": CONFIRMATION, "UnsubscribeConfirmation": ENDED}
"""By the `Type` of what SNS asks itself."""


def why_unread(reason: str, ours: str) -> str:
    """Why JSON of many events, or of an unknown provider, was not read; `ours`: why it is not in our schema."""
    if reason == TOO_MANY_EVENTS:
        return TOO_MANY
    return FOREIGN if ours == FOREIGN else f"{NEITHER} ({ours}); {FOREIGN}"


def is_foreign_octets(value: bytes) -> bool:
    """Whether JSON is another's event (`is_foreign`). Octets first: hardly any of ours is parsed twice."""
    if not any(name in value for name in _QUOTED_NAMES) or is_crowded(value):
        return False
    try:
        return is_foreign(table(json.loads(value[: OCTETS_MAX * 4], strict=False)))
    except (ValueError, RecursionError):
        return False


def why_unknown(value: bytes, ours: str, source: str = "") -> str:
    """`ours`: why it is not in our schema. `source`: the provider whose webhook it is all the same. No value of it is
    quoted."""
    try:
        body: Any = json.loads(value[: OCTETS_MAX * 4], strict=False)
    except (ValueError, RecursionError):
        like_json = value[:200].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
        return f"{NEITHER}: it begins as JSON does, and is none" if like_json else f"{NEITHER} ({ours})"
    fields = table(body)
    if "recipient" in fields:
        return ours
    if source:
        return ANSWERS.get(
            str(fields.get("Type")), f"a webhook's body of {source}, in which nothing stands that counts"
        )
    return f"{NEITHER} ({ours})"
