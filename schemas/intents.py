"""What a service publishes when it wants to send one message to one recipient (topic email-intents)."""

from typing import Annotated, Any

from msgspec import Meta, Struct

Id = Annotated[str, Meta(min_length=1, max_length=200, description="Unique within its service.")]
# RFC 5321 allows 254 octets. Somewhat longer ones are let in, so that they get a verdict that says so.
Address = Annotated[str, Meta(min_length=1, max_length=1000)]
ServiceName = Annotated[str, Meta(min_length=1, max_length=100)]
CLAIMED = " (claimed)"
"""Behind a service's name in tallies, anomalies and holds: those who only say that they are it, though somebody can
prove it. No service has a name that ends so."""
Label = Annotated[str, Meta(max_length=200)]
Time = Annotated[float | str | None, Meta(description="Unix time in seconds, or RFC 3339 text. Between 2000 and now.")]


class EmailIntent(Struct, omit_defaults=True, kw_only=True):
    """One message to one recipient that a service wants to send. The answer is one Verdict."""

    id: Id
    to: Address
    service: ServiceName
    attempt: Annotated[
        int, Meta(ge=1, le=1000, description="1; the next number when offered again: all else stays the same then.")
    ] = 1
    stream: Annotated[Label, Meta(description="transactional, marketing, …")] = ""
    campaign: Label = ""
    source: Annotated[Label, Meta(description="The form or import batch the address came from.")] = ""
    created_at: Time = None
    consent_at: Time = None
    test: Annotated[bool, Meta(description="Judged, but leaves no trace; its ids are its own.")] = False
    metadata: Annotated[dict[str, Any] | None, Meta(description="Echoed in the verdict; at most 16 KiB.")] = None
