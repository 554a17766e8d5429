"""The closed loop: services offer, somebody protects, what is sent is answered, and the answers are heard. Pure.

Time goes in steps: what is heard within one is heard at the beginning of the next.
"""

import heapq
from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec import Struct

from sidestep.schemas import Bounce, EmailIntent, Engagement, MxFinding
from sidestep.streams.simulate.chance import branch
from sidestep.streams.simulate.deliveries import Deliveries
from sidestep.streams.simulate.domains import NO_SUCH_DOMAIN
from sidestep.streams.simulate.incidents import Spell
from sidestep.streams.simulate.mailboxes import Truth
from sidestep.streams.simulate.plan import SimulationPlan, Wish
from sidestep.streams.simulate.protect import Advice, LookUp, Offer, Protector

STEP = 60
"""Seconds, in the judged time: one of Watch's windows. No report comes sooner than half of that."""
STEP_BEFORE = 1800
"""Seconds, in the history before it, …"""
FINE_DAYS = 28
"""… but for its last days, from which Watch learns what is usual."""
GRAIN_BEFORE = 30
"""Seconds to which offers of the history are rounded: a second of its own for each would cost a tally each."""
DAY = 86400
HOUR = 3600
LATE = 5
"""Seconds after retry_at at which a service offers again."""
ASKED = (("trap-risk",), ("dirty-source",))
"""Rules that stopped a message, in a slice of one: their verdicts say that the person should confirm the address."""


class Course(Struct, gc=False):
    """The course that one message of the judged time has taken."""

    wish: Wish
    truth: Truth
    """When it was first offered."""
    first: Advice
    last: Advice
    attempts: int = 1
    sent_at: float = 0.0
    """0: never."""
    hit: Truth | Literal["blocked", ""] = ""
    """What it hit in the end; "" where it was not sent."""
    stopped_by: str = ""
    """The rule that was first to stop it."""


class Attempt(NamedTuple):
    """What waits to be offered again."""

    wish: Wish
    number: int
    consent: int
    course: Course | None


class SimulationRun(Struct):
    """What came of it."""

    courses: list[Course]
    listed: list[Spell]
    """The times in which a block list had us."""
    offered: int
    sent: int


class Recorder:
    """Hears everything that a company sees, as it happens. This one keeps nothing."""

    def offered(self, offer: Offer, ruling: Advice, hits: Truth) -> None:
        """A service has offered an intent; `hits`: the truth, which is for nobody else's eyes."""

    def heard(self, at: float, report: Bounce | Engagement) -> None:
        """A report has come."""


def look_up_in(plan: SimulationPlan) -> LookUp:
    """The name servers of the plan's world."""
    domains = {mailbox.domain.name: mailbox.domain for mailbox in plan.mailboxes}

    def look_up(name: str, when: float) -> MxFinding:
        found = domains.get(name)
        return found.at(when).finding if found is not None else NO_SUCH_DOMAIN

    return look_up


