"""Everybody who is written to in the demo: their addresses, and what becomes of mail to them. Pure, seeded."""

from collections.abc import Callable
from itertools import accumulate
from random import Random

from sidestep.streams.demo.model import Fate, Service, Traffic
from sidestep.streams.demo.old_list import OldList, old_list

POOLS = {"subscribers": 0.36, "customers": 0.10, "companies": 0.05}
"""People of each audience, as a share of all intents."""
IMPORTED = 0.10
"""Entries of the old list, likewise."""


class Population:
    """Recipients by audience. `fates` says what becomes of mail to an address; who is not in it is there. `zones`: of
    the domains that the demo's DNS lacks."""

    def __init__(self, traffic: Traffic, intents: int, random: Random, seed: int):
        self._people = traffic.people
        self._odd = traffic.odd
        self._addresses = traffic.odd_addresses
        self._locals = {
            "role": self._addresses.role,
            "honeypot": self._addresses.honeypot,
            "machine-made": self._addresses.machine_made,
        }
        self._random = random
        self._number = 0
        ranks = range(1, len(self._people.providers) + 1)
        self._provider_weights = list(accumulate(1 / rank**self._people.zipf for rank in ranks))
        self._shares = traffic.fates["people"]
        self.fates: dict[str, Fate] = {}
        self._pools = {
            name: [self._person(name) for _ in range(max(10, round(share * intents)))] for name, share in POOLS.items()
        }
        old = old_list(seed, max(10, round(IMPORTED * intents)))
        self.zones = old.zones
        self._pools["imported"] = self._imported_people(old, traffic.fates["imported"])
        self._next_subscriber = 0
        self._audiences: dict[str, Callable[[], str]] = {
            "newcomers": self._newcomer,
            "subscribers": self._subscriber,
            "customers": self._customer,
            "companies": self._employee,
            "operators": self._operator,
            "imported": self._imported,
        }
        # the shop's and the newsletter's customers are partly the same people
        half = len(self._pools["customers"]) // 2
        self._pools["customers"][:half] = random.sample(self._pools["subscribers"], half)

    def recipient(self, service: Service) -> str:
        """The next one of this service."""
        draw = self._random.random()
        for kind, share in service.mix.items():
            draw -= share
            if draw < 0:
                return self._odd_one(kind, service)
        return self._audiences[service.audience]()

    def neighbour(self, address: str) -> str:
        """Somebody else at the same domain."""
        return f"{self._name()}@{address.rpartition('@')[2]}"

    def _odd_one(self, kind: str, service: Service) -> str:
        locals_ = self._locals.get(kind)
        if locals_ is not None:
            return f"{self._random.choice(locals_)}@{self._random.choice(self._people.companies)}"
        if kind == "invalid":
            return self._random.choice(self._addresses.invalid).format(name=self._name())
        if kind == "dead":
            return f"{self._name()}@{self._dead_domain()}"
        return f"{self._name()}@{self._random.choice(self._odd[kind])}"

    def _dead_domain(self) -> str:
        number = int(self._addresses.dead_names * self._random.random() ** 2)
        return self._addresses.dead[number % len(self._addresses.dead)].format(n=number)

    def _newcomer(self) -> str:
        address = self._address()
        self._decide_fate(address, self._shares)
        return address

    def _subscriber(self) -> str:
        pool = self._pools["subscribers"]
        self._next_subscriber += 1
        return pool[self._next_subscriber % len(pool)]

    def _customer(self) -> str:
        return self._often_the_first("customers")

    def _employee(self) -> str:
        return self._often_the_first("companies")

    def _operator(self) -> str:
        return self._random.choice(self._people.operators)

    def _imported(self) -> str:
        return self._random.choice(self._pools["imported"])

    def _imported_people(self, old: OldList, shares: dict[Fate, float]) -> list[str]:
        """Entries of the list; whoever is still there answers as people do who never asked for mail."""
        self.fates |= old.fates
        for address in old.addresses:
            if address not in old.fates:
                self._decide_fate(address, shares)
        return old.addresses

    def _often_the_first(self, name: str) -> str:
        pool = self._pools[name]
        return pool[int(len(pool) * self._random.random() ** 2)]

    def _person(self, audience: str) -> str:
        address = self._address(1.0 if audience == "companies" else self._people.at_companies)
        self._decide_fate(address, self._shares)
        return address

    def _address(self, at_companies: float | None = None) -> str:
        share = self._people.at_companies if at_companies is None else at_companies
        if self._random.random() < share:
            companies = self._people.companies
            return f"{self._name()}@{companies[int(len(companies) * self._random.random() ** 2)]}"
        provider = self._random.choices(self._people.providers, cum_weights=self._provider_weights)[0]
        return f"{self._name()}@{provider}"

    def _name(self) -> str:
        self._number += 1
        return f"{self._random.choice(self._people.first)}.{self._random.choice(self._people.last)}{self._number}"

    def _decide_fate(self, address: str, shares: dict[Fate, float]) -> None:
        draw = self._random.random()
        for fate, share in shares.items():
            draw -= share
            if draw < 0:
                self.fates[address] = fate
                return
