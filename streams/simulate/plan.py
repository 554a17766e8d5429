"""Everything that the services want to send, worked out before anything happens: all who protect are offered the
same. Pure, seeded.

What answers to verdicts (second attempts, confirmations) and to mail (bounces, opens) can't be planned: see run.py.
"""

from collections.abc import Iterable
from random import Random
from typing import Literal

from msgspec import Struct

from sidestep.streams.simulate.assumptions import Assumptions
from sidestep.streams.simulate.calendar import Calendar, Handout
from sidestep.streams.simulate.chance import Chance
from sidestep.streams.simulate.domains import Takes
from sidestep.streams.simulate.incidents import Circumstances, Incident, stage_incidents
from sidestep.streams.simulate.lives import DAY, YEAR
from sidestep.streams.simulate.mailboxes import Mailbox, MailboxStage
from sidestep.streams.simulate.population import Company, ListMember

HOUR = 3600


class Wish(Struct, gc=False):
    """One message that a service wants to send. `at`: Unix seconds."""

    at: float
    mailbox: Mailbox
    service: str
    source: str
    campaign: str
    stream: str
    consent: int
    luck: float
    """From 0 to 1: whatever may happen to it is drawn from this, so that it does not depend on other messages."""
    standing: Literal["asked", "unasked", "unwanted"] = "asked"
    number: int = 0
    id: str = ""
    """Unique within its service."""


class SimulationPlan(Struct):
    """A company's history and what is hidden in it."""

    world: Assumptions
    seed: int
    wishes: list[Wish]
    """In the order of time."""
    mailboxes: list[Mailbox]
    incidents: list[Incident]
    circumstances: Circumstances


def make_plan(world: Assumptions, seed: int) -> SimulationPlan:
    """The same for the same seed. Takes seconds."""
    chance = Chance(seed)
    calendar = Calendar(world, chance)
    population = Company(world, chance, calendar)
    planner = _Planner(world, chance, population)
    for handout in calendar.handouts:
        planner.hand_out(handout)
    for name in world.sources:
        planner.transactional(name)
    incidents, circumstances = stage_incidents(world, chance, calendar, population, planner)
    planner.wishes.sort(key=lambda wish: wish.at)
    luck = chance.of("luck")
    for number, wish in enumerate(planner.wishes):
        wish.number, wish.luck, wish.id = number, luck.random(), f"{wish.service}-{number:07}"
    return SimulationPlan(world, seed, planner.wishes, population.mailboxes, incidents, circumstances)


class _Planner:
    """Collects wishes."""

    def __init__(self, world: Assumptions, chance: Chance, population: Company):
        self._world = world
        self._population = population
        self._random = chance.of("times")
        self.wishes: list[Wish] = []

    def members(self, source: str, at: float) -> list[ListMember]:
        """Who is on a list then."""
        return [member for member in self._population.lists[source] if member.joined <= at and member.confirmed]

    def hand_out(self, handout: Handout) -> None:
        """A mailing to everybody of its sources, each mailbox once."""
        mailing, done = handout.mailing, set[int]()
        found: list[tuple[str, ListMember]] = []
        for source in handout.sources:
            for member in self.members(source, handout.at):
                if id(member.mailbox) not in done:
                    done.add(id(member.mailbox))
                    found.append((source, member))
        self.spread(found, handout.at, mailing.minutes, f"{mailing.campaign}-{handout.number + 1}", mailing.stream)

    def spread(
        self,
        members: Iterable[tuple[str, ListMember]],
        at: float,
        minutes: float,
        campaign: str,
        stream: str,
        standing: Literal["asked", "unwanted"] = "asked",
    ) -> None:
        """One message to each of them, evenly over so many minutes."""
        found = list(members)
        self._random.shuffle(found)
        for number, (source, member) in enumerate(found):
            self.wish(member, source, at + number * minutes * 60 / len(found), campaign, stream, standing)

    def wish(
        self,
        member: ListMember,
        source: str,
        at: float,
        campaign: str,
        stream: str,
        standing: Literal["asked", "unwanted"] = "asked",
        service: str = "",
    ) -> None:
        """One message."""
        consent = member.consent if member.confirmed and member.consent <= at else 0
        said: Literal["asked", "unasked", "unwanted"] = standing if member.asked else "unasked"
        sender = service or self._world.sources[source].service
        self.wishes.append(Wish(at, member.mailbox, sender, source, campaign, stream, consent, 0.0, said))

    def transactional(self, name: str) -> None:
        """Confirmations to newcomers, and what people's own doings and the calendar bring, spread over their time."""
        source, time = self._world.sources[name], self._world.time
        often = self._world.transactional.get(source.service, 0.0)
        since = time.begins if source.day is None else time.ends  # nobody orders before the company has them
        for member in self._population.lists[name]:
            if member.joined >= time.begins and source.day is None:
                campaign = "confirmation" if source.consent == "doi" else "welcome"
                self.wish(member, name, member.joined, campaign, "transactional")
            if member.confirmed and often:
                self._doings(self._random, member, name, max(since, member.joined + HOUR), often)

    def _doings(self, random: Random, member: ListMember, name: str, since: float, often: float) -> None:
        at, ends = since, self._world.time.ends
        own = self._world.sources[name].service == "shop"
        while (at := at + random.expovariate(often) * YEAR) < ends:
            moment = at - at % DAY + (6 + 16 * random.random()) * HOUR  # nobody orders at night
            if moment < ends and (not own or _acts(member.mailbox, moment)):
                self.wish(member, name, moment, "order" if own else "notice", "transactional")


def _acts(mailbox: Mailbox, when: float) -> bool:
    """Is there a person who could order something?"""
    return (
        mailbox.nature == "person"
        and mailbox.stage(when) is MailboxStage.ALIVE
        and mailbox.domain.at(when).takes is Takes.PEOPLE
    )
