"""Everybody on the company's lists: persons with their mailboxes and lives, and the traps among them. Pure, seeded."""

from random import Random
from typing import Literal

from msgspec import Struct

from sidestep.streams.simulate.assumptions import AddressSource, Assumptions
from sidestep.streams.simulate.calendar import Calendar
from sidestep.streams.simulate.chance import Chance
from sidestep.streams.simulate.domains import Domain, Takes
from sidestep.streams.simulate.lives import DAY, YEAR, draw_life
from sidestep.streams.simulate.mailboxes import Life, Mailbox, MailboxStage
from sidestep.streams.simulate.names import NameMaker
from sidestep.streams.simulate.places import Domains

TRIES = 60
"""Lives drawn until one fits a list from which bounces were removed."""

Entry = Literal["person", "harvested", "seeded", "disposable", "slip"]


class ListMember(Struct, gc=False):
    """An entry of a list. `joined`: Unix seconds; `consent`: what the list says, 0: nothing."""

    mailbox: Mailbox
    joined: int
    consent: int = 0
    asked: bool = True
    """The person has asked for this mail."""
    confirmed: bool = True
    """A sign-up that nobody has confirmed gets one message and no more."""


class Company:
    """The lists by source. `mailboxes` are all there are, in the order in which they came about."""

    def __init__(self, world: Assumptions, chance: Chance, calendar: Calendar):
        self._world = world
        self._chance = chance
        self._calendar = calendar
        self._names = NameMaker(chance.of("names"))
        self.places = Domains(world, chance, self._names)
        self.mailboxes: list[Mailbox] = []
        self._roles: dict[str, Mailbox] = {}
        """Of a role's address there is one mailbox, whoever has it on a list."""
        self._persons: list[Mailbox] = []
        self.lists = {name: self._list(name, source) for name, source in world.sources.items()}

    def _list(self, name: str, source: AddressSource) -> list[ListMember]:
        random, time = self._chance.of(f"source {name}"), self._world.time
        since = self._calendar.imports.get(name, time.begins)
        years = source.joined
        joins = [since - (years[0] + (years[1] - years[0]) * random.random()) * YEAR for _ in range(source.people)]
        newcomers = round(source.a_day * (time.ends - time.begins) / DAY)
        joins += [time.begins + random.random() * (time.ends - time.begins) for _ in range(newcomers)]
        members = [self._member(random, source, int(joined), since) for joined in sorted(joins)]
        # who did not confirm years ago is on no list today
        return [member for member in members if member.confirmed or member.joined >= time.begins]

    def _member(self, random: Random, source: AddressSource, joined: int, since: int) -> ListMember:
        kind = self._kind(random, source)
        mailbox = self._mailbox(kind, random, source, joined, since)
        real = kind in ("person", "disposable") and mailbox.nature != "nobody"
        consent = joined if source.consent != "none" else 0
        # who gave an address to buy something years ago has not asked to be written to
        asked = source.consent != "none" and kind not in ("harvested", "seeded")
        if source.consent == "claimed":
            asked = asked and random.random() < self._world.people.claim_true
        return ListMember(mailbox, joined, consent, asked, source.consent != "doi" or real)

    def _kind(self, random: Random, source: AddressSource) -> Entry:
        dirt, slips = self._world.dirt, self._world.slips
        typed = source.consent in ("doi", "soi")
        draw = random.random()
        for kind, share in (
            ("harvested", source.harvested),
            ("seeded", source.seeded * dirt.traps * dirt.lists),
            ("disposable", source.disposable * dirt.lists),
            ("slip", slips.domain * source.slips * dirt.lists if typed else 0.0),
        ):
            draw -= share
            if draw < 0:
                return kind  # type: ignore[return-value]  # the names above
        return "person"

    def _mailbox(self, kind: Entry, random: Random, source: AddressSource, joined: int, since: int) -> Mailbox:
        if kind == "harvested":
            return self._harvested(random, source, joined, since)
        if kind == "seeded":
            return self._trap(random, "seeded")
        if kind == "disposable":
            domain = random.choice(self.places.disposable)
            return self._keep(Mailbox(f"{self._names.person()}@{domain.name}", domain, _always(), "disposable"))
        if kind == "slip":
            return self._slip(random)
        if source.consent == "soi" and random.random() < self._world.slips.local * source.slips:
            return self._local_slip(random)
        if self._persons and random.random() < self._world.people.known:
            known = random.choice(self._persons)
            if known.life[0][0] < joined and known.stage(joined) is MailboxStage.ALIVE and _takes_mail(known, joined):
                return known
        return self._person(random, source, joined, since)

    # -- persons -----------------------------------------------------------------------------------------------------

    def _person(
        self, random: Random, source: AddressSource, joined: int, since: int, role_share: float | None = None
    ) -> Mailbox:
        people = self._world.people
        domain = self._domain(random, source)
        for _ in range(TRIES):
            if domain.runs_it != "own" or domain.at(joined).takes is Takes.PEOPLE:
                break
            domain = self._domain(random, source)
        at_firm = domain.runs_it == "own"
        role = at_firm and random.random() < (people.role if role_share is None else role_share)
        odd = random.random() < people.odd_name
        local = self._names.role() if role else self._names.machine_made() if odd else self._names.person()
        address = f"{local}@{domain.name}"
        if address in self._roles:
            return self._roles[address]
        mailbox = Mailbox(
            address,
            domain,
            self._life(random, source, domain, joined, since),
            trap="recycled",
            opens=self._opens(random) * (not domain.hides),
            robot=random.random() < self._world.lives.trap_robot,
            role=role,
        )
        if role:
            self._roles[address] = mailbox
        self._persons.append(mailbox)
        return self._keep(mailbox)

    def _domain(self, random: Random, source: AddressSource) -> Domain:
        people, places = self._world.people, self.places
        at_firms = people.at_firms if source.firms is None else source.firms
        draw = random.random()
        if draw < at_firms:
            firms = places.firms
            return firms[int(len(firms) * random.random() ** 2)]  # some are large
        if draw < at_firms + people.at_personal:
            return random.choice(places.personal)
        if draw < at_firms + people.at_personal + 0.002:
            return random.choice(places.near)
        return places.provider_domain(random)

    def _life(self, random: Random, source: AddressSource, domain: Domain, joined: int, since: int) -> Life:
        """Of a list from which bounces were removed up to `since`, one that had not bounced by then."""
        world, ending = self._world, self.places.endings[domain.runs_it]
        leaves = world.lives.leaves_a_year * (1.0 if source.cleaned else world.dirt.lists)
        for _ in range(TRIES):
            life = draw_life(random, world.lives, ending, joined, leaves, world.time.ends)
            bounced = any(when < since and stage is MailboxStage.GONE for when, stage in life)
            if not (source.cleaned and bounced):
                return life
        return ((joined, MailboxStage.ALIVE),)

    def _opens(self, random: Random) -> float:
        people, draw = self._world.people, random.random()
        kind = "keen" if draw < people.keen else "casual" if draw < people.keen + people.casual else "silent"
        return people.opens[kind] * (0.5 + random.random())

    # -- what else is on lists ---------------------------------------------------------------------------------------

    def _harvested(self, random: Random, source: AddressSource, joined: int, since: int) -> Mailbox:
        shares, dirt = self._world.harvested, self._world.dirt
        draw = random.random()
        if draw < shares.pristine * dirt.traps * dirt.lists:
            return self._trap(random, "pristine")
        if draw < shares.pristine + shares.gone:
            domain = self._domain(random, source)
            return self._keep(Mailbox(f"{self._names.person()}@{domain.name}", domain, _gone(), "nobody"))
        return self._person(random, source, joined, since, shares.role)

    def _trap(self, random: Random, kind: Literal["pristine", "seeded"]) -> Mailbox:
        shares, names, draw = self._world.traps, self._names, random.random()
        if draw < shares.machine_made:
            local = names.machine_made()
        elif draw < shares.machine_made + shares.role and kind == "pristine":
            local = names.role()
        elif draw > 1 - shares.honeypot:
            local = names.honeypot()
        else:
            local = names.person()
        domain = random.choice(random.choice(self.places.operators))
        address = f"{local}@{domain.name}"
        robot = random.random() < self._world.lives.trap_robot
        if address in self._roles:
            return self._roles[address]
        mailbox = self._keep(Mailbox(address, domain, _always(), trap=kind, robot=robot))
        if kind == "pristine":
            self._roles[address] = mailbox
        return mailbox

    def _slip(self, random: Random) -> Mailbox:
        large = random.random() < self._world.slips.large
        meant = self.places.provider_domain(random) if large else random.choice(self.places.firms)
        domain = self.places.slipped(meant)
        robot = random.random() < self._world.lives.trap_robot
        nature: Literal["person", "nobody"] = "person" if domain.runs_it in self.places.endings else "nobody"
        life = _gone() if nature == "nobody" else _always()
        return self._keep(Mailbox(f"{self._names.person()}@{domain.name}", domain, life, nature, robot=robot))

    def _local_slip(self, random: Random) -> Mailbox:
        """Nobody's mailbox, or another person's."""
        domain, stranger = self.places.provider_domain(random), random.random() < 0.3
        life, nature = (_always(), "stranger") if stranger else (_gone(), "nobody")
        address = f"{self._names.person()}@{domain.name}"
        return self._keep(Mailbox(address, domain, life, nature, opens=0.05))  # type: ignore[arg-type]  # the two above

    def bot(self, random: Random) -> Mailbox:
        """A mailbox that a robot signs up."""
        shape, draw = self._world.incident, random.random()
        if draw < shape.bot_gone:
            domain, local = self.places.provider_domain(random), self._names.machine_made
            address = f"{local() if random.random() < 0.5 else self._names.person()}@{domain.name}"
            return self._keep(Mailbox(address, domain, _gone(), "nobody"))
        if draw < shape.bot_gone + shape.bot_people:
            domain = self.places.provider_domain(random)
            return self._keep(Mailbox(f"{self._names.person()}@{domain.name}", domain, _always(), opens=0.1))
        return self._trap(random, "seeded")

    def _keep(self, mailbox: Mailbox) -> Mailbox:
        self.mailboxes.append(mailbox)
        return mailbox


def _always() -> Life:
    return ((0, MailboxStage.ALIVE),)


def _gone() -> Life:
    return ((0, MailboxStage.GONE),)


def _takes_mail(mailbox: Mailbox, when: int) -> bool:
    return mailbox.domain.at(when).takes is Takes.PEOPLE
