"""What is played: Sidestep, those it is compared with, Sidestep without one of its signals, and other worlds. Pure."""

import re
from typing import Literal, NamedTuple

from tests.decide.world import SHIPPED_TEXT, policy_text

TUNED_ON = range(1, 6)
"""Seeds that weights may have been tuned on."""
WORLDS = 3
"""Companies whose figures are added up: of one alone there are too few traps of some kinds."""
APART = 1000
"""Between the seeds of those companies."""

SMALLER = 0.35
"""Times the scale, where only what is stopped is compared: Watch needs more mail to judge by, Decide does not."""

Group = Literal["main", "baseline", "usual", "ablation", "sensitivity"]


class Variant(NamedTuple):
    """One run. `policy`: Sidestep's, "" for who is not Sidestep; `traps`, `lists`, `engagement`: of the world."""

    name: str
    group: Group
    seed: int
    protector: str = "sidestep"
    policy: str = SHIPPED_TEXT
    traps: float = 1.0
    lists: float = 1.0
    engagement: bool = True
    partitions: int = 1

    @property
    def scale(self) -> float:
        """Times that of the whole evaluation."""
        return 1.0 if self.group in ("main", "baseline") else SMALLER


BASELINES = ("no protection", "syntax + MX", "hard bounces, 30 days")

WITHOUT_RULES = {
    "bounces remembered": ("recipient-hard-bounce", "recipient-suspended"),
    "DNS": ("domain-takes-no-mail",),
    "slips": ("trap-cluster", "typo-domain", "typo-suspected"),
    "sources": ("dirty-source", "source-held", "source-probation"),
    "local parts": ("honeypot-address", "machine-made-address", "role-address"),
    "risk as a whole": ("trap-risk",),
}
"""What is left out -> the rules that are switched off."""

WITHOUT_WEIGHTS = {
    "life story in the risk": ("dormant", "old-bounce", "accepted-again", "unanswered"),
    "domains that came back": ("domain-came-back",),
    "silent hosts": ("silent-host", "silent-domain"),
    "signs of a person": ("engaged", "consented"),
}
"""What is left out -> the signals whose weight is 0."""


def variants(seed: int) -> list[Variant]:
    """All runs, the longest first, so that two processes end at about the same time."""
    seeds = [seed + number * APART for number in range(WORLDS)]
    found = [Variant("Sidestep", "main", each) for each in seeds]
    found.append(Variant("Sidestep as it ships", "usual", seed))
    found += [
        Variant(f"without {name}", "ablation", seed, policy=without(rules)) for name, rules in WITHOUT_RULES.items()
    ]
    found += [
        Variant(f"without {name}", "ablation", seed, policy=weightless(signals))
        for name, signals in WITHOUT_WEIGHTS.items()
    ]
    found += [
        Variant("lists twice as dirty", "sensitivity", seed, lists=2.0),
        Variant("traps half as common", "sensitivity", seed, traps=0.5),
        Variant("no engagement reported", "sensitivity", seed, engagement=False),
        Variant("a log of four partitions", "sensitivity", seed, partitions=4),
    ]
    return found + [Variant(name, "baseline", each, name, "") for name in BASELINES for each in seeds]


def without(rules: tuple[str, ...]) -> str:
    """The policy that ships with some rules off."""
    return policy_text(dict.fromkeys(rules, "off"))


def weightless(signals: tuple[str, ...]) -> str:
    """The policy that ships with some weights 0."""
    text = SHIPPED_TEXT
    for signal in signals:
        # the first one: a parameter further down may have the same name
        text, count = re.subn(rf"(?m)^({signal} = )-?[\d.]+", r"\g<1>0.0", text, count=1)
        assert count == 1, signal
    return text
