"""The rule about the risk as a whole: what the policy makes of it. Pure.

Steps: approve, approve and say so, defer until the person has confirmed, drop.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.hosts import host_of, told_of_host, told_of_name, told_of_slips
from sidestep.streams.decide.hygiene import told
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.risk import LEARNT, Risk, names_of
from sidestep.streams.decide.rules.case import Finding, span, wait_of
from sidestep.streams.decide.rules.reasons import finding
from sidestep.streams.decide.tables import DomainRow, RecipientRow, SourceRow

RULE = "trap-risk"
HOSTS = frozenset({"host", "typo"})
"""Parts of the risk of which the figures of who takes the mail may say more."""


def trap_risk(
    evidence: IntentEvidence,
    risk: Risk,
    source: SourceRow | None,
    hosts: tuple[DomainRow, DomainRow | None],
    policy: Policy,
    now: int,
) -> tuple[Finding | None, Finding | None]:
    """A finding that stops the intent, and one that is only told; at most one of them. `source`: where it has the
    address from; `hosts`: who takes the mail, the domain and the host that it shares with others."""
    rule = policy.rules[RULE]
    if rule.mode == "off" or risk.whole < rule.flag_from:
        return None, None
    story = f" {told(source, evidence.source)}" if source is not None and "source" in risk.parts else ""
    if not HOSTS.isdisjoint(risk.parts):
        story += _of_host(evidence, risk, *hosts)
    said = {"risk": f"{risk.whole:.2f}", "parts": _parts(risk), "source": story, "wait": ""}
    if risk.whole >= rule.drop_from:
        return finding(policy, evidence, RULE, said), None
    if risk.whole >= rule.confirm_from:
        wait = wait_of(rule, evidence.attempt)
        said["wait"] = span(wait)
        return finding(policy, evidence, RULE, said, "reason_confirm", (now + wait) * 1_000_000), None
    return None, finding(policy, evidence, RULE, said)


def valid_since(recipient: RecipientRow, evidence: IntentEvidence, risk: Risk) -> int:
    """Since when the mailbox is believed to belong to whom the message is for: for Require-Recipient-Valid-Since (RFC
    7293), by which the server itself refuses if the owner has changed. Seconds; 0: there is nothing to fear."""
    if "recycled" not in risk.parts:
        return 0
    persons = max(recipient.last_engaged, recipient.complained_at, recipient.unsubscribed_at)
    return max(persons, evidence.consent_at // 1000) or recipient.first_seen


def _of_host(evidence: IntentEvidence, risk: Risk, domain: DomainRow, host: DomainRow | None) -> str:
    signals, name = names_of(risk.signals), host_of(domain.exchange)
    if host is not None and "silent-host" in signals:
        return f" {told_of_host(host, name)}"
    if host is not None and "slip-host" in signals:
        return f" {told_of_slips(host, name)}"
    if "unseen-slip" in signals:
        return f" {told_of_name(evidence.domain)}"
    return f" {told_of_host(domain, evidence.domain)}" if {"unread-domain", "silent-domain"} & {*signals} else ""


def _parts(risk: Risk) -> str:
    ranked = sorted(risk.parts.items(), key=lambda part: (-part[1], part[0]))
    parts = ", ".join(f"{name} {share:.2f}" for name, share in ranked if name != LEARNT)
    learnt = risk.parts.get(LEARNT, 0.0)
    if not learnt:
        return parts
    return f"{parts}; what became of such messages {'adds' if learnt > 0 else 'takes away'} {abs(learnt):.2f}"
