"""How likely an intent is to hit a trap: signals that apply, weighed by the policy, gathered into parts by name. Pure.

Each signal is a probability of its own, the risk is 1 - (1 - w1)(1 - w2)…; what speaks for a person multiplies it.
The risk depends on nothing but which signals apply: a set that was weighed once is not weighed again.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.policy import DAY, Policy
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.tables import DomainRow, RecipientRow

PARTS: Mapping[str, str] = MappingProxyType(
    {
        "known-trap": "known",
        "never-mailed": "pristine",
        "machine-made-address": "pristine",
        "dormant": "recycled",
        "old-bounce": "recycled",
        "accepted-again": "recycled",
        "unanswered": "recycled",
        "domain-came-back": "recycled",
        "parked-domain": "recycled",
        "typo-suspected": "typo",
        "role-address": "role",
        "honeypot-address": "seeded",
        "disposable-address": "disposable",
        "listed-doubtful": "listed",
    }
)
"""The signals that raise the risk, and the part of it that each belongs to."""
SPEAKS_FOR = ("engaged", "consented")
"""The signals that lower it."""
SIGNALS = (*PARTS, *SPEAKS_FOR)

_BIT = {name: 1 << number for number, name in enumerate(SIGNALS)}
_WEIGHED_APART = ("domain-came-back",)
"""Signals that apply whether the rule of that name is on or off."""
_OF_RULES = {name: bit for name, bit in _BIT.items() if name not in _WEIGHED_APART}


class Risk(NamedTuple):
    """The whole, 0 to 1, and its parts by name, those above 0; three decimals."""

    whole: float
    parts: dict[str, float]


NO_RISK = Risk(0.0, {})


class Scales:
    """The weights of one policy, and every set of signals that was weighed by them."""

    def __init__(self, policy: Policy):
        self._weights = policy.risk
        self._long = policy.dormant_days * DAY
        self._fresh = policy.consent_days * DAY
        self._many = policy.unanswered
        self._weighed: dict[int, Risk] = {}

    def weigh(
        self, evidence: IntentEvidence, fired: list[Finding], recipient: RecipientRow, domain: DomainRow, now: int
    ) -> Risk:
        """The risk of an intent. `fired`: by the rules that it has met; `now`: log time, seconds."""
        signals = self._signals(evidence, fired, recipient, domain, now)
        found = self._weighed.get(signals)
        if found is None:
            found = self._weighed[signals] = self._weigh(signals)
        return found

    def _signals(
        self, evidence: IntentEvidence, fired: list[Finding], recipient: RecipientRow, domain: DomainRow, now: int
    ) -> int:
        found = 0
        for finding in fired:
            found |= _OF_RULES.get(finding.rule, 0)
        if not recipient.last_approved:
            found |= _BIT["never-mailed"]
        elif recipient.last_approved < now - self._long:
            found |= _BIT["dormant"]
        marked = max(recipient.hard_bounced_at, recipient.suspended_at)
        if marked:
            found |= _BIT["old-bounce"]
            if recipient.accepted_at:
                found |= _BIT["accepted-again"]
        if recipient.unanswered >= self._many:
            found |= _BIT["unanswered"]
        if domain.back_at:
            found |= _BIT["domain-came-back"]
        # a sign of life from before the mark says nothing about who has the mailbox now
        if recipient.last_engaged > max(now - self._long, marked, 0):
            found |= _BIT["engaged"]
        if evidence.consent_at // 1000 > max(now - self._fresh, marked, 0):
            found |= _BIT["consented"]
        return found

    def _weigh(self, signals: int) -> Risk:
        weights, safe = self._weights, 1.0
        safe_of: dict[str, float] = {}
        for name, part in PARTS.items():
            if signals & _BIT[name]:
                safe *= 1.0 - weights[name]
                safe_of[part] = safe_of.get(part, 1.0) * (1.0 - weights[name])
        factor = 1.0
        # who opens mail in a known trap is no person
        for name in SPEAKS_FOR if not signals & _BIT["known-trap"] else ():
            if signals & _BIT[name]:
                factor *= 1.0 + weights[name]
        parts = {part: round((1.0 - left) * factor, 3) for part, left in safe_of.items()}
        return Risk(round((1.0 - safe) * factor, 3), {part: share for part, share in parts.items() if share})
