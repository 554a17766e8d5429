"""What becomes of a message that is sent: providers take, bounce, slow down or block it; people open it, complain, opt
out. Pure.

It depends on the message's own luck, on its recipient's life at that time and on the company's reputation, and on
nothing else: two runs in which the same message is sent at the same time see the same.
"""

import math
from collections import Counter
from typing import Literal, NamedTuple

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.feedback import EngagementKind
from sidestep.streams.simulate.assumptions import Span
from sidestep.streams.simulate.chance import branch
from sidestep.streams.simulate.domains import Epoch, Takes
from sidestep.streams.simulate.mailboxes import TRAPS, MailboxStage, Truth, truth
from sidestep.streams.simulate.plan import SimulationPlan, Wish
from sidestep.streams.simulate.reputation import CompanyReputation

HOUR = 3600
AGAIN = 900
"""Seconds after which a mailer tries again what a provider has put off."""
COURSE = {MailboxStage.GONE: "gone", MailboxStage.SUSPENDED: "suspended", MailboxStage.FULL: "full"}
REPLIES = {
    "gone": ("5.1.1", "550 5.1.1 The email account that you tried to reach does not exist"),
    "suspended": ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled"),
    "full": ("4.2.2", "452 4.2.2 The recipient's inbox is out of storage space"),
    "no-host": ("5.1.2", "550 5.1.2 Host unknown"),
    "blocked": ("5.7.1", "554 5.7.1 Service unavailable; client host blocked using a reputation list"),
    "slow": ("4.7.28", "421 4.7.28 Our system has detected an unusual rate of mail from your server"),
}
"""Enhanced status code (RFC 3463) and reply."""

Report = Bounce | Engagement


class Due(NamedTuple):
    """A report, and when the company hears it (Unix seconds)."""

    at: float
    report: Report


