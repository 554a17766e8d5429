"""A bad pattern (topic email-anomalies): what looks wrong, and which source to fix."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Anomaly(Struct, omit_defaults=True, kw_only=True):
    """One pattern in one window of one service or domain."""

    id: str
    subject: Literal["service", "domain"]
    name: Annotated[str, Meta(description="The service or the domain.")]
    pattern: str
    text: Annotated[str, Meta(description="One plain sentence: what, where, and what to do.")]
    severity: Literal["notice", "warning", "critical"]
    score: Annotated[float, Meta(ge=0, le=1)]
    features: dict[str, float]
    window_start: int
    window_end: int
    at: int
    source: str = ""
