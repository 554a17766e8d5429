"""The demo's mailer and the world behind it: what is reported back about a message that was approved. Pure.

Seeded by what is sent, not by when: the same message has the same fate in every run of a seed.
"""

import zlib
from collections import Counter
from collections.abc import Mapping

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.feedback import EngagementKind
from sidestep.streams.demo.model import EngagementShares, Fate
from sidestep.streams.demo.seen import Seen

BOUNCES: Mapping[Fate, tuple[str, str]] = {
    "gone": ("5.1.1", "550 5.1.1 The email account that you tried to reach does not exist"),
    "suspended": ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled"),
    "full": ("4.2.2", "452 4.2.2 The recipient's inbox is out of storage space"),
    "blocked": ("5.7.1", "554 5.7.1 Service unavailable; client host blocked using a reputation list"),
}
"""Enhanced status code (RFC 3463) and reply of each fate that bounces."""

ENGAGEMENTS: tuple[EngagementKind, ...] = ("replied", "clicked", "opened", "delivered")

Report = Bounce | Engagement


class Mailer:
    """Sends what is approved. `reported` counts what it has told, by kind; `blocked` are addresses that said nothing
    bad about themselves but whose provider refused us."""

    def __init__(self, fates: Mapping[str, Fate], shares: EngagementShares, report_twice: float, seed: int):
        self._fates = fates
        self._shares = shares
        self._report_twice = report_twice
        self._seed = seed
        self.reported: Counter[str] = Counter()
        self.twice = 0
        self.blocked: set[str] = set()
        self.sent_after_block = 0

    def send(self, verdict: Seen) -> list[Report]:
        """An approved verdict -> what comes back; the same report twice where a webhook is delivered twice."""
        if verdict.test:
            return []
        if verdict.to in self.blocked:
            self.sent_after_block += 1
        fate = self._fates.get(verdict.to)
        report = self._bounce(verdict, fate) if fate in BOUNCES else self._from_a_person(verdict, fate)
        if report is None:
            return []
        self.reported[report.kind if isinstance(report, Engagement) or report.kind != "bounce" else str(fate)] += 1
        if self._draw(verdict, "twice") < self._report_twice:
            self.twice += 1
            return [report, report]
        return [report]

    def _bounce(self, verdict: Seen, fate: Fate | None) -> Bounce:
        assert fate is not None
        if fate == "blocked":
            self.blocked.add(verdict.to)
        status, reply = BOUNCES[fate]
        return Bounce(
            recipient=verdict.to,
            id=f"dsn-{verdict.id}-{verdict.attempt}",
            service=verdict.service,
            intent_id=verdict.id,
            token=verdict.token,
            status=status,
            reply=reply,
        )

    def _from_a_person(self, verdict: Seen, fate: Fate | None) -> Report | None:
        if fate == "complains":
            return Bounce(
                recipient=verdict.to,
                kind="complaint",
                id=f"arf-{verdict.id}",
                service=verdict.service,
                intent_id=verdict.id,
                token=verdict.token,
            )
        if fate == "silent":  # nobody reads it, and the server says nothing against it: a spam trap, for example
            return self._engagement(verdict, "delivered")
        if fate == "unsubscribes":
            return self._engagement(verdict, "unsubscribed")
        draw = self._draw(verdict, "engagement")
        for kind in ENGAGEMENTS:
            draw -= getattr(self._shares, kind)
            if draw < 0:
                return self._engagement(verdict, kind)
        return None

    def _engagement(self, verdict: Seen, kind: EngagementKind) -> Engagement:
        return Engagement(
            recipient=verdict.to,
            kind=kind,
            id=f"{kind}-{verdict.id}-{verdict.attempt}",
            service=verdict.service,
            intent_id=verdict.id,
            token=verdict.token,
        )

    def _draw(self, verdict: Seen, what: str) -> float:
        """From 0 to 1, the same for the same message."""
        text = f"{self._seed}/{what}/{verdict.service}/{verdict.id}"
        return zlib.crc32(text.encode("utf-8", "replace")) / 2**32
