"""Strangers from a dirty source: a rule of the list, whoever the single address is. Pure.

Where a fifth of a list does not exist, the rest was bought or harvested, too, or has grown old with it. Most of whom it
brings are no traps, so the risk of each of them is low: what is wrong is the list.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.hygiene import told, worst_share
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules.case import Finding, span, wait_of
from sidestep.streams.decide.rules.reasons import finding
from sidestep.streams.decide.tables import SourceRow

RULE = "dirty-source"


def dirty_source(evidence: IntentEvidence, source: SourceRow, policy: Policy, now: int) -> Finding | None:
    """A finding that keeps back whom only this source has brought, until the person has confirmed; None: the rule is
    off. `now`: log time, seconds."""
    rule = policy.rules[RULE]
    if rule.mode == "off":
        return None
    wait = wait_of(rule, evidence.attempt)
    said = {
        "source": evidence.source,
        "figures": told(source, evidence.source),
        "share": f"{100 * worst_share(source, policy.source_least):.0f}",
        "limit": f"{100 * policy.source_dirty:.0f}",
        "wait": span(wait),
    }
    return finding(policy, evidence, RULE, said, retry_us=(now + wait) * 1_000_000)
