"""Records on their way to Kafka, by where they go. One type for the publisher and the ledger. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Batches = Mapping[tuple[str, int], list[dict[str, Any]]]
"""By topic and partition: dicts with key and value."""


@dataclass
class Outgoing:
    """Records to send: `batches` go out at C speed, `singles` are arguments of produce(), for those with headers."""

    batches: Batches = field(default_factory=dict)
    singles: Sequence[dict[str, Any]] = ()
