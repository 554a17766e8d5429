"""How likely an intent is to hit a trap: signals that apply, weighed by the policy, gathered into parts by name. Pure.

Each signal is a probability of its own, the risk is 1 - (1 - w1)(1 - w2)…; what speaks for a person multiplies it.
A model that has learnt from outcomes may move the whole (model.py). The risk depends on nothing but which signals
apply: a set that was weighed once is not weighed again.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from sidestep.schemas import IntentEvidence, ModelSnapshot
from sidestep.streams.decide.hygiene import bad_share, bad_share_tried, brought
from sidestep.streams.decide.model import counts_for, moved
from sidestep.streams.decide.policy import DAY, Policy
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.tables import DomainRow, RecipientRow, SourceRow

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
        "domain-changed-hands": "recycled",
        "parked-domain": "recycled",
        "trap-cluster": "typo",
        "typo-domain": "typo",
        "typo-suspected": "typo",
        "role-address": "role",
        "honeypot-address": "seeded",
        "disposable-address": "disposable",
        "listed-doubtful": "listed",
        "doubtful-source": "source",
        "dirty-source": "source",
        "trap-source": "source",
        "silent-domain": "host",
        "silent-host": "host",
        "unread-domain": "host",
        "slip-host": "typo",
        "unseen-slip": "typo",
    }
)
"""The signals that raise the risk, and the part of it that each belongs to."""
LEARNT = "learnt"
"""The part that the model adds to what the policy says, or takes away from it."""
SPEAKS_FOR = ("engaged", "consented")
"""The signals that lower it."""
SIGNALS = (
    "never-mailed", "machine-made-address", "dormant", "old-bounce", "accepted-again", "unanswered", "domain-came-back",
    "parked-domain", "typo-suspected", "role-address", "honeypot-address", "disposable-address", "listed-doubtful",
    "engaged", "consented", "known-trap", "doubtful-source", "dirty-source", "trap-source",
    "domain-changed-hands", "trap-cluster", "typo-domain", "silent-domain",
    "silent-host", "slip-host", "unseen-slip", "unread-domain",
)  # fmt: skip
"""All of them. Recipients' rows know them by their place here: add new ones at the end."""

WEIGHED = 1
"""The bit of every set of signals, so that a set of none is not 0."""
_BIT = {name: WEIGHED << number for number, name in enumerate(SIGNALS, 1)}
_CONSENTED, _DIRTY = _BIT["consented"], _BIT["dirty-source"]
_NOBODY = 1 << 29
"""Not a signal, but found on the way: the domain takes no mail, or the mailbox is known not to exist."""
_SLIPS = sum(_BIT[name] for name, part in PARTS.items() if part == "typo")
_WEIGHED_APART = ("domain-came-back",)
"""Signals that apply whether the rule of that name is on or off."""
_OF_RULES = {name: bit for name, bit in _BIT.items() if name not in _WEIGHED_APART}


class Risk(Struct, frozen=True, eq=False, gc=False):
    """The whole, 0 to 1, and its parts by name, but those of 0; three decimals. What the model takes away is below 0. A
    set of signals has one such object."""

    whole: float
    parts: dict[str, float]
    signals: int = 0
    """By bit; 0: it was not weighed."""
    nobody: bool = False
    """The domain takes no mail, or the mailbox is known not to exist."""
    risky: bool = False
    """So high that the policy wants to be told."""
    brought: bool = False
    """A dirty source has brought the address, and the person has not consented."""


NO_RISK = Risk(0.0, {})


def names_of(signals: int) -> list[str]:
    """The names of a set of signals, in the order of SIGNALS."""
    return [name for name, bit in _BIT.items() if signals & bit]


def _confirmed(evidence: IntentEvidence, recipient: RecipientRow) -> bool:
    """The person has consented after a message to the mailbox was stopped."""
    return 0 < recipient.last_stopped <= evidence.consent_at // 1000