class Deliveries:
    """The mailer, the providers and the people behind them. `sent` and `hits` count what came of it, by truth."""

    def __init__(self, plan: SimulationPlan):
        world = plan.world
        self._people, self._times, self._engagement = world.people, world.delivery, world.dirt.engagement
        self._rate, self._refuses, self._junk_opens = (
            world.reputation.rate_a_minute, world.reputation.refuses, world.reputation.junk_opens,
        )  # fmt: skip
        self._crude_bounces = world.small_domains.crude_bounces
        self._circumstances = plan.circumstances
        self.reputation = CompanyReputation(world.reputation)
        self._minute = 0
        self._rates: Counter[str] = Counter()
        self._complained: dict[str, float] = {}
        self._opted_out: dict[str, float] = {}

    def hits(self, wish: Wish, when: float) -> Truth:
        """What a message hits then: the truth about its mailbox, and whether the person wants it."""
        found = truth(wish.mailbox, when)
        if found != "good":
            return found
        if wish.standing != "asked":
            return wish.standing
        address = wish.mailbox.address
        if when >= self._complained.get(address, math.inf):
            return "unwanted"
        if wish.stream != "transactional" and when >= self._opted_out.get(address, math.inf):
            return "unwanted"
        return "good"

    def send(self, wish: Wish, when: float) -> tuple[Truth | Literal["blocked"], list[Due]]:
        """A message goes out: what it hits in the end, and what will be heard of it."""
        self.reputation.sent(when)
        domain = wish.mailbox.domain
        epoch = domain.at(when)
        if epoch.takes is Takes.SILENCE:  # a mailer tries again until somebody answers
            when = next((later.since for later in domain.epochs if later.since > when), when) + 1
            epoch = domain.at(when)
        if epoch.takes is Takes.NOBODY:
            return "dead", [self._bounce(wish, when, "no-host", self._times.bounce_seconds)]
        house = domain.runs_it if domain.runs_it != "own" else epoch.finding.provider or "own"
        if self._blocked(house, wish, when):
            return "blocked", [self._bounce(wish, when, "blocked", self._times.bounce_seconds)]
        slowed = self._slowed(wish, house, when)
        if slowed:
            when += AGAIN
        return self._deliver(wish, house, epoch, when, slowed)

    # -- providers ---------------------------------------------------------------------------------------------------

    def _blocked(self, house: str, wish: Wish, when: float) -> bool:
        if self._circumstances.blocks and any(it.covers(when, house) for it in self._circumstances.blocks):
            return True
        return self.reputation.refuses(house, when) and branch(wish.luck, 3) < self._refuses

    def _slowed(self, wish: Wish, house: str, when: float) -> list[Due]:
        minute = int(when // 60)
        if minute != self._minute:
            self._minute = minute
            self._rates.clear()
        self._rates[house] += 1
        if house == "own" or self._rates[house] <= self._rate:
            return []
        return [self._bounce(wish, when, "slow", self._times.bounce_seconds)]

    def _deliver(
        self, wish: Wish, house: str, epoch: Epoch, when: float, heard: list[Due]
    ) -> tuple[Truth | Literal["blocked"], list[Due]]:
        hit = self.hits(wish, when)
        course = COURSE.get(wish.mailbox.stage(when)) if epoch.takes is Takes.PEOPLE else None
        if course is not None:
            late = course == "gone" and branch(wish.luck, 0) < self._people.late_bounce
            if late:  # its server takes anything, and finds out later
                heard.append(self._delivered(wish, when))
                hours = self._times.late_hours
                return hit, [*heard, self._bounce(wish, when, course, (hours[0] * HOUR, hours[1] * HOUR))]
            return hit, [*heard, self._bounce(wish, when, course, self._times.bounce_seconds)]
        if wish.mailbox.domain.crude and branch(wish.luck, 4) < self._crude_bounces:
            return "blocked", [*heard, self._bounce(wish, when, "gone", self._times.bounce_seconds)]
        heard.append(self._delivered(wish, when))
        self.reputation.delivered(house)
        if hit in TRAPS:
            self.reputation.hit(hit)
            if wish.mailbox.robot and self._engagement:
                heard += [self._engaged(wish, when + 60, "opened"), self._engaged(wish, when + 61, "clicked")]
            return hit, heard
        if hit not in ("abandoned", "unread", "dead"):
            heard += self._read(wish, hit, house, when)
        return hit, heard

    # -- people ------------------------------------------------------------------------------------------------------

    def _read(self, wish: Wish, hit: Truth, house: str, when: float) -> list[Due]:
        """What a living person does with it."""
        people, transactional = self._people, wish.stream == "transactional"
        junk = self.reputation.junk(house, when) or any(
            it.covers(when, house, wish.stream) for it in self._circumstances.junk
        )
        seen = self._junk_opens if junk else 1.0
        heard: list[Due] = []
        opens = min(0.95, wish.mailbox.opens * (people.transactional if transactional else 1.0)) * seen
        if self._engagement and branch(wish.luck, 1) < opens:
            heard += self._opened(wish, when)
        asked = hit in ("good", "disposable")
        complains = people.complains if asked else people.complains_unasked
        if asked:
            complains *= self._circumstances.complaints.get(wish.campaign, 1.0)
        draw = branch(wish.luck, 2)
        if draw < complains * seen:
            heard.append(self._complaint(wish, house, when))
        elif asked and not transactional and draw > 1 - people.opt_out * seen:
            at = when + self._later(wish.luck, 3, self._times.open_hours)
            self._opted_out.setdefault(wish.mailbox.address, at)
            heard.append(self._engaged(wish, at, "unsubscribed"))
        return heard

    def _opened(self, wish: Wish, when: float) -> list[Due]:
        at = when + 60 + self._later(wish.luck, 2, self._times.open_hours)
        heard = [self._engaged(wish, at, "opened")]
        draw = branch(wish.luck, 3)
        if draw < self._people.clicks:
            heard.append(self._engaged(wish, at + 40, "clicked"))
        if draw > 1 - self._people.replies:
            heard.append(self._engaged(wish, at + 600, "replied"))
        return heard

    def _complaint(self, wish: Wish, house: str, when: float) -> Due:
        at = when + 300 + self._later(wish.luck, 3, self._times.complaint_hours)
        self._complained.setdefault(wish.mailbox.address, at)
        self.reputation.complained(house)
        report = Bounce(
            recipient=wish.mailbox.address, kind="complaint", id=f"arf-{wish.id}", service=wish.service,
            intent_id=wish.id, occurred_at=int(at),
        )  # fmt: skip
        return Due(at, report)

    # -- reports -----------------------------------------------------------------------------------------------------

    def _bounce(self, wish: Wish, when: float, course: str, span: Span) -> Due:
        at = when + span[0] + (span[1] - span[0]) * branch(wish.luck, 1)
        status, reply = REPLIES[course]
        report = Bounce(
            recipient=wish.mailbox.address, id=f"dsn-{wish.id}-{int(at)}", service=wish.service, intent_id=wish.id,
            status=status, reply=reply, reason="ratelimited" if course == "slow" else "blocked" if course == "blocked"
            else "", occurred_at=int(at),
        )  # fmt: skip
        return Due(at, report)

    def _delivered(self, wish: Wish, when: float) -> Due:
        span = self._times.delivered_seconds
        return self._engaged(wish, when + span[0] + (span[1] - span[0]) * branch(wish.luck, 0), "delivered")

    def _engaged(self, wish: Wish, at: float, kind: EngagementKind) -> Due:
        report = Engagement(
            recipient=wish.mailbox.address, kind=kind, id=f"{kind}-{wish.id}", service=wish.service, intent_id=wish.id,
            occurred_at=int(at),
        )  # fmt: skip
        return Due(at, report)

    @staticmethod
    def _later(luck: float, number: int, hours: float) -> float:
        """Seconds, exponentially distributed."""
        return -math.log(1 - branch(luck, number) * 0.999) * hours * HOUR
