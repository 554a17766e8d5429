"""The assumptions behind the simulated world: world.toml, read into types. Pure, but for the file that ships.

What a figure means, and where it is from, stands beside it in world.toml.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from sidestep.schemas.typed import as_type

Span = tuple[float, float]
"""From and to; drawn evenly between."""

TrapKind = Literal["pristine", "recycled", "typo", "seeded"]


class SimulatedTime(Struct, frozen=True):
    """When the history begins (Unix seconds), how long it is, and how long protection is judged after it."""

    begins: int
    warm_up_days: int
    judged_days: int

    @property
    def judged_from(self) -> int:
        """Unix seconds."""
        return self.begins + self.warm_up_days * 86400

    @property
    def ends(self) -> int:
        """Unix seconds."""
        return self.judged_from + self.judged_days * 86400


class MailboxProvider(Struct, frozen=True):
    """A provider of mailboxes: its domains, its mail servers, what it does with mailboxes that nobody uses."""

    share: float
    domains: dict[str, float]
    exchanges: tuple[str, ...]
    inactive_months: float
    recycled: float
    straight: float


class SmallDomains(Struct, frozen=True):
    """Domains of firms and persons, and what happens to them."""

    firms: int
    personal: int
    hosted: dict[str, float]
    hosters: int
    at_hoster: float
    hides_opens: float
    dies_a_year: float
    parked: float
    bought_by_operator: float
    at_once: float
    dark_days: Span
    migrates_a_year: float
    moves_a_year: float
    moved_days: Span
    outage_a_year: float
    outage_hours: Span
    crude: float
    crude_bounces: float
    near_provider: int
    recycled: float
    straight: float


class Lives(Struct, frozen=True):
    """How mailboxes end."""

    leaves_a_year: float
    goes_at_once_firm: float
    goes_at_once_person: float
    comes_back: float
    comes_back_days: Span
    full: float
    full_days: float
    suspended_days: Span
    locked_a_year: float
    locked_days: Span
    conditioned_days: Span
    trap_robot: float


class Persons(Struct, frozen=True):
    """Where persons have their mail, and what they do with it."""

    at_firms: float
    at_personal: float
    keen: float
    casual: float
    silent: float
    opens: dict[str, float]
    clicks: float
    replies: float
    transactional: float
    opt_out: float
    complains: float
    complains_unasked: float
    late_bounce: float
    claim_true: float
    odd_name: float
    known: float
    role: float
    confirms: float
    confirm_days: Span


class SlipShares(Struct, frozen=True):
    """How often a keyboard slips, and where that leads."""

    domain: float
    large: float
    local: float
    unregistered: float
    parked: float
    collected: float
    own: float
    collectors: int
    trap_collectors: int
    trap_alone: float
    small_taken: float
    small_trap: float


class TrapShares(Struct, frozen=True):
    """Trap operators and the addresses that they make up."""

    operators: int
    domains_each: int
    hosted: float
    machine_made: float
    role: float
    honeypot: float


class SendingService(Struct, frozen=True):
    """A service of the company. `asks`: it can ask a person to confirm an address by another way than mail."""

    about: str
    asks: bool


class AddressSource(Struct, frozen=True):
    """Where addresses come from, and how clean they are. `day`: of an import, from the beginning of the judged time."""

    service: str
    people: int
    joined: Span
    consent: Literal["doi", "soi", "none", "claimed"]
    a_day: float = 0.0
    day: int | None = None
    slips: float = 1.0
    firms: float | None = None
    cleaned: bool = False
    harvested: float = 0.0
    seeded: float = 0.0
    disposable: float = 0.0


class Harvested(Struct, frozen=True):
    """What a bought list consists of besides people."""

    pristine: float
    role: float
    gone: float


class Dirt(Struct, frozen=True):
    """Factors for the sensitivity of the results."""

    traps: float
    lists: float
    engagement: bool


class Mailing(Struct, frozen=True, rename={"from_day": "from"}):
    """A message to everybody of some sources, again and again. Days: of the whole time."""

    campaign: str
    service: str
    stream: str
    sources: tuple[str, ...]
    every: int
    hour: int
    minutes: int
    from_day: int = 0
    until: int = 1_000_000
    times: int = 0
    """Of a list that is imported: so many messages from its day on; 0: it goes by `from`."""


class Delivery(Struct, frozen=True):
    """How long things take."""

    bounce_seconds: Span
    late_hours: Span
    delivered_seconds: Span
    open_hours: float
    complaint_hours: float
    patience_hours: dict[str, float]
    attempts: int
    again_seconds: float


class ReputationRules(Struct, frozen=True):
    """What providers do about a sender."""

    window_days: int
    hits_weigh: dict[TrapKind, float]
    listed_from: float
    listed_days: float
    listens: tuple[str, ...]
    refuses: float
    junk_from: float
    junk_days: float
    junk_opens: float
    rate_a_minute: int


class IncidentShapes(Struct, frozen=True):
    """How large incidents are."""

    bots: int
    bot_minutes: float
    bot_gone: float
    bot_people: float
    bomb: int
    bomb_minutes: float
    copies: int
    complaints: float
    junk_days: float
    block_hours: float


class Assumptions(Struct, frozen=True):
    """All of world.toml."""

    time: SimulatedTime
    providers: dict[str, MailboxProvider]
    small_domains: SmallDomains
    lives: Lives
    people: Persons
    slips: SlipShares
    traps: TrapShares
    services: dict[str, SendingService]
    sources: dict[str, AddressSource]
    harvested: Harvested
    dirt: Dirt
    mailings: tuple[Mailing, ...]
    transactional: dict[str, float]
    delivery: Delivery
    reputation: ReputationRules
    incidents: dict[str, float]
    incident: IncidentShapes


@cache
def assumptions(scale: float = 1.0) -> Assumptions:
    """The assumptions that ship; `scale`: so many times the people."""
    text = (files("sidestep.streams.simulate") / "world.toml").read_text("utf-8")
    found = as_type(tomllib.loads(text), Assumptions)
    return scaled(found, scale) if scale != 1.0 else found


def scaled(world: Assumptions, scale: float) -> Assumptions:
    """The same world with so many times the people, firms and messages; who attacks does not ask how large it is."""
    replace = msgspec.structs.replace
    sources = {
        name: replace(source, people=max(8, round(source.people * scale)), a_day=source.a_day * scale)
        for name, source in world.sources.items()
    }
    small = world.small_domains
    return replace(
        world,
        sources=sources,
        small_domains=replace(
            small, firms=max(20, round(small.firms * scale)), personal=max(20, round(small.personal * scale))
        ),
    )


def with_dirt(world: Assumptions, *, traps: float = 1.0, lists: float = 1.0, engagement: bool = True) -> Assumptions:
    """The same world with so many times the traps, with lists so much dirtier, or where nobody reports engagement."""
    return msgspec.structs.replace(world, dirt=Dirt(traps, lists, engagement))
