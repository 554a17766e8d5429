"""Where mailboxes are: the domains of providers, firms, persons, trap operators, and those that slips lead to. Pure,
seeded."""

from collections.abc import Sequence
from random import Random

from disposable_email_domains import blocklist

from sidestep.schemas import MxFinding
from sidestep.streams.screen.address.domain import suffixes
from sidestep.streams.screen.lists.mx_providers import provider_of
from sidestep.streams.simulate.assumptions import Assumptions
from sidestep.streams.simulate.chance import Chance
from sidestep.streams.simulate.domains import NO_SUCH_DOMAIN, Domain, Epoch, Takes, taking
from sidestep.streams.simulate.lives import BEFORE, Ending, draw_domain, parked
from sidestep.streams.simulate.names import NameMaker, slip

HOSTS = {
    "google": ("aspmx.l.google.com", "alt1.aspmx.l.google.com"),
    "microsoft": ("{}.mail.protection.outlook.com",),
}
"""Exchanges of firms whose mail a large provider runs; {} is the domain with hyphens."""
WEB_HOSTS = ("mx.kundenserver.de", "mail.your-server.de", "mx1.mail.ovh.net", "w01.kasserver.com", "mx.zoho.eu")
FADING_FIRM = 24.0
"""Months until a firm notices a mailbox that nobody uses [assumed]."""


