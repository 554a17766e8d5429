"""What became of a message that was sent: topics email-bounces and email-engagement, in our own schema."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from sidestep.schemas.intents import Address, OptionalId, OptionalService, Time

Text = Annotated[str, Meta(max_length=4000)]
Token = Annotated[
    str, Meta(max_length=100, description="The verdict's token: by it we know that this is about a message of ours.")
]

Scope = Literal["recipient", "domain", "message", "us", "transient"]
"""Whom a bounce blames. `us` (block, reputation, authentication) never marks a recipient."""

EngagementKind = Literal["delivered", "opened", "clicked", "replied", "unsubscribed", "subscribed"]


class Bounce(Struct, omit_defaults=True, kw_only=True):
    """A bounce, complaint or trap hit. Of a bounce: `reason`, or `scope` and `hard`, or `status`, or just `reply`."""

    recipient: Address
    kind: Annotated[
        Literal["bounce", "complaint", "not-spam", "trap-hit"],
        Meta(description="trap-hit: the recipient is a spam trap, as its operator or your provider says."),
    ] = "bounce"
    id: Annotated[OptionalId, Meta(description="Counts once by it; derived from the content where absent.")] = ""
    service: OptionalService = ""
    intent_id: OptionalId = ""
    status: Annotated[
        str, Meta(pattern=r"(?a)^([245]\.\d{1,3}\.\d{1,3})?\Z", description="Enhanced status code, RFC 3463.")
    ] = ""
    reply: Annotated[
        Text,
        Meta(description="What the remote server said; classified where nothing else tells what kind of bounce it is."),
    ] = ""
    reason: Annotated[str, Meta(max_length=100, description="userunknown, mailboxfull, blocked, suspend, …")] = ""
    hard: bool | None = None
    scope: Scope | None = None
    occurred_at: Time = None
    token: Token = ""


class Engagement(Struct, omit_defaults=True, kw_only=True):
    """A sign of life: the message was delivered, or a person did something with it."""

    recipient: Address
    kind: Annotated[
        EngagementKind,
        Meta(description="subscribed: the person wants mail, again perhaps; lifts an opt-out by the policy's leave."),
    ]
    id: Annotated[OptionalId, Meta(description="Counts once by it; derived from the content where absent.")] = ""
    service: OptionalService = ""
    intent_id: OptionalId = ""
    occurred_at: Time = None
    token: Token = ""
