"""A bad pattern (topic email-anomalies): what looks wrong, and which source to fix.

One anomaly stands for one incident: it is opened, updated while it lasts and closed, always under the same id. The
last record of an id says how it stands.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Anomaly(Struct, omit_defaults=True, kw_only=True):
    """One pattern in the windows of one service or domain, and how it stands. Times are Unix seconds of log time."""

    id: Annotated[str, Meta(description="Of the incident.")]
    subject: Annotated[
        Literal["service", "domain"],
        Meta(description="service: whose mail it is, `source` says more; domain: where the mail goes."),
    ]
    name: Annotated[str, Meta(description="The service, or the domain or MX provider; empty: all services together.")]
    pattern: Annotated[
        str,
        Meta(
            description="bounce-storm, unknown-burst, list-bombing, dormant-revival, engagement-collapse, "
            "complaint-budget, bounce-budget, volume-spike, trap-hits, reputation-block, stray-reports, "
            "forged-records, unusual"
        ),
    ]
    text: Annotated[str, Meta(description="One plain sentence: what, where, and what to do.")]
    severity: Literal["notice", "warning", "critical"]
    score: Annotated[float, Meta(ge=0, le=1)]
    features: Annotated[dict[str, float], Meta(description="What was seen, by name.")]
    window_start: Annotated[int, Meta(description="Of the window that this record was made for.")]
    window_end: int
    at: int
    source: Annotated[str, Meta(description="The source of addresses to fix, where one stands out.")] = ""
    state: Literal["opened", "updated", "closed"] = "opened"
    expected: Annotated[dict[str, float], Meta(description="What would have been usual, by the same names.")] = {}
    opened_at: Annotated[int, Meta(description="Start of the first window of the incident.")] = 0
    closed_at: Annotated[int, Meta(description="End of the last one; 0: it lasts.")] = 0
    campaign: str = ""
    provider: str = ""
    recipient_key: Annotated[str, Meta(description="Of the mailbox that is bombed, base64.")] = ""
    samples: Annotated[list[str], Meta(description="Ids of a few intents of it.")] = []
    held_until: Annotated[int, Meta(description="Until when it has put its service or source on hold; 0: not.")] = 0
    model: Annotated[str, Meta(description="Version of what it was scored with.")] = ""
