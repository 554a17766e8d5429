"""Incidents of the simulated company: what happens in each kind, and the truth about it. Pure, seeded."""

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from sidestep.streams.simulate.assumptions import Assumptions
from sidestep.streams.simulate.calendar import Calendar
from sidestep.streams.simulate.chance import Chance
from sidestep.streams.simulate.mailboxes import MailboxStage, truth
from sidestep.streams.simulate.population import Company, ListMember

if TYPE_CHECKING:
    from sidestep.streams.simulate.plan import _Planner

HOUR = 3600
DAY = 86400

IncidentKind = Literal[
    "bounce-storm", "unknown-burst", "list-bombing", "dormant-revival", "engagement-collapse", "complaint-budget",
    "volume-spike", "trap-hits", "reputation-block",
]  # fmt: skip


class Incident(Struct):
    """The truth about one incident. `start`: its first message (or the first that meets it), `end`: when it is over.
    Unix seconds. `again`: when the same cause acts once more, which is no incident of its own."""

    kind: IncidentKind
    service: str
    start: float
    end: float
    source: str = ""
    provider: str = ""
    again: list[tuple[float, float]] = field(default_factory=list)


class Spell(Struct, frozen=True):
    """A time in which something is not as usual."""

    since: float
    until: float
    provider: str = ""
    stream: str = ""

    def covers(self, when: float, provider: str, stream: str = "") -> bool:
        """Does it concern a message then?"""
        return self.since <= when < self.until and self.provider in ("", provider) and self.stream in ("", stream)


class Circumstances(Struct):
    """What incidents change in the world, besides what is sent."""

    complaints: dict[str, float] = field(default_factory=dict)
    """Campaign -> times the usual complaints."""
    junk: list[Spell] = field(default_factory=list)
    """Mail goes into the junk folder."""
    blocks: list[Spell] = field(default_factory=list)
    """A provider refuses us."""


def stage_incidents(
    world: Assumptions, chance: Chance, calendar: Calendar, population: Company, planner: "_Planner"
) -> tuple[list[Incident], Circumstances]:
    """Puts the incidents' messages into the plan. The truth about them, and what else they change."""
    stage = _Stage(world, chance, calendar, population, planner)
    incidents = [
        stage.imported("bounce-storm", "crm-export-2019", "import"),
        stage.imported("bounce-storm", "bought-leads-2", "import"),
        stage.imported("trap-hits", "partner-insurance", "welcome"),
        stage.unknown_burst(),
        stage.list_bombing(),
        stage.dormant_revival(),
        stage.engagement_collapse(),
        stage.complaint_budget(),
        stage.volume_spike(),
        stage.reputation_block(),
    ]
    return sorted(incidents, key=lambda incident: incident.start), stage.circumstances


class _Stage:
    def __init__(
        self, world: Assumptions, chance: Chance, calendar: Calendar, population: Company, planner: "_Planner"
    ):
        self._world = world
        self._shape = world.incident
        self._random = chance.of("incidents")
        self._calendar = calendar
        self._population = population
        self._planner = planner
        self.circumstances = Circumstances()

    def imported(self, kind: IncidentKind, source: str, campaign: str) -> Incident:
        """A list that should never have been imported; its messages are among the mailings."""
        times: list[tuple[float, float]] = [
            (handout.at, handout.at + handout.mailing.minutes * 60)
            for handout in self._calendar.handouts
            if handout.mailing.campaign == campaign and source in handout.sources
        ]
        first, *again = times
        return Incident(kind, self._world.sources[source].service, first[0], first[1] + 2 * HOUR, source, again=again)

    def unknown_burst(self) -> Incident:
        """A robot fills the sign-up form."""
        start, source = self._calendar.incidents["unknown-burst"], "sign-up-form"
        members = [
            (source, ListMember(self._population.bot(self._random), start, 0, asked=False, confirmed=False))
            for _ in range(self._shape.bots)
        ]
        self._planner.spread(members, start, self._shape.bot_minutes, "confirmation", "transactional")
        return Incident("unknown-burst", "accounts", start, start + self._shape.bot_minutes * 60 + HOUR, source)

    def list_bombing(self) -> Incident:
        """Somebody hides a message to one person under hundreds of others."""
        start = self._calendar.incidents["list-bombing"]
        alive = [
            member
            for member in self._planner.members("checkout", start)
            if member.mailbox.stage(start) is MailboxStage.ALIVE and truth(member.mailbox, start) == "good"
        ]
        victim = self._random.choice(alive)
        sources = ("sign-up-form", "newsletter-form", "checkout")
        for number in range(self._shape.bomb):
            at = start + number * self._shape.bomb_minutes * 60 / self._shape.bomb
            self._planner.wish(victim, sources[number % 3], at, "confirmation", "transactional", "unwanted")
        return Incident("list-bombing", "", start, start + self._shape.bomb_minutes * 60 + HOUR)

    def dormant_revival(self) -> Incident:
        """A list that nobody has written to for more than a year is woken up."""
        start, source = self._calendar.incidents["dormant-revival"], "club-2020"
        members = [(source, member) for member in self._planner.members(source, start)]
        self._planner.spread(members, start, 40, "winback", "newsletter")
        return Incident("dormant-revival", "newsletter", start, start + 40 * 60 + 2 * HOUR, source)

    def engagement_collapse(self) -> Incident:
        """A provider takes the newsletter for junk; nothing bounces."""
        start = self._calendar.next("issue", self._calendar.incidents["engagement-collapse"])
        end = start + self._shape.junk_days * DAY
        self.circumstances.junk.append(Spell(start - HOUR, end, "google", "newsletter"))
        return Incident("engagement-collapse", "newsletter", start, end, provider="google")

    def complaint_budget(self) -> Incident:
        """An offer that many take for spam."""
        start, source = self._calendar.incidents["complaint-budget"], "checkout"
        members = [(source, member) for member in self._planner.members(source, start)]
        self._planner.spread(members, start, 40, "flash", "marketing")
        self.circumstances.complaints["flash"] = self._shape.complaints
        return Incident("complaint-budget", "shop", start, start + 3 * DAY, source)

    def volume_spike(self) -> Incident:
        """A loop: every customer gets the same invoice again and again."""
        start, source = self._calendar.incidents["volume-spike"], "contract"
        members = [(source, member) for member in self._planner.members(source, start)] * self._shape.copies
        self._planner.spread(members, start, 60, "invoice-again", "transactional", "unwanted")
        return Incident("volume-spike", "billing", start, start + 2 * HOUR, source)

    def reputation_block(self) -> Incident:
        """A provider refuses whatever comes from us."""
        start = self._calendar.next("issue", self._calendar.incidents["reputation-block"])
        end = start + self._shape.block_hours * HOUR
        self.circumstances.blocks.append(Spell(start - HOUR, end, "microsoft"))
        return Incident("reputation-block", "", start, end, provider="microsoft")
