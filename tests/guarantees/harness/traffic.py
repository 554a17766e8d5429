"""Traffic with all that could be lost or counted twice: the same again, other attempts, such out of turn, reused ids,
feedback."""

import random
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import msgspec

from sidestep.schemas import Bounce, EmailIntent, Engagement, Verdict
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT, INTENTS
from tests.canaries import CANARY_ZONES
from tests.guarantees.harness.records import Input, Key
from tests.leaks import MARK

SERVICES = ("shop", "news", "crm")
GOOD = [f"d{number}.example" for number in range(12)]
ZONES = {name: [f"MX 10 mx.{name}"] for name in GOOD} | {"null.example": ["MX 0 ."]}
ZONES |= {f"mx.{name}": ["A 93.184.215.14"] for name in GOOD}
ZONES |= CANARY_ZONES
SAID = ("userunknown", "suspend", "blocked", "complaint", "not-spam", "delivered", "opened")
FAR = 400
"""So many attempts further nobody gets in turn; above 1000 there is none."""
DOMAINS = [*GOOD, "null.example", "gone.example"]

_encode = msgspec.json.Encoder().encode


def tight_policy() -> str:
    """The shipped policy with limits so low that some of the traffic is deferred."""
    text = (files("sidestep.streams.decide") / "policy.toml").read_text("utf-8")
    tight = text.replace('default = "3000/min,max_burst=500"', 'default = "300/min,max_burst=40"')
    assert tight != text
    return tight


class Traffic:
    """Makes records, and knows which verdicts they must have. The same seed makes the same records."""

    def __init__(self, seed: int = 1):
        self._random = random.Random(seed)
        self._count = 0
        self._published: list[EmailIntent] = []
        self._feedback: list[Input] = []
        self._answered: list[EmailIntent] = []
        self._by_key: dict[Key, EmailIntent] = {}

    @property
    def expected(self) -> set[Key]:
        """The keys of all verdicts that there must be, once each."""
        return set(self._by_key)

    def answered(self, verdicts: list[Verdict]) -> None:
        """These may be offered again, with the next attempt: a service does that after it has had its verdict. But not
        where that one has come too early already: in its turn it would have another verdict."""
        for verdict in verdicts:
            if (verdict.service, verdict.id, verdict.attempt + 1, verdict.to) not in self._by_key:
                self._answered.append(self._by_key[verdict.service, verdict.id, verdict.attempt, verdict.to])

    def some(self, count: int, label: str = "") -> list[Input]:
        """About `count` records, `label` says where they come from should one get lost."""
        return [record for _ in range(count) for record in self._one(label)]

    def plain(self, count: int, label: str = "", domain: str = "") -> list[Input]:
        """New intents only, each its own; to one domain if given."""
        return [self._publish(self._new(label, domain or self._random.choice(GOOD))) for _ in range(count)]

    def to(self, recipient: str, label: str = "") -> Input:
        """A new intent to this address."""
        return self._publish(msgspec.structs.replace(self._new(label, GOOD[0]), to=recipient))

    def _one(self, label: str) -> Iterator[Input]:
        kind = self._random.random()
        if kind < 0.70 or not self._published:
            yield self._publish(self._new(label, self._random.choice(DOMAINS)))
        elif kind < 0.78:
            yield self._publish(self._random.choice(self._published[-500:]))
        elif kind < 0.83 and self._answered:
            yield from self._offer_again(self._answered.pop(self._random.randrange(len(self._answered))))
        elif kind < 0.85:
            yield self._publish(self._reused(self._random.choice(self._published[-500:])))
        elif kind < 0.97 or not self._feedback:
            yield self._say(self._random.choice(self._published[-500:]))
        else:
            yield self._random.choice(self._feedback[-500:])

    def _new(self, label: str, domain: str) -> EmailIntent:
        self._count += 1
        return EmailIntent(
            id=f"{label}-{self._count}",
            to=f"{MARK}{self._random.randrange(2000)}@{domain}",
            service=self._random.choice(SERVICES),
            stream=self._random.choice(("", "newsletter")),
            campaign=label,
            test=self._random.random() < 0.02,
        )

    def _offer_again(self, intent: EmailIntent) -> Iterator[Input]:
        """The next attempt, and sometimes one out of turn before it. The one after the next comes once and early: its
        turn may come, and where that record is read again then it has had its verdict. One far beyond may be published
        again at any time, as all else is."""
        out_of_turn = self._random.random()
        if out_of_turn < 0.2:
            yield self._publish(_attempt(intent, intent.attempt + 2), again=False)
        elif out_of_turn < 0.4 and intent.attempt < FAR:
            yield self._publish(_attempt(intent, intent.attempt + FAR))
        yield self._publish(_attempt(intent, intent.attempt + 1))

    def _reused(self, intent: EmailIntent) -> EmailIntent:
        self._count += 1
        return msgspec.structs.replace(intent, to=f"{MARK}-other{self._count}@{self._random.choice(GOOD)}", attempt=1)

    def _publish(self, intent: EmailIntent, again: bool = True) -> Input:
        if again:
            self._published.append(intent)
        self._by_key[intent.service, intent.id, intent.attempt, intent.to] = intent
        return INTENTS.name, f"{intent.service}/{intent.id}", _encode(intent)

    def _say(self, intent: EmailIntent) -> Input:
        self._count += 1
        common: dict[str, Any] = {"recipient": intent.to, "service": intent.service, "id": f"f{self._count}"}
        kind = self._random.choice(SAID)
        if kind in ("delivered", "opened"):
            record = ENGAGEMENT.name, None, _encode(Engagement(**common | {"kind": kind}))
        elif kind in ("complaint", "not-spam"):
            record = BOUNCES.name, None, _encode(Bounce(**common | {"kind": kind}))
        else:
            record = BOUNCES.name, None, _encode(Bounce(reason=kind, **common))
        self._feedback.append(record)
        return record


def _attempt(intent: EmailIntent, attempt: int) -> EmailIntent:
    return msgspec.structs.replace(intent, attempt=attempt)
