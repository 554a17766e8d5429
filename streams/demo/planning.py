"""The day's intents, worked out before it begins: the same seed gives the same octets. Pure.

What answers to verdicts (bounces, second attempts) can't be planned: see mailer.py and offers.py.
"""

from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import NamedTuple

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import encode
from sidestep.schemas.reading import read_sender
from sidestep.streams.demo.model import Fate, Service, Traffic
from sidestep.streams.demo.population import Population
from sidestep.topics.keys import record_key

HOURS = 24.0
AGAIN_WITHIN = 1.0
"""Hours within which an accident (the same record again, the same id again) follows."""
UNREADABLE = (
    b"",
    b"{",
    b"null",
    b"Dear customer,",
    b"\xff\xfe\x00",
    b'{"id": 7}',
    b'{"id": "x", "service": "shop"}',
    b'{"id": "y", "service": "shop", "to": ""}',
    b'{"id": "z", "service": "shop", "to": "a@b.example", "attempt": 0}',
    b'{"id": "w", "service": "shop", "to": "a@b.example", "created_at": 1700000000000}',
)


class IntentKey(NamedTuple):
    """What gets exactly one verdict. `to` belongs to it: an id used for another recipient gets one of its own."""

    service: str
    id: str
    attempt: int
    to: str


class Planned(NamedTuple):
    """One record of email-intents and the hour of the day at which it is published. No `intent`: it can't be read."""

    hour: float
    value: bytes
    key: str | None
    intent: IntentKey | None
    sender: IntentKey | None = None
    """Of one that can't be read: what the verdict is on that tells its service so."""


@dataclass
class Plan:
    """Everything that is known when the day begins."""

    records: list[Planned]
    """By hour."""
    fates: dict[str, Fate]
    twice: int = 0
    """Records that repeat an earlier one."""
    unreadable: int = 0
    reused: int = 0
    names: list[str] = field(default_factory=list)
    """The services, in the order of traffic.toml."""
    zones: str = ""
    """Master-file text: domains of the old list."""


def key_of(intent: EmailIntent) -> IntentKey:
    """The key of its verdict."""
    return IntentKey(intent.service, intent.id, intent.attempt, intent.to)


def plan(traffic: Traffic, seed: int, intents: int) -> Plan:
    """The records of one day: `intents` of them, and the accidents on top."""
    random = Random(seed)
    population = Population(traffic, intents, random, seed)
    made = Plan([], population.fates, names=list(traffic.services), zones=population.zones)
    for name, count in _counts(traffic, intents).items():
        service = traffic.services[name]
        for number, hour in enumerate(_hours(service, count, random)):
            _add(made, _intent(name, service, number, population, random, traffic), hour, population, random, traffic)
    _add_unreadable(made, traffic, intents, random)
    made.records.sort(key=lambda record: record.hour)
    return made


def _counts(traffic: Traffic, intents: int) -> dict[str, int]:
    """Intents of each service; what rounding leaves over goes to the last one."""
    total = sum(service.share for service in traffic.services.values())
    counts = {name: int(intents * service.share / total) for name, service in traffic.services.items()}
    counts[next(reversed(counts))] += intents - sum(counts.values())
    return counts


def _hours(service: Service, count: int, random: Random) -> list[float]:
    weights = list(accumulate((end - begin) * weight for begin, end, weight in service.hours))
    spans = random.choices(service.hours, cum_weights=weights, k=count)
    return sorted(begin + (end - begin) * random.random() for begin, end, _ in spans)


def _intent(
    name: str, service: Service, number: int, population: Population, random: Random, traffic: Traffic
) -> EmailIntent:
    return EmailIntent(
        id=f"{name}-{number:06}",
        to=population.recipient(service),
        service=name,
        stream=service.stream,
        campaign=service.campaign,
        source=service.source,
        test=random.random() < traffic.accidents.test,
        metadata={"template": f"{name}-{random.randrange(1, 5)}"},
    )


def _add(
    made: Plan, intent: EmailIntent, hour: float, population: Population, random: Random, traffic: Traffic
) -> None:
    made.records.append(_record(intent, hour))
    draw = random.random()
    if draw < traffic.accidents.published_twice:
        made.twice += 1
        made.records.append(_record(intent, _soon(hour, random)))
    elif draw > 1 - traffic.accidents.id_reused and intent.to.count("@") == 1:
        made.reused += 1
        other = EmailIntent(
            id=intent.id,
            to=population.neighbour(intent.to),
            service=intent.service,
            stream=intent.stream,
            campaign=intent.campaign,
            source=intent.source,
            test=intent.test,
        )
        made.records.append(_record(other, _soon(hour, random)))


def _record(intent: EmailIntent, hour: float) -> Planned:
    return Planned(hour, encode(intent), record_key(intent), key_of(intent))


def _soon(hour: float, random: Random) -> float:
    return min(hour + AGAIN_WITHIN * random.random(), HOURS)


def _add_unreadable(made: Plan, traffic: Traffic, intents: int, random: Random) -> None:
    made.unreadable = max(len(UNREADABLE), round(intents * traffic.accidents.unreadable))
    for number in range(made.unreadable):
        value = UNREADABLE[number % len(UNREADABLE)]
        sender = read_sender(value)
        told = IntentKey(sender.service, sender.id, sender.attempt, "") if sender is not None else None
        made.records.append(Planned(HOURS * random.random(), value, None, None, told))
