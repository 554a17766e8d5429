"""One variant, played in a process of its own: what came of it, small enough to be handed back."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from time import process_time

from msgspec import Struct, field

from sidestep.schemas import Anomaly
from sidestep.streams.simulate.assumptions import assumptions, with_dirt
from sidestep.streams.simulate.incidents import Incident, Spell
from sidestep.streams.simulate.mailboxes import Truth
from sidestep.streams.simulate.plan import SimulationPlan, make_plan
from sidestep.streams.simulate.protect import BounceSuppression, Protector, SyntaxAndMx, Unprotected
from sidestep.streams.simulate.run import Course, look_up_in, run
from sidestep.streams.simulate.sidestep import SidestepProtector
from sidestep.streams.simulate.watching import SidestepWatching
from tests.evaluate.variants import Variant

WATCHED_DAYS = 200
"""Before the judged time: so long has Watch had to learn what is usual."""


class Fates(Struct):
    """Messages of the judged time that would hit the same, by what became of them."""

    offered: int = 0
    dropped: int = 0
    """For good."""
    unsent: int = 0
    """Deferred until they were of no use any more."""
    delayed: int = 0
    """Sent, but not when they were offered first."""
    blocked: int = 0
    """Sent, and refused by a provider that had had enough of us."""

    @property
    def sent(self) -> int:
        """Those that went out."""
        return self.offered - self.dropped - self.unsent


class Played(Struct):
    """What came of one variant, or of several added up."""

    variant: Variant
    fates: dict[str, Fates]
    """By what a message would have hit: see Truth."""
    risks: Counter[tuple[float, str]]
    """Messages by the risk that was said of them first, and by what they would have hit."""
    stopped: Counter[tuple[str, str]]
    """Messages that were not sent, by what they would have hit and the rule that was first to stop them."""
    listed_days: float
    incidents: list[Incident]
    listed: list[Spell]
    weeks: float
    services: int
    anomalies: list[Anomaly] | None = None
    """None: nobody watched."""
    offered: int = 0
    seconds: float = 0.0
    by_source: dict[tuple[str, str], Fates] = field(default_factory=dict)


@lru_cache(maxsize=1)
def _plan(seed: int, scale: float, traps: float, lists: float, engagement: bool) -> SimulationPlan:
    return make_plan(with_dirt(assumptions(scale), traps=traps, lists=lists, engagement=engagement), seed)


def play(variant: Variant, scale: float) -> Played:
    """A minute for half a million intents."""
    began = process_time()
    plan = _plan(variant.seed, scale * variant.scale, variant.traps, variant.lists, variant.engagement)
    protector = _protector(variant, plan)
    done = run(plan, protector)
    played = Played(
        variant,
        fates={},
        risks=Counter(),
        stopped=Counter(),
        listed_days=sum(it.until - max(it.since, plan.world.time.judged_from) for it in _late(done.listed, plan))
        / 86400,
        incidents=plan.incidents,
        listed=_late(done.listed, plan),
        weeks=plan.world.time.judged_days / 7,
        services=len(plan.world.services),
        offered=done.offered,
        anomalies=_anomalies(protector, plan),
    )
    _count(played, done.courses)
    played.seconds = process_time() - began
    return played


def _anomalies(protector: Protector, plan: SimulationPlan) -> list[Anomaly] | None:
    """Those of the judged time."""
    if not isinstance(protector, SidestepProtector):
        return None
    return [anomaly for anomaly in protector.watching.anomalies if anomaly.at >= plan.world.time.judged_from]


def _late(listed: Sequence[Spell], plan: SimulationPlan) -> list[Spell]:
    return [it for it in listed if it.until > plan.world.time.judged_from]


def _protector(variant: Variant, plan: SimulationPlan) -> Protector:
    if variant.policy:
        time = plan.world.time
        watching = SidestepWatching(time.judged_from - WATCHED_DAYS * 86400, variant.partitions)
        return SidestepProtector(look_up_in(plan), variant.policy, time.begins, variant.partitions, watching)
    if variant.protector == "syntax + MX":
        return SyntaxAndMx(look_up_in(plan))
    return BounceSuppression(30) if "bounces" in variant.protector else Unprotected()


def _count(played: Played, courses: list[Course]) -> None:
    for course in courses:
        truth: Truth = course.truth
        for fates in (
            played.fates.setdefault(truth, Fates()),
            played.by_source.setdefault((course.wish.source, truth), Fates()),
        ):
            fates.offered += 1
            if course.sent_at:
                fates.delayed += course.attempts > 1
                fates.blocked += course.hit == "blocked"
            elif course.last.action == "drop":
                fates.dropped += 1
            else:
                fates.unsent += 1
        played.risks[course.first.risk, truth] += 1
        if not course.sent_at:
            played.stopped[truth, course.stopped_by] += 1
