"""The ladder: every rule in one table, from the evidence and what the ledger knows to a Finding or None. Pure.

To add a rule: its function in address.py or history.py, what it compares in compared.py, a row here, its sentence and
its case in reasons.toml, its section in policy.toml. The limits are rules of
the policy too, but change state: limits.py. So is the risk, which weighs what the ladder has flagged: trap_risk.py.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules import address, compared, expiring, history, needs
from sidestep.streams.decide.rules.case import NEVER, Case, Finding
from sidestep.streams.decide.rules.needs import CLASSES_FROM, Need
from sidestep.streams.decide.tables import DomainRow, HoldRow, RecipientRow

REJECTING = ("reject", "flag", "off")
DEFERRING = ("defer", "off")


class Natural(int):
    """A whole number, 0 included: the kind of a parameter."""


SPREAD: Mapping[str, type] = MappingProxyType({"spread": Natural})
DAYS: Mapping[str, type] = MappingProxyType({"days": int})
WAITS: Mapping[str, type] = MappingProxyType({"retry_after": int, "retry_after_max": int})
RISK_STEPS: Mapping[str, type] = MappingProxyType(
    {"flag_from": float, "confirm_from": float, "drop_from": float, **WAITS}
)
SOURCE_NEW: Mapping[str, type] = MappingProxyType({"messages": int, "wait": int, "days": int, "learning_days": Natural})
SOURCE_BAD: Mapping[str, type] = MappingProxyType(
    {
        "least": int,
        "bounce_share": float,
        "least_complaints": int,
        "complaint_share": float,
        "days": int,
        "spread": Natural,
    }
)
NO_PARAMETERS: Mapping[str, type] = MappingProxyType({})

Function = Callable[[Case], Finding | None]
Compared = Callable[[Case], str]
"""What it compares with what, in words; asked after the fact alone, never while an intent is judged."""


class Rule(NamedTuple):
    """One rule. `modes` and `parameters` are what the policy may say of it; the latter by name: int (above 0), Natural,
    bool, float (0 to 1), list (of texts).

    `needs`: it can apply only to an intent that has one of these traits. `function` None: not on the ladder, such as a
    limit.
    """

    id: str
    modes: tuple[str, ...]
    parameters: Mapping[str, type]
    needs: tuple[Need, ...]
    function: Function | None
    compared: Compared | None = None


def _rule(
    id: str,
    modes: tuple[str, ...],
    function: Function,
    compared: Compared,
    *needs: Need,
    parameters: Mapping[str, type] = NO_PARAMETERS,
) -> Rule:
    return Rule(id, modes, parameters, needs, function, compared)


def _limit(id: str) -> Rule:
    return Rule(id, DEFERRING, NO_PARAMETERS, (), None)


RULES: tuple[Rule, ...] = (
    _rule("expired", REJECTING, expiring.expired, compared.expired, needs.EXPIRES),
    _rule(
        "service-on-hold",
        DEFERRING,
        history.service_on_hold,
        compared.service_on_hold,
        needs.HELD,
        parameters=SPREAD,
    ),
    _limit("test-limit"),
    _rule("address-syntax", ("reject",), address.address_syntax, compared.address_syntax, needs.UNSOUND),
    _rule("known-trap", REJECTING, history.known_trap, compared.known_trap, needs.KNOWN_TRAP),
    _rule("suppressed", REJECTING, history.suppressed, compared.suppressed, needs.SUPPRESSED),
    _rule(
        "domain-takes-no-mail", REJECTING, address.domain_takes_no_mail, compared.domain_takes_no_mail, needs.NO_MAIL
    ),
    _rule(
        "mailbox-missing",
        REJECTING,
        history.mailbox_missing,
        compared.mailbox_missing,
        needs.MAILBOX_MISSING,
        parameters=DAYS,
    ),
    _rule(
        "recipient-hard-bounce",
        REJECTING,
        history.recipient_hard_bounce,
        compared.recipient_hard_bounce,
        needs.HARD_BOUNCED,
        parameters=DAYS,
    ),
    _rule(
        "recipient-suspended",
        REJECTING,
        history.recipient_suspended,
        compared.recipient_suspended,
        needs.SUSPENDED,
        parameters=DAYS,
    ),
    _rule(
        "recipient-complaint",
        REJECTING,
        history.recipient_complaint,
        compared.recipient_complaint,
        needs.COMPLAINED,
        parameters={"days": int, "exempt_too": bool, "consent_lifts": bool},
    ),
    _rule(
        "recipient-unsubscribed",
        REJECTING,
        history.recipient_unsubscribed,
        compared.recipient_unsubscribed,
        needs.UNSUBSCRIBED,
        parameters={"days": int, "consent_lifts": bool},
    ),
    _rule(
        "listed",
        REJECTING,
        address.listed,
        compared.listed_surely,
        needs.LISTED,
        parameters={"lists": int, "trusted": list},
    ),
    _rule("trap-cluster", REJECTING, address.trap_cluster, compared.trap_cluster, "trap-cluster"),
    _rule("typo-domain", REJECTING, address.typo_domain, compared.typo_domain, "typo"),
    _rule("honeypot-address", REJECTING, address.honeypot_address, compared.honeypot_address, "honeypot"),
    _rule("disposable-address", REJECTING, address.disposable_address, compared.disposable_address, "disposable"),
    _rule("listed-doubtful", REJECTING, address.listed_doubtful, compared.listed_doubtful, needs.LISTED),
    _rule("parked-domain", REJECTING, address.parked_domain, compared.parked_domain, "parked"),
    _rule("domain-came-back", REJECTING, address.domain_came_back, compared.domain_came_back, needs.CAME_BACK),
    _rule("typo-suspected", REJECTING, address.typo_suspected, compared.typo_suspected, "near-miss", "typo"),
    _rule(
        "machine-made-address", REJECTING, address.machine_made_address, compared.machine_made_address, "machine-made"
    ),
    _rule("stray-report", REJECTING, history.stray_report, compared.stray_report, needs.STRAY_REPORT, parameters=DAYS),
    _rule(
        "recycled-address",
        REJECTING,
        history.recycled_address,
        compared.recycled_address,
        needs.HARD_BOUNCED,
        needs.SUSPENDED,
        parameters=DAYS,
    ),
    _rule("role-address", REJECTING, address.role_address, compared.role_address, "role"),
    _rule(
        "dns-unknown",
        ("defer", "flag", "off"),
        address.dns_unknown,
        compared.dns_unknown,
        needs.DNS_UNKNOWN,
        parameters=WAITS,
    ),
    Rule("trap-risk", ("graded", "off"), RISK_STEPS, (), None),
    Rule("dirty-source", DEFERRING, WAITS, (), None),
    Rule("source-on-hold", DEFERRING, SPREAD, (), None),
    Rule("source-held", DEFERRING, SOURCE_BAD, (), None),
    Rule("source-probation", DEFERRING, SOURCE_NEW, (), None),
    _limit("slow-down"),
    _limit("domain-limit"),
    _limit("mx-provider-limit"),
    _limit("warm-up"),
    _limit("service-provider-limit"),
    _limit("service-limit"),
)
"""In the order in which the ladder is climbed; policy.toml has the same."""


class _Step(NamedTuple):
    needs: int
    id: str
    flags: bool
    function: Function


class Ladder:
    """The rules of one policy that are not off, ready to be climbed."""

    def __init__(self, policy: Policy, rules: tuple[Rule, ...] = RULES):
        """Raises ValueError for a rule on the ladder that needs nothing: it would never be asked."""
        modes = {id: rule.mode for id, rule in policy.rules.items()}
        on = [rule for rule in rules if rule.function is not None and modes[rule.id] != "off"]
        self._classes = _class_bits(on)
        self._steps = [
            _Step(self._mask(rule), rule.id, modes[rule.id] == "flag", rule.function)
            for rule in on
            if rule.function is not None
        ]
        self._asked = 0
        for step in self._steps:
            self._asked |= step.needs
        self._explains_slips = modes["typo-domain"] != "off"

    def _mask(self, rule: Rule) -> int:
        if not rule.needs:
            raise ValueError(f"rule {rule.id}: name what it needs (rules/needs.py), or ALWAYS")
        mask = 0
        for need in rule.needs:
            mask |= self._classes[need] if isinstance(need, str) else need
        return mask

    def traits(self, evidence: IntentEvidence, recipient: RecipientRow, domain: DomainRow, hold: HoldRow | None) -> int:
        """What this intent has of all that some rule needs to see; 0: there is nothing to climb for."""
        found = needs.ALWAYS
        for name in evidence.classes:
            found |= self._classes.get(name, 0)
        mx = evidence.mx
        if mx is not None and mx.outcome != "yes":
            found |= needs.NO_MAIL if mx.outcome == "no" else needs.DNS_UNKNOWN
        if evidence.syntax:
            found |= needs.UNSOUND
        if evidence.listed:
            found |= needs.LISTED
        if evidence.mailbox is not None and evidence.mailbox.outcome == "no":
            found |= needs.MAILBOX_MISSING
        if hold is not None:
            found |= needs.HELD
        if evidence.expires_at:
            found |= needs.EXPIRES
        if domain.back_at:
            found |= needs.CAME_BACK
        if domain.suppressed is not None:
            found |= needs.SUPPRESSED
        if domain.trap is not None:
            found |= needs.KNOWN_TRAP
        if recipient is not NEVER:
            found |= _history(recipient)
        return found & self._asked

    def climb(self, case: Case, traits: int) -> tuple[Finding | None, list[Finding]]:
        """The finding that stops the intent, if any, and those that are only flagged. `traits`: the case's own."""
        flags: list[Finding] = []
        for asked, id, only_flags, function in self._steps:
            finding = function(case) if asked & traits else None
            if finding is None:
                continue
            if not only_flags:
                return finding, flags + self._explanation(case, id)
            flags.append(finding)
        return None, flags

    def judge(self, case: Case) -> tuple[Finding | None, list[Finding]]:
        """The stop and the flags of a case: both steps at once."""
        return self.climb(case, self.traits(case.evidence, case.recipient, case.domain, case.hold))

    def _explanation(self, case: Case, stopped_by: str) -> list[Finding]:
        """A domain that does not exist is most often a slip: say so too, to whoever can correct it."""
        if stopped_by != "domain-takes-no-mail" or not self._explains_slips:
            return []
        slip = address.typo_domain(case)
        return [slip] if slip is not None else []


def _history(recipient: RecipientRow) -> int:
    found = 0
    if recipient.hard_bounced_at:
        found |= needs.HARD_BOUNCED
    if recipient.suspended_at:
        found |= needs.SUSPENDED
    if recipient.complained_at:
        found |= needs.COMPLAINED
    if recipient.unsubscribed_at:
        found |= needs.UNSUBSCRIBED
    if recipient.suppressed is not None:
        found |= needs.SUPPRESSED
    if recipient.trap is not None:
        found |= needs.KNOWN_TRAP
    if recipient.stray is not None:
        found |= needs.STRAY_REPORT
    return found


def _class_bits(rules: list[Rule]) -> dict[str, int]:
    """A bit for each class that a rule needs; the others are nobody's business."""
    wanted = sorted({need for rule in rules for need in rule.needs if isinstance(need, str)})
    return {name: CLASSES_FROM << number for number, name in enumerate(wanted)}
