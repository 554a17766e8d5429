"""How likely an intent that goes through is to hit a trap: independent signals, combined. Pure."""

from sidestep.streams.decide.policy import DAY, Policy
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.tables import DomainRow, RecipientRow


def risk_of(flags: list[Finding], recipient: RecipientRow, domain: DomainRow, policy: Policy, now: int) -> float:
    """0 (none seen) to 1, three decimals. The weights are the policy's [risk]."""
    weights = policy.risk
    safe = 1.0
    for finding in flags:
        if finding.rule == "domain-came-back":
            continue  # weighed below, also where the rule that explains it is off
        safe *= 1.0 - weights.get(finding.rule, 0.0)
    long_ago = now - policy.dormant_days * DAY
    if not recipient.last_approved:
        safe *= 1.0 - weights["never-mailed"]
    elif recipient.last_approved < long_ago:
        safe *= 1.0 - weights["dormant"]
    if recipient.hard_bounced_at or recipient.suspended_at:
        safe *= 1.0 - weights["old-bounce"]
    if domain.back_at:
        safe *= 1.0 - weights["domain-came-back"]
    risk = 1.0 - safe
    if recipient.last_engaged and recipient.last_engaged > long_ago:
        risk *= 1.0 + weights["engaged"]
    return round(risk, 3)
