"""What a service publishes when it wants to send one message to one recipient (topic email-intents)."""

from typing import Annotated, Any

from msgspec import Meta, Struct

EARLIEST = 946_684_800
"""2000-01-01, Unix seconds: nothing in this system is older."""
ATTEMPT_MAX = 1000
CLAIMED = " (claimed)"
"""Behind a service's name in tallies, anomalies and holds: those who only say that they are it, though somebody can
prove it. No service has a name that ends so."""

# What follows is told to others alone, by the JSON Schema: reading.py looks more closely, with sentences of its own.
PRINTABLE = {"pattern": r"^[^\x00-\x1f\x7f-\x9f]*\Z"}
WITHOUT_NUL = {"pattern": r"^[^\x00]*\Z"}
NOT_CLAIMED = {"not": {"pattern": r"^.* \(claimed\)\Z"}}
# no time is 1e11 seconds in: from there on milliseconds are meant
SECONDS = {"minimum": EARLIEST, "maximum": 99_999_999_999}
TIME_TEXT = {"pattern": r"^[0-9]{4}-?([0-9]{2}-?[0-9]{2}|W[0-9]{2}(-?[0-9])?)([^0-9][0-9:.,]+(Z|z|[+-][0-9:.]+)?)?\Z"}

Id = Annotated[
    str, Meta(min_length=1, max_length=200, description="Unique within its service.", extra_json_schema=PRINTABLE)
]
OptionalId = Annotated[str, Meta(max_length=200, extra_json_schema=PRINTABLE)]
# RFC 5321 allows 254 octets. Somewhat longer ones are let in, so that they get a verdict that says so.
Address = Annotated[str, Meta(min_length=1, max_length=1000, extra_json_schema=WITHOUT_NUL)]
ServiceName = Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema=PRINTABLE | NOT_CLAIMED)]
OptionalService = Annotated[str, Meta(max_length=100, extra_json_schema=PRINTABLE | NOT_CLAIMED)]
Label = Annotated[str, Meta(max_length=200, extra_json_schema=WITHOUT_NUL)]
Time = Annotated[
    Annotated[float, Meta(extra_json_schema=SECONDS)] | Annotated[str, Meta(extra_json_schema=TIME_TEXT)] | None,
    Meta(description="Unix time in seconds, or RFC 3339 text. Between 2000 and now."),
]
Deadline = Annotated[
    Annotated[float, Meta(extra_json_schema=SECONDS)] | Annotated[str, Meta(extra_json_schema=TIME_TEXT)] | None,
    Meta(
        description="Unix time in seconds, or RFC 3339 text; after created_at. From then on it is never sent: rule "
        "`expired`."
    ),
]


class EmailIntent(Struct, omit_defaults=True, kw_only=True):
    """One message to one recipient that a service wants to send. The answer is one Verdict."""

    id: Id
    to: Address
    service: ServiceName
    attempt: Annotated[
        int,
        Meta(ge=1, le=ATTEMPT_MAX, description="1; the next number when offered again: all else stays the same then."),
    ] = 1
    stream: Annotated[Label, Meta(description="transactional, marketing, …")] = ""
    campaign: Label = ""
    source: Annotated[Label, Meta(description="The form or import batch the address came from.")] = ""
    created_at: Time = None
    consent_at: Time = None
    expires_at: Deadline = None
    test: Annotated[bool, Meta(description="Judged, but leaves no trace; its ids are its own.")] = False
    metadata: Annotated[
        dict[str, Any] | None,
        Meta(description="Echoed in the verdict; with it the record has at most 16 KiB, nested 32 levels deep."),
    ] = None
