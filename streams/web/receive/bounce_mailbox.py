"""The mailbox: what an LMTP session (RFC 2033) with our mail server says of a message, and the record it becomes.

One record a message, whoever it is for, as it came: `message/rfc822`. The addresses of the envelope go along in
headers, so that a VERP address is there for whoever can read it. Nothing here checks one.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sidestep.streams.web.receive.api import Publish
from sidestep.streams.web.receive.confirming import NotTaken
from sidestep.streams.web.receive.received_metrics import ReceivedMetrics
from sidestep.topics.catalog import BOUNCES
from sidestep.topics.publish import Headers

DOOR = "lmtp"
"""In metrics and headers; no other door is called so."""
MESSAGE_MAX = 10_000_000
"""Octets of a message. Some servers send the whole original back."""
KEPT_MAX = 1_000_000
"""Octets that are published, a little less than Kafka takes: a report stands at the beginning, before the original."""
RECIPIENTS_MAX = 50
ADDRESS_MAX = 320

TAKEN = "250 2.0.0 taken"
LATER = "451 4.3.0 not taken by Kafka, try again later"
TOO_MANY = "452 4.5.3 too many recipients, send the others in another transaction"
TOO_LONG = "501 5.1.3 the address is too long"


class BounceMailbox:
    """The mailbox's side of all sessions."""

    def __init__(
        self,
        publish: Publish,
        metrics: ReceivedMetrics,
        clock: Callable[[], float] = time.time,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`clock`: Unix seconds; `clock_ns`: nanoseconds, only forward."""
        self._publish, self._metrics = publish, metrics
        self._clock, self._clock_ns = clock, clock_ns

    def recipient(self, address: str, before: list[str]) -> str:
        """The reply to one more recipient; "" where it is one."""
        if len(address) > ADDRESS_MAX:
            return TOO_LONG
        return TOO_MANY if len(before) >= RECIPIENTS_MAX else ""

    async def message(self, sender: str, recipients: list[str], octets: bytes) -> str:
        """The reply to a whole message, for each of its recipients: 250 only when Kafka has it."""
        began = self._clock_ns()
        headers = record_headers(sender, recipients, self._clock())
        try:
            await self._publish(BOUNCES.name, octets[:KEPT_MAX], headers)
            outcome, reply = "published", TAKEN
        except NotTaken:
            outcome, reply = "not-taken", LATER
        self._metrics.count(DOOR, outcome, (self._clock_ns() - began) / 1e9)
        return reply

    def refused(self, outcome: str) -> None:
        """Count what did not become a message."""
        self._metrics.count(DOOR, outcome, 0.0)


def record_headers(sender: str, recipients: list[str], now: float) -> Headers:
    """The headers of a message's record. `envelope-to` is a JSON array, for an address may hold any sign."""
    return {
        "content-type": "message/rfc822", "provider": DOOR, "door": DOOR,
        "received-at": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        "envelope-from": sender.encode("utf-8", "replace"), "envelope-to": json.dumps(recipients),
    }  # fmt: skip
