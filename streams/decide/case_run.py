"""Runs cases of a policy through the fold: with a log of their own, in no partition of anybody's. Pure."""

import tomllib
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from msgspec.structs import replace

from sidestep.schemas import (
    Evidence,
    FeedbackEvidence,
    HoldRecord,
    IntentEvidence,
    Listing,
    MailboxFinding,
    MxFinding,
    SourceHoldRecord,
    SuppressRecord,
    TrapRecord,
    Verdict,
)
from sidestep.streams.decide.batch import decide
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.policy import DAY, Limits, Policy, SharedLimits
from sidestep.streams.decide.policy_cases import Before, CaseText, PolicyCase, RuleCase, policy_cases
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.rules.reasons import shipped_reasons
from sidestep.streams.decide.state import State
from sidestep.streams.gcra import parse_rate

NOW = 1_800_000_000
"""When the intent of a case comes: 15 January 2027."""
HOUR_MS = 3_600_000
VERSION = "v1"
_BOUNCES: dict[str, dict[str, Any]] = {
    "hard-bounce": {"event": "bounce", "hard": True, "scope": "recipient", "reason": "userunknown"},
    "soft-bounce": {"event": "bounce", "scope": "transient", "reason": "mailboxfull"},
    "stray-bounce": {"event": "bounce", "hard": True, "scope": "recipient", "reason": "userunknown", "tied": ""},
    "suspended": {"event": "bounce", "scope": "recipient", "reason": "suspend"},
    "blocked": {"event": "bounce", "hard": True, "scope": "us", "reason": "blocked"},
    "too-fast": {"event": "bounce", "scope": "us", "reason": "speeding"},
}


class CaseOutcome(NamedTuple):
    """What a verdict comes to: the action, and the ids of the rules that it names."""

    action: str
    rules: tuple[str, ...]


def case_faults(text: str) -> list[str]:
    """The cases of a sound policy that come out otherwise than it says, one sentence each."""
    cases = policy_cases(tomllib.loads(text).get("cases", []))
    policy = parse(text) if cases else None
    return [fault for case in cases if policy is not None and (fault := _fault(case, run(case, policy)))]


def rules_judged_otherwise(policy: Policy, shipped: Policy) -> Iterator[tuple[str, CaseOutcome, CaseOutcome]]:
    """Rules whose case has another outcome by this policy than by the one that ships: id, by this one, as shipped."""
    for id, reasons in shipped_reasons().items():
        ours, theirs = (outcome(run(reasons.case, each)) for each in (policy, shipped))
        if ours != theirs:
            yield id, ours, theirs


def outcome(verdict: Verdict) -> CaseOutcome:
    """What a verdict comes to."""
    return CaseOutcome(verdict.action, tuple(rule.id for rule in verdict.rules))


def _fault(case: PolicyCase, verdict: Verdict) -> str:
    action, rules = outcome(verdict)
    first = rules[0] if rules else ""
    if case.expect == action and case.rule in (None, first):
        return ""
    wanted = case.expect if case.rule is None else f"{case.expect} ({case.rule or 'no rule'})"
    why = f": {verdict.rules[0].text}" if rules else ""
    return f"[[cases]] {case.name!r}: expected {wanted}, it is {action} ({first or 'no rule'}){why}"


def run(case: CaseText, policy: Policy) -> Verdict:
    """The verdict on a case's intent."""
    state = new_state(case, policy)
    return decide(list(enumerate(log_of(case))), state, "cases", 0).verdicts[-1]


def new_state(case: CaseText, policy: Policy) -> State:
    """What a case's log begins with: no rows, and the policy, with the case's own limits."""
    if isinstance(case, RuleCase):
        policy = _limited(policy, case)
    controls = Controls({}, {}, 0)
    controls.judge_by(policy)
    state = State(controls)
    state.long = True  # it holds everything
    return state


def _limited(policy: Policy, case: RuleCase) -> Policy:
    rates = {kind: {name: parse_rate(text) for name, text in named.items()} for kind, named in case.limits.items()}

    def besides(of: Limits, kind: str) -> Limits:
        return Limits(of.default, of.named | rates.get(kind, {}))

    def shared(of: SharedLimits, kind: str) -> SharedLimits:
        return SharedLimits(of.named | rates.get(kind, {}))

    return replace(
        policy,
        domain_limits=besides(policy.domain_limits, "domain"),
        service_limits=besides(policy.service_limits, "service-at-domain"),
        test_limits=besides(policy.test_limits, "tests"),
        provider_limits=shared(policy.provider_limits, "mx-provider"),
        service_provider_limits=shared(policy.service_provider_limits, "service-at-provider"),
        ramp=replace(policy.ramp, services=policy.ramp.services | set(case.warm_up)),
    )