class Scales:
    """The weights of one policy, what the model makes of them, and every set of signals that was weighed so."""

    def __init__(self, policy: Policy, snapshot: ModelSnapshot | None = None):
        self._weights = policy.risk
        self._rules = policy.risk_model
        self._snapshot = snapshot if counts_for(snapshot, policy.risk_model) else None
        self._long = policy.dormant_days * DAY
        self._fresh = policy.consent_days * DAY
        self._many = policy.unanswered
        self._dark = policy.dark_days * DAY
        self._least = policy.source_least
        self._doubtful, self._dirty, self._traps = policy.source_doubtful, policy.source_dirty, policy.source_traps
        self._risky = policy.rules["trap-risk"].flag_from
        self._weighed: dict[int, Risk] = {}
        self._expected: dict[int, int] = {}

    def weigh(
        self,
        evidence: IntentEvidence,
        fired: list[Finding],
        recipient: RecipientRow,
        domain: DomainRow,
        silence: str,
        source: SourceRow | None,
        now: int,
    ) -> Risk:
        """The risk of an intent. `fired`: by the rules that it has met; `silence`: the signal of its
        host, or empty; `source`: where it has the address from; `now`: log time, seconds."""
        signals = self._signals(evidence, fired, recipient, domain, now)
        if silence:
            signals |= _BIT[silence]
        # who slips consents at the wrong address: only an answer to being asked about it says something
        if signals & _SLIPS and signals & _CONSENTED and not _confirmed(evidence, recipient):
            signals &= ~_CONSENTED
        if source is not None and (source.unknown or source.hard_bounces or source.suspicious or source.traps):
            signals |= self._of_source(source, evidence, recipient)
        found = self._weighed.get(signals)
        if found is None:
            found = self._weighed[signals] = self._weigh(signals)
        return found

    def _signals(
        self, evidence: IntentEvidence, fired: list[Finding], recipient: RecipientRow, domain: DomainRow, now: int
    ) -> int:
        found = WEIGHED
        for finding in fired:
            found |= _OF_RULES.get(finding.rule, 0)
        if not recipient.last_approved:
            found |= _BIT["never-mailed"]
        elif recipient.last_approved < now - self._long:
            found |= _BIT["dormant"]
        marked = recipient.hard_bounced_at
        if recipient.suspended_at > marked:
            marked = recipient.suspended_at
        if marked:
            found |= _BIT["old-bounce"]
            if recipient.accepted_at:
                found |= _BIT["accepted-again"]
            if recipient.hard_bounced_at > recipient.accepted_at:
                found |= _NOBODY
        mx, mailbox = evidence.mx, evidence.mailbox
        if (mx is not None and mx.outcome == "no") or (mailbox is not None and mailbox.outcome == "no"):
            found = (found | _NOBODY) & ~_BIT["typo-domain"]
        if recipient.unseen >= self._many:
            found |= _BIT["unanswered"]
        if domain.back_at:
            found |= _BIT["domain-came-back"]
            if domain.moved_at and domain.moved_at - domain.moved_from >= self._dark:
                found |= _BIT["domain-changed-hands"]
        # a sign of life from before the mark, or the move, says nothing about who has the mailbox now
        if recipient.last_engaged and recipient.last_engaged > max(now - self._long, marked, domain.settled_at, 0):
            found |= _BIT["engaged"]
        if evidence.consent_at and evidence.consent_at // 1000 > max(now - self._fresh, marked, domain.settled_at, 0):
            found |= _BIT["consented"]
        return found

    def _of_source(self, source: SourceRow, evidence: IntentEvidence, recipient: RecipientRow) -> int:
        share = bad_share(source, self._least)
        # a hundred that were written to don't tell a doubtful list from a good one, but a dirty one they do
        dirty = max(share, bad_share_tried(source, self._least)) >= self._dirty
        if not (dirty or share >= self._doubtful or source.traps) or not brought(recipient, evidence):
            return 0  # nearly always
        found = 0
        if dirty:
            found = _BIT["dirty-source"]
        elif share >= self._doubtful:
            found = _BIT["doubtful-source"]
        if source.traps and source.traps >= self._traps * source.offered:
            found |= _BIT["trap-source"]
        return found

    def expected(self, signals: int) -> int:
        """The risk of a set of signals by the policy alone, thousandths; that of a set of none is the policy's `base`.
        What the model learns from an outcome is measured by it."""
        found = self._expected.get(signals)
        if found is None:
            found = self._expected[signals] = round(1000 * max(self._by_policy(signals)[0], self._rules.base))
        return found

    def _weigh(self, signals: int) -> Risk:
        prior, parts = self._by_policy(signals)
        whole = prior
        # what somebody knows for a trap is one, whatever other messages came to
        if self._snapshot is not None and not signals & _BIT["known-trap"]:
            whole = moved(prior, names_of(signals), self._snapshot, self._rules)
        named = {part: share for part, share in parts.items() if share}
        if whole != prior:
            named[LEARNT] = round(whole - prior, 3)
        brought = signals & (_DIRTY | _CONSENTED) == _DIRTY
        return Risk(whole, named, signals & ~_NOBODY, bool(signals & _NOBODY), whole >= self._risky, brought)

    def _by_policy(self, signals: int) -> tuple[float, dict[str, float]]:
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
        return (
            round((1.0 - safe) * factor, 3),
            {part: round((1.0 - left) * factor, 3) for part, left in safe_of.items()},
        )
