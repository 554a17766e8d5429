"""The company's reputation: what block lists and providers make of trap hits and complaints, day by day. Pure."""

from collections import Counter, defaultdict, deque

from sidestep.streams.simulate.assumptions import ReputationRules
from sidestep.streams.simulate.incidents import Spell

DAY = 86400
REPRESENTATIVE = 200
"""Messages below which nobody draws conclusions [assumed]."""


class CompanyReputation:
    """Grows and falls with what was sent. `listed`: the times in which a block list had us."""

    def __init__(self, rules: ReputationRules):
        self._rules = rules
        self._day = 0
        self._days: deque[tuple[int, float]] = deque(maxlen=rules.window_days)
        self._sent = 0
        self._weighed = 0.0
        self._delivered: Counter[str] = Counter()
        self._complaints: Counter[str] = Counter()
        self._junk_until: dict[str, float] = defaultdict(float)
        self.listed: list[Spell] = []
        self._listed_until = 0.0

    def sent(self, when: float) -> None:
        """A message has gone out."""
        day = int(when // DAY)
        if day != self._day:
            self._close(day)
        self._sent += 1

    def hit(self, kind: str) -> None:
        """… and was taken by a trap."""
        self._weighed += self._rules.hits_weigh[kind]  # type: ignore[index]  # kinds of traps

    def delivered(self, house: str) -> None:
        """… and arrived."""
        self._delivered[house] += 1

    def complained(self, house: str) -> None:
        """Somebody has pressed "spam"."""
        self._complaints[house] += 1

    def refuses(self, house: str, when: float) -> bool:
        """Does a provider ask a list that has us?"""
        return when < self._listed_until and house in self._rules.listens

    def junk(self, house: str, when: float) -> bool:
        """Does a provider put us into the junk folder?"""
        return when < self._junk_until[house]

    def _close(self, day: int) -> None:
        """A day is over: lists and providers draw their conclusions."""
        rules, now = self._rules, day * DAY
        self._days.append((self._sent, self._weighed))
        sent, weighed = sum(it[0] for it in self._days), sum(it[1] for it in self._days)
        if sent >= REPRESENTATIVE and weighed / sent >= rules.listed_from:
            until = now + rules.listed_days * DAY
            if now < self._listed_until:
                self.listed[-1] = Spell(self.listed[-1].since, until)
            else:
                self.listed.append(Spell(now, until))
            self._listed_until = until
        for house, complaints in self._complaints.items():
            delivered = self._delivered[house]
            if delivered >= REPRESENTATIVE and complaints / delivered >= rules.junk_from:
                self._junk_until[house] = now + rules.junk_days * DAY
        self._day, self._sent, self._weighed = day, 0, 0.0
        self._delivered.clear()
        self._complaints.clear()
