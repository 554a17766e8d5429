"""The ladder: one function a rule, from the evidence and what the ledger knows to a Finding or None. Pure.

The limits are not here: they change state, see limits.py.
"""

from collections.abc import Callable

from sidestep.streams.decide.rules import address as address_rules
from sidestep.streams.decide.rules import history as history_rules
from sidestep.streams.decide.rules.case import Case
from sidestep.streams.decide.state import Finding

LADDER: tuple[tuple[str, Callable[[Case], Finding | None]], ...] = (
    ("service-on-hold", history_rules.service_on_hold),
    ("address-syntax", address_rules.address_syntax),
    ("domain-takes-no-mail", address_rules.domain_takes_no_mail),
    ("mailbox-missing", history_rules.mailbox_missing),
    ("recipient-hard-bounce", history_rules.recipient_hard_bounce),
    ("recipient-suspended", history_rules.recipient_suspended),
    ("recipient-complaint", history_rules.recipient_complaint),
    ("recipient-unsubscribed", history_rules.recipient_unsubscribed),
    ("listed", address_rules.listed),
    ("trap-cluster", address_rules.trap_cluster),
    ("typo-domain", address_rules.typo_domain),
    ("honeypot-address", address_rules.honeypot_address),
    ("disposable-address", address_rules.disposable_address),
    ("listed-doubtful", address_rules.listed_doubtful),
    ("parked-domain", address_rules.parked_domain),
    ("domain-came-back", address_rules.domain_came_back),
    ("typo-suspected", address_rules.typo_suspected),
    ("machine-made-address", address_rules.machine_made_address),
    ("role-address", address_rules.role_address),
    ("dns-unknown", address_rules.dns_unknown),
)


def climb(case: Case) -> tuple[Finding | None, list[Finding]]:
    """The finding that stops the intent, if any, and those that are only flagged. Rules that are off do not exist."""
    flags: list[Finding] = []
    rules = case.policy.rules
    for name, rule in LADDER:
        mode = rules[name].mode
        if mode == "off":
            continue
        finding = rule(case)
        if finding is None:
            continue
        if mode == "flag":
            flags.append(finding)
        else:
            return finding, flags + _explanation(case, finding)
    return None, flags


def _explanation(case: Case, stop: Finding) -> list[Finding]:
    """A domain that does not exist is most often a slip: say so too, to whoever can correct it."""
    if stop.rule != "domain-takes-no-mail" or case.policy.rules["typo-domain"].mode == "off":
        return []
    slip = address_rules.typo_domain(case)
    return [slip] if slip is not None else []
