"""What the verdicts of a day add up to: by service, by rule, with an example of each. Pure."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from sidestep.streams.demo.seen import Seen

TELLING = (
    "recipient-hard-bounce", "recipient-suspended", "recipient-complaint", "typo-domain", "domain-takes-no-mail",
    "dns-unknown",
)  # fmt: skip
"""Rules whose verdicts have a story, the best first: of these one is explained in the end."""


@dataclass
class RuleTally:
    """How often a rule spoke, what it led to (drop, defer, or send where it only flags), and one verdict of it."""

    count: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    example: Seen | None = None
    sentence: str = ""

    @property
    def usual(self) -> str:
        """What it mostly leads to."""
        return self.actions.most_common(1)[0][0]


class DayTally:
    """Verdicts taken in so far."""

    def __init__(self) -> None:
        self.verdicts = 0
        self.actions: Counter[str] = Counter()
        self.services: dict[str, Counter[str]] = defaultdict(Counter)
        self.rules: dict[str, RuleTally] = {}
        self.approved_later = 0
        """Deferred once, approved at a later attempt."""
        self.riskiest: Seen | None = None
        self._latencies: list[float] = []

    def add(self, verdict: Seen, latency: float | None) -> None:
        """One verdict, `latency` seconds after its intent was handed to Kafka."""
        self.verdicts += 1
        self.actions[verdict.action] += 1
        self.services[verdict.service][verdict.action] += 1
        if verdict.action == "send":
            self._add_approved(verdict)
        for rule in verdict.rules:
            self._add_rule(rule.id, rule.text, verdict)
        if latency is not None:
            self._latencies.append(latency)

    def by_frequency(self) -> list[tuple[str, RuleTally]]:
        """Rules, the most frequent first."""
        return sorted(self.rules.items(), key=lambda item: (-item[1].count, item[0]))

    def telling(self) -> Seen | None:
        """A verdict with a story to tell; None: no rule has stopped anything."""
        stopped = (self.rules[name].example for name in TELLING if name in self.rules)
        return next((seen for seen in stopped if seen is not None and seen.action != "send"), None)

    def latency(self, share: float) -> float:
        """Seconds within which that share of the verdicts was there; 0 without any."""
        ordered = sorted(self._latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0

    def _add_approved(self, verdict: Seen) -> None:
        if verdict.attempt > 1:
            self.approved_later += 1
        if self.riskiest is None or verdict.risk > self.riskiest.risk:
            self.riskiest = verdict

    def _add_rule(self, name: str, sentence: str, verdict: Seen) -> None:
        known = self.rules.setdefault(name, RuleTally())
        known.count += 1
        known.actions[verdict.action] += 1
        # the last one: at the end of the day there is more of a history to tell of
        known.example, known.sentence = verdict, sentence