def log_of(case: CaseText) -> Iterator[Evidence]:
    """What has happened before, in its order, and the intent."""
    for number, before in enumerate(sorted(case.before, key=lambda each: -each.days)):
        for time in range(1, before.times + 1):
            yield _record(case, before, f"{number}-{time}", time)
    yield _intent(case, "case", NOW * 1000, case.to)


def _record(case: CaseText, before: Before, id: str, time: int) -> Evidence:
    at = round((NOW - before.days * DAY) * 1000)
    to = (before.to or case.to).replace("{n}", str(time))
    service = before.service or case.service
    if before.what == "intent":
        return _earlier(case, before, id, at, to)
    if before.what == "hold":
        return HoldRecord(service=service, until=NOW * 1000 + HOUR_MS, reason=before.reason, at=at)
    if before.what == "source-hold":
        source = before.source or case.source
        return SourceHoldRecord(service=service, source=source, until=NOW * 1000 + HOUR_MS, reason=before.reason, at=at)
    if before.what == "suppressed":
        return SuppressRecord(domain=_domain(to), reason=before.reason, by="ops", at=at, recipient_key=_key(to))
    if before.what == "trap":
        return TrapRecord(domain=_domain(to), by="ops", at=at, recipient_key=_key(to), reason=before.reason)
    tied: dict[str, Any] = {"tied": "token", "tied_at": at}
    given = tied | _BOUNCES.get(before.what, {"event": before.what})
    return FeedbackEvidence(
        at=at, domain=_domain(to), event_key=_key(id), recipient_key=_key(to), service=service, **given
    )


def _earlier(case: CaseText, before: Before, id: str, at: int, to: str) -> IntentEvidence:
    earlier = CaseText(
        service=before.service or case.service,
        stream=before.stream,
        source=before.source,
        campaign=before.campaign,
        test=before.test,
        mx=before.mx,
        provider=before.provider,
        expect="send",
    )
    return _intent(earlier, id, at, to)


def _intent(of: CaseText, id: str, at: int, to: str) -> IntentEvidence:
    domain = _domain(to)
    return IntentEvidence(
        id=id,
        service=of.service,
        to=to,
        at=at,
        domain=domain,
        id_key=_key(id),
        content_key=_key(f"{id} {to}"),
        recipient_key=b"" if of.syntax else _key(to),
        mx=None if of.syntax else _mx(of.mx, of.provider, at),
        syntax=of.syntax,
        attempt=of.attempt,
        classes=of.classes,
        suggestion=of.suggestion,
        stream=of.stream,
        campaign=of.campaign,
        source=of.source,
        test=of.test,
        consent_at=0 if of.consented is None else round((NOW - of.consented * DAY) * 1000),
        expires_at=0 if of.expires is None else round((NOW + of.expires * DAY) * 1000),
        listed=tuple(Listing(x.list, VERSION, x.entry or domain, x.reason, x.suspect, x.exchange) for x in of.listed),
        mailbox=_mailbox(of.mailbox, at),
    )


def _mx(said: str, provider: str, at: int) -> MxFinding:
    if said in ("yes", "address"):
        return MxFinding("yes", "mx" if said == "yes" else said, at, 300, provider=provider)
    return MxFinding("unknown" if said in ("timeout", "servfail") else "no", said, at, 300)


def _mailbox(said: str, at: int) -> MailboxFinding | None:
    if not said:
        return None
    outcomes = {"accepted": "yes", "catch-all": "unknown"}
    return MailboxFinding(outcomes.get(said, "no"), said, at, 300)  # type: ignore[arg-type]  # the three that there are


def _domain(to: str) -> str:
    return to.rpartition("@")[2].lower()


def _key(text: str) -> bytes:
    """As wide as the keys of the log; a case's log is nobody else's, so it needs no secret."""
    return blake2b(text.encode(), digest_size=16).digest()
