"""What was found of an intent -> its verdict. Pure."""

from sidestep.schemas import FiredRule, IntentEvidence, LogPosition, Verdict
from sidestep.schemas.verdicts import Action
from sidestep.streams.decide.risk import Risk
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.state import State


def verdict_of(
    state: State, evidence: IntentEvidence, position: LogPosition, action: Action, findings: list[Finding], risk: Risk
) -> Verdict:
    """The verdict on an intent, of which `findings` say why; the first one decides."""
    # what most verdicts have none of is set afterwards: a dozen arguments cost msgspec a quarter of what all would
    verdict = Verdict(
        id=evidence.id,
        attempt=evidence.attempt,
        to=evidence.to,
        service=evidence.service,
        decision="approved" if action == "send" else "rejected",
        action=action,
        risk=risk.whole,
        risk_parts=risk.parts,
        evidence=position,
        versions=state.controls.versions,
        decided_at=state.controls.clock_ms / 1000,
        stream=evidence.stream,
        campaign=evidence.campaign,
        source=evidence.source,
        metadata=evidence.metadata,
    )
    if findings:
        verdict.rules = [FiredRule(finding.rule, finding.text) for finding in findings]
        if action == "defer":
            verdict.retry_at = findings[0].retry_us / 1_000_000
            _echo(verdict, evidence)
    if action == "send" and not evidence.test:  # else no message goes out that it could be of
        verdict.token = evidence.token
    if evidence.suggestion:
        verdict.suggestion = evidence.suggestion
    if evidence.test:
        verdict.test = True
    if evidence.proved:
        verdict.proved = evidence.proved
    if evidence.expires_at:
        verdict.expires_at = evidence.expires_at / 1000
    return verdict


def _echo(verdict: Verdict, evidence: IntentEvidence) -> None:
    """What else is needed to offer it again."""
    if evidence.created_at:
        verdict.created_at = evidence.created_at / 1000
    if evidence.consent_at:
        verdict.consent_at = evidence.consent_at / 1000