def run(
    plan: SimulationPlan,
    protector: Protector,
    recorder: Recorder | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> SimulationRun:
    """The whole time, from beginning to end. `progress` hears the share that is over."""
    loop = _Loop(plan, protector, recorder or Recorder())
    begins, ends = plan.world.time.begins, plan.world.time.ends
    shown = 0
    while (now := loop.step()) is not None:
        if int(share := (now - begins) / (ends - begins) * 100) > shown:
            shown = int(share)
            progress(shown / 100)
    return loop.finish()


class _Loop:
    def __init__(self, plan: SimulationPlan, protector: Protector, recorder: Recorder):
        self._plan = plan
        self._world = plan.world
        self._judged_from, self._ends = plan.world.time.judged_from, plan.world.time.ends
        self._protector = protector
        self._recorder = recorder
        self._records = type(recorder) is not Recorder
        self._deliveries = Deliveries(plan)
        self._next = 0
        self._fine = False
        self._began = self._over = 0.0
        self._heard: list[tuple[float, int, Bounce | Engagement]] = []
        self._again: list[tuple[float, int, Attempt]] = []
        self._number = 0
        self._patience = {name: hours * HOUR for name, hours in plan.world.delivery.patience_hours.items()}
        self.courses: list[Course] = []
        self.offered = self.sent = 0

    def step(self) -> float | None:
        """One step; when it began, or None when all is over."""
        wishes, heard, again = self._plan.wishes, self._heard, self._again
        begins = min(
            wishes[self._next].at if self._next < len(wishes) else self._ends,
            heard[0][0] if heard else self._ends,
            again[0][0] if again else self._ends,
        )
        begins = max(begins, self._over)
        if begins >= self._ends:
            return None
        self._fine = begins >= self._judged_from - FINE_DAYS * DAY
        self._began, self._over = begins, begins + (STEP if self._fine else STEP_BEFORE)
        self._listen(begins)
        self._offer(self._due())
        return begins

    def finish(self) -> SimulationRun:
        """The end."""
        return SimulationRun(self.courses, self._deliveries.reputation.listed, self.offered, self.sent)

    def _listen(self, begins: float) -> None:
        heard, reports = self._heard, []
        while heard and heard[0][0] <= begins:
            reports.append(heapq.heappop(heard)[2])
        if reports:
            self._protector.tell(begins, reports)
            if self._records:
                for report in reports:
                    self._recorder.heard(begins, report)

    def _due(self) -> list[tuple[float, Attempt]]:
        wishes, over = self._plan.wishes, self._over
        found: list[tuple[float, Attempt]] = []
        while self._next < len(wishes) and wishes[self._next].at < over:
            wish = wishes[self._next]
            at = wish.at if self._fine else wish.at // GRAIN_BEFORE * GRAIN_BEFORE
            found.append((max(at, self._began), Attempt(wish, 1, wish.consent, None)))
            self._next += 1
        if self._again and self._again[0][0] < over:
            while self._again and self._again[0][0] < over:
                at, _, attempt = heapq.heappop(self._again)
                found.append((max(at, self._began), attempt))
            found.sort(key=lambda it: (it[0], it[1].wish.number))
        return found

    def _offer(self, due: list[tuple[float, Attempt]]) -> None:
        offers = [Offer(at, _intent(attempt)) for at, attempt in due]
        rulings = self._protector.offer(offers)
        self.offered += len(offers)
        for (at, attempt), offer, ruling in zip(due, offers, rulings, strict=True):
            if self._records:
                self._recorder.offered(offer, ruling, self._deliveries.hits(attempt.wish, at))
            self._take(at, attempt, ruling)

    def _take(self, at: float, attempt: Attempt, ruling: Advice) -> None:
        wish, course = attempt.wish, attempt.course
        if wish.at >= self._judged_from:
            if course is None:
                course = Course(wish, self._deliveries.hits(wish, at), ruling, ruling)
                self.courses.append(course)
            course.last, course.attempts = ruling, attempt.number
            if ruling.action != "send" and not course.stopped_by:
                course.stopped_by = ruling.rules[0] if ruling.rules else "drop"
        if ruling.action == "send":
            self.sent += 1
            hit, heard = self._deliveries.send(wish, at)
            if course is not None:
                course.sent_at, course.hit = at, hit
            for due in heard:
                self._number += 1
                heapq.heappush(self._heard, (due.at, self._number, due.report))
        elif ruling.action == "defer":
            self._wait(at, attempt, ruling, course)

    def _wait(self, at: float, attempt: Attempt, ruling: Advice, course: Course | None) -> None:
        """The service offers it again in time, or asks the person first; or it is of no use any more."""
        wish, people = attempt.wish, self._world.people
        patient = at + self._world.delivery.again_seconds * 2 ** (attempt.number - 1)
        retry, consent = max(ruling.retry_at + LATE, patient), attempt.consent
        asks = self._world.services[wish.service].asks and ruling.rules[:1] in ASKED
        if asks and self._deliveries.hits(wish, at) == "good" and branch(wish.luck, 0) < people.confirms:
            least, most = people.confirm_days
            retry = at + (least + (most - least) * branch(wish.luck, 1)) * DAY
            consent = int(retry)
        kind = "confirmation" if wish.campaign == "confirmation" else wish.stream
        if attempt.number < self._world.delivery.attempts and retry <= wish.at + self._patience[kind]:
            self._number += 1
            again = Attempt(wish, attempt.number + 1, consent, course)
            heapq.heappush(self._again, (retry, self._number, again))


def _intent(attempt: Attempt) -> EmailIntent:
    wish = attempt.wish
    return EmailIntent(
        id=wish.id,
        to=wish.mailbox.address,
        service=wish.service,
        attempt=attempt.number,
        stream=wish.stream,
        campaign=wish.campaign,
        source=wish.source,
        consent_at=attempt.consent or None,
    )
