"""An intent that says until when its message is worth sending: never later. Pure. Its sentences: reasons.toml."""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules.case import Case, Finding, moment
from sidestep.streams.decide.rules.reasons import finding

RULE = "expired"


def expired(case: Case) -> Finding | None:
    """The time of the intent is over, by log time: the same second counts as over."""
    ends_ms = case.evidence.expires_at
    ends = ends_ms // 1000
    if not ends_ms or ends > case.now:
        return None
    return finding(case.policy, case.evidence, RULE, {"when": moment(ends), "until": "", "rule": ""})


def stop_in_time(stop: Finding, evidence: IntentEvidence, policy: Policy) -> Finding:
    """What stops an intent that expires: a deferral until it is over is a drop, and the service knows at once."""
    if not _is_too_late(stop.retry_us, evidence) or policy.rules[RULE].mode != "reject":
        return stop
    said = {
        "when": moment(evidence.expires_at // 1000),
        "until": moment(stop.retry_us // 1_000_000),
        "rule": stop.rule,
    }
    return finding(policy, evidence, RULE, said, "reason_wait")


def will_expire(retry_us: int, evidence: IntentEvidence, policy: Policy) -> bool:
    """Whether an intent that has to wait so long will not be sent at all: it needs no place of its own then."""
    return _is_too_late(retry_us, evidence) and policy.rules[RULE].mode == "reject"


def _is_too_late(retry_us: int, evidence: IntentEvidence) -> bool:
    return bool(evidence.expires_at) and evidence.expires_at // 1000 <= retry_us // 1_000_000
