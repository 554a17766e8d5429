"""The simulated day as data: data/traffic.toml, read into types. Says nothing about how traffic is made of it."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from msgspec import Struct

from sidestep.schemas.typed import as_type

Audience = Literal["newcomers", "subscribers", "customers", "companies", "operators", "imported"]
Fate = Literal["gone", "suspended", "full", "blocked", "complains", "unsubscribes", "silent"]


class Service(Struct, frozen=True):
    """One service: how much it sends, when (hours of the day: from, to, weight), to whom."""

    about: str
    share: float
    stream: str
    campaign: str
    source: str
    hours: list[tuple[float, float, float]]
    audience: Audience
    offers_again: bool
    mix: dict[str, float]


class OddAddresses(Struct, frozen=True, rename="kebab"):
    """Recipients that are no ordinary mailbox; {name} and {n} are filled in."""

    role: list[str]
    honeypot: list[str]
    machine_made: list[str]
    invalid: list[str]
    dead: list[str]
    dead_names: int


class People(Struct, frozen=True, rename="kebab"):
    """Where people have their mailboxes, and what they are called."""

    zipf: float
    at_companies: float
    providers: list[str]
    companies: list[str]
    operators: list[str]
    first: list[str]
    last: list[str]


class EngagementShares(Struct, frozen=True):
    """Shares of delivered mail."""

    delivered: float
    opened: float
    clicked: float
    replied: float


class Accidents(Struct, frozen=True, rename="kebab"):
    """What goes wrong, as shares of intents or reports."""

    published_twice: float
    id_reused: float
    offered_though_sent: float
    report_twice: float
    test: float
    unreadable: float


class Traffic(Struct, frozen=True, rename="kebab"):
    """All of traffic.toml."""

    services: dict[str, Service]
    odd: dict[str, list[str]]
    odd_addresses: OddAddresses
    people: People
    fates: dict[str, dict[Fate, float]]
    engagement: EngagementShares
    accidents: Accidents


@cache
def traffic() -> Traffic:
    """The one that ships with Sidestep."""
    text = (files("sidestep.streams.demo") / "data" / "traffic.toml").read_text("utf-8")
    return as_type(tomllib.loads(text), Traffic)
