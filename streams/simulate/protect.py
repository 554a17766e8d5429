"""Protectors of the simulated company: the protocol, and three that Sidestep is compared with. Pure.

What they see is what a company has: intents, name servers' answers, reports. Truth is elsewhere.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from sidestep.schemas import Bounce, EmailIntent, Engagement, MxFinding
from sidestep.schemas.verdicts import Action
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.feedback.reasons import meaning_of

LookUp = Callable[[str, float], MxFinding]
"""A domain and the time (Unix seconds) -> what name servers say of it then."""

DAY = 86400


class Offer(NamedTuple):
    """An intent that a service offers, at Unix seconds."""

    at: float
    intent: EmailIntent


class Advice(NamedTuple):
    """What is to become of an intent. `retry_at`: Unix seconds, where it is deferred."""

    action: Action
    retry_at: float = 0.0
    risk: float = 0.0
    rules: tuple[str, ...] = ()


SEND = Advice("send")
DROP = Advice("drop", risk=1.0)


class Protector(Protocol):
    """Somebody who says of each intent whether it is sent, and hears what came of those that were."""

    def tell(self, at: float, reports: Sequence[Bounce | Engagement]) -> None:
        """What has been heard, at Unix seconds."""

    def offer(self, offers: Sequence[Offer]) -> list[Advice]:
        """A ruling for each, in their order."""


class Unprotected:
    """Nobody: whatever is offered is sent."""

    def tell(self, at: float, reports: Sequence[Bounce | Engagement]) -> None:
        """Nobody listens."""

    def offer(self, offers: Sequence[Offer]) -> list[Advice]:
        """Send it all."""
        return [SEND] * len(offers)


class SyntaxAndMx:
    """What a validator at a form does: refuses what is no address, and domains that take no mail."""

    def __init__(self, look_up: LookUp):
        self._look_up = look_up

    def tell(self, at: float, reports: Sequence[Bounce | Engagement]) -> None:
        """A validator remembers nothing."""

    def offer(self, offers: Sequence[Offer]) -> list[Advice]:
        """By the address alone."""
        return [self._rule(offer) for offer in offers]

    def _rule(self, offer: Offer) -> Advice:
        address = parse(offer.intent.to)
        bad = address.reason or self._look_up(address.domain, offer.at).outcome == "no"
        return DROP if bad else SEND


class BounceSuppression:
    """What mailing systems do: after a hard bounce an address gets nothing for `days`; after a complaint or an opt-out
    from what is not transactional, for good."""

    def __init__(self, days: int = 30):
        self._seconds = days * DAY
        self._bounced: dict[str, float] = {}
        self._refused: set[str] = set()
        self._opted_out: set[str] = set()

    def tell(self, at: float, reports: Sequence[Bounce | Engagement]) -> None:
        """Remembers who has bounced, complained, opted out."""
        for report in reports:
            if isinstance(report, Engagement):
                if report.kind == "unsubscribed":
                    self._opted_out.add(report.recipient)
            elif report.kind == "complaint":
                self._refused.add(report.recipient)
            else:
                meaning = meaning_of(report)
                if meaning.hard or meaning.reason == "suspend":
                    self._bounced[report.recipient] = at

    def offer(self, offers: Sequence[Offer]) -> list[Advice]:
        """By what was remembered."""
        return [DROP if self._suppressed(offer) else SEND for offer in offers]

    def _suppressed(self, offer: Offer) -> bool:
        to = offer.intent.to
        if to in self._refused or (to in self._opted_out and offer.intent.stream != "transactional"):
            return True
        return offer.at - self._bounced.get(to, -self._seconds) < self._seconds