class Domains:
    """All domains, by what they are."""

    def __init__(self, world: Assumptions, chance: Chance, names: NameMaker):
        self._world = world
        self._names = names
        self._random = chance.of("slip domains")
        self._born = int(world.time.begins - BEFORE)
        self.by_name: dict[str, Domain] = {}
        self.endings: dict[str, Ending] = {}
        self._provider_domains: dict[str, list[Domain]] = {}
        random = chance.of("domains")
        self.operators = [self._operator(number, random) for number in range(world.traps.operators)]
        self._collectors = [f"mx{number}.mail-{names.firm()}" for number in range(world.slips.collectors)]
        self._hosting = chance.of("hosting")
        hosters = NameMaker(chance.of("hosters"))
        self._hosters = [f"mx1.hosting-{hosters.firm()}" for _ in range(world.small_domains.hosters)]
        self._of_providers()
        self.firms = [self._firm(random) for _ in range(world.small_domains.firms)]
        self.personal = [self._own(random) for _ in range(world.small_domains.personal)]
        self.near = [self._near(random) for _ in range(world.small_domains.near_provider)]
        self.disposable = [
            self._add(name, "disposable", Takes.ANYTHING, (f"mx.{name}",))
            for name in chance.of("disposable").sample(sorted(blocklist), 40)
        ]

    def provider_domain(self, random: Random) -> Domain:
        """A large provider's, as often as people have mailboxes there."""
        providers = self._world.providers
        name = random.choices(list(providers), [provider.share for provider in providers.values()])[0]
        weights = list(providers[name].domains.values())
        return random.choices(self._provider_domains[name], weights)[0]

    def slipped(self, meant: Domain) -> Domain:
        """Where a slip of the keyboard leads; the same slip always to the same place."""
        name = slip(meant.name, self._random)
        while name == meant.name:
            name = slip(meant.name, self._random)
        found = self.by_name.get(name)
        return found if found is not None else self._slip_domain(name, meant)

    # -- how each kind of domain comes about -------------------------------------------------------------------------

    def _add(self, name: str, runs_it: str, takes: Takes, exchanges: Sequence[str], trap: str = "") -> Domain:
        exchanges = tuple(exchanges)
        return self._keep(name, runs_it, takes, taking(exchanges, provider_of(exchanges)), trap)

    def _keep(self, name: str, runs_it: str, takes: Takes, finding: MxFinding, trap: str = "") -> Domain:
        domain = self.by_name[name] = Domain(name, runs_it, [Epoch(self._born, takes, finding)], trap)
        return domain

    def _of_providers(self) -> None:
        traps = self._world.dirt.traps
        for name, provider in self._world.providers.items():
            lives = self._world.lives
            recycled = min(1.0, provider.recycled * traps)
            self.endings[name] = Ending(
                lives.goes_at_once_person, provider.inactive_months, recycled, provider.straight
            )
            self._provider_domains[name] = [
                self._add(domain, name, Takes.PEOPLE, provider.exchanges) for domain in provider.domains
            ]
        small = self._world.small_domains
        self.endings["own"] = Ending(
            self._world.lives.goes_at_once_firm, FADING_FIRM, min(1.0, small.recycled * traps), small.straight
        )

    def _firm(self, random: Random) -> Domain:
        domain = self._firm_of(random)
        domain.hides = self._hosting.random() < self._world.small_domains.hides_opens
        return domain

    def _firm_of(self, random: Random) -> Domain:
        name, draw = self._names.firm(), random.random()
        for host, share in self._world.small_domains.hosted.items():
            draw -= share
            if draw < 0:
                exchanges = [exchange.format(name.replace(".", "-")) for exchange in HOSTS[host]]
                return self._small(random, name, exchanges)
        return self._own(random, name)

    def _own(self, random: Random, name: str = "") -> Domain:
        name = name or self._names.firm()
        exchange = random.choice((f"mail.{name}", f"mx.{name}", *WEB_HOSTS))
        if self._hosting.random() < self._world.small_domains.at_hoster:
            exchange = self._hosters[int(len(self._hosters) * self._hosting.random() ** 2)]
        domain = self._small(random, name, [exchange])
        domain.crude = random.random() < self._world.small_domains.crude
        return domain

    def _small(self, random: Random, name: str, exchanges: list[str]) -> Domain:
        domain = self._add(name, "own", Takes.PEOPLE, exchanges)
        operator = random.choice(self.operators)
        buyer = operator[0].epochs[0].finding.exchanges if random.random() < 0.5 else (f"mx.{name}",)
        draw_domain(random, self._world.small_domains, self._world.time, domain, buyer, self._world.dirt.traps)
        for number, epoch in enumerate(domain.epochs):
            if epoch.finding.exchanges and not epoch.finding.provider:
                finding = taking(epoch.finding.exchanges, provider_of(epoch.finding.exchanges))
                domain.epochs[number] = Epoch(epoch.since, epoch.takes, finding)
        return domain

    def _near(self, random: Random) -> Domain:
        """A real name, a letter away from a large provider's, with a mail service of its own."""
        meant = self.provider_domain(random)
        name = slip(meant.name, random)
        while name in self.by_name or not _exists(name):
            name = slip(meant.name, random)
        return self._own(random, name)

    def _operator(self, number: int, random: Random) -> list[Domain]:
        """Domains of one trap operator: one mail server takes all of it, or a large provider does."""
        exchange = f"in{number}.{self._names.firm()}"
        made = []
        for _ in range(self._world.traps.domains_each):
            hosted = random.random() < self._world.traps.hosted
            exchanges = HOSTS["google"] if hosted else (exchange,)
            made.append(self._add(self._names.firm(), "operator", Takes.OPERATOR, exchanges, "pristine"))
        made.sort(key=lambda domain: domain.epochs[0].finding.exchanges != (exchange,))
        return made

    def _slip_domain(self, name: str, meant: Domain) -> Domain:
        random, shares = self._random, self._world.slips
        large = meant.runs_it in self._world.providers
        if not _exists(name) or random.random() < (shares.unregistered if large else 1 - shares.small_taken):
            return self._keep(name, "nobody", Takes.NOBODY, NO_SUCH_DOMAIN)
        traps = self._world.dirt.traps
        alone = shares.trap_alone if large else shares.small_trap
        if random.random() < alone * traps:
            return self._add(name, "operator", Takes.OPERATOR, (f"mx.{name}",), "typo")
        kinds = (shares.parked, shares.collected if large else 0.0, shares.own)
        kind = random.choices(("parked", "collected", "own"), kinds)[0]
        if kind == "own":
            return self._add(name, "strangers", Takes.PEOPLE, (f"mail.{name}",))
        if kind == "parked":
            domain = self._keep(name, "nobody", Takes.NOBODY, NO_SUCH_DOMAIN)
            epoch = parked(random, self._born)
            exchanges = epoch.finding.exchanges
            finding = taking(exchanges, provider_of(exchanges)) if exchanges else epoch.finding
            domain.epochs = [Epoch(self._born, epoch.takes, finding)]
            return domain
        number = random.randrange(len(self._collectors))
        if number < round(shares.trap_collectors * traps):
            return self._add(name, "operator", Takes.OPERATOR, (self._collectors[number],), "typo")
        return self._add(name, "nobody", Takes.ANYTHING, (self._collectors[number],))


def _exists(domain: str) -> bool:
    """Is there such an ending at all? Nobody can register gmail.con."""
    return suffixes().is_public(domain.partition(".")[2], accept_unknown=False)
