"""What the rules beside the ladder compare, in words: the risk, sources, limits. Pure; it changes no state.

Whether one of them applied the verdict says. A test looks that each rule without a function on the ladder stands here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.buckets import BucketLevel
from sidestep.streams.decide.holds import source_hold
from sidestep.streams.decide.hygiene import brought, worst_share
from sidestep.streams.decide.policy import DAY, Policy
from sidestep.streams.decide.risk import Risk
from sidestep.streams.decide.rules.case import ago, date_of, span
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import RecipientRow, SourceRow


class Weighing(NamedTuple):
    """An intent when its risk has been weighed; all rows are copies. `now`: log time, seconds."""

    evidence: IntentEvidence
    policy: Policy
    state: State
    risk: Risk
    recipient: RecipientRow
    source: SourceRow | None
    limits: Mapping[str, BucketLevel]
    """By rule."""
    now: int


Beside = Callable[[Weighing | None, BucketLevel | None], str]
"""Words about a rule. The weighing is missing where a test had to wait; the level where there is no such limit."""


def _test_limit(_: Weighing | None, level: BucketLevel | None) -> str:
    return "no test, or tests have no limit" if level is None else full(level)


def _trap_risk(weighing: Weighing | None, _: BucketLevel | None) -> str:
    assert weighing is not None
    rule, risk = weighing.policy.rules["trap-risk"], weighing.risk.whole
    return (
        f"risk {risk:.3f}: told from {rule.flag_from:g} on, confirmed from {rule.confirm_from:g}, "
        f"dropped from {rule.drop_from:g}"
    )


def _dirty_source(weighing: Weighing | None, _: BucketLevel | None) -> str:
    assert weighing is not None
    policy, evidence, row = weighing.policy, weighing.evidence, weighing.source
    if row is None:
        return "it names no source" if not evidence.test else "sources count for nothing in tests"
    if row.offered < policy.source_least:
        return f"source {evidence.source}: {row.offered:,} addresses so far, judged from {policy.source_least:,} on"
    known = "" if brought(weighing.recipient, evidence) else "; it is known from elsewhere, or a person was seen there"
    return (
        f"source {evidence.source}: {worst_share(row, policy.source_least):.1%} of its addresses are bad, dirty from "
        f"{policy.source_dirty:.1%} on{known}"
    )


def _source_on_hold(weighing: Weighing | None, _: BucketLevel | None) -> str:
    assert weighing is not None
    if not weighing.evidence.source:
        return "it names no source"
    hold = source_hold(weighing.state.controls, weighing.evidence)
    if hold is None:
        return f"no hold of the source {weighing.evidence.source} is in force"
    until = span(max(0, hold.until_ms // 1000 - weighing.now))
    return f"source {weighing.evidence.source} is on hold for {until} more: {hold.reason}{_spared(weighing)}"


def _source_held(weighing: Weighing | None, _: BucketLevel | None) -> str:
    assert weighing is not None
    rule, evidence, row = weighing.policy.rules["source-held"], weighing.evidence, weighing.source
    if row is None and not evidence.campaign:
        return "it names neither source nor campaign"
    if row is None:
        return f"campaign {evidence.campaign}: held where too many complain ({rule.complaint_share:.1%})"
    return (
        f"source {evidence.source}: of its last {row.sent:,} messages {row.hard_bounces:,} bounced, {row.complaints:,} "
        f"were complained of; held from {rule.least:,} messages on at {rule.bounce_share:.1%} bounces or "
        f"{rule.complaint_share:.1%} complaints{_spared(weighing)}"
    )


def _source_probation(weighing: Weighing | None, _: BucketLevel | None) -> str:
    assert weighing is not None
    rule, evidence, row = weighing.policy.rules["source-probation"], weighing.evidence, weighing.source
    if row is None:
        return "it names no source" if not evidence.test else "sources count for nothing in tests"
    if row.passed and weighing.now - row.last_sent <= rule.days * DAY:
        return f"source {evidence.source} is known since {date_of(row.began)}, and past its probation"
    first = max(1, rule.messages // weighing.state.controls.partitions)
    return (
        f"source {evidence.source}: {row.sent:,} messages since {date_of(row.began)}; of a new one {first:,} go out of "
        f"this partition, then it waits {span(rule.wait)}{_spared(weighing)}"
    )


def _spared(weighing: Weighing) -> str:
    """Who read or took mail lately may be spared what its source has earned."""
    row = weighing.recipient
    seen = max(row.last_engaged, row.last_delivered)
    return f"; the mailbox was last seen {ago(weighing.now, seen)}" if seen else ""


def _limit(weighing: Weighing | None, level: BucketLevel | None) -> str:
    if level is None:
        tests = weighing is not None and weighing.evidence.test
        return "tests have a limit of their own" if tests else "there is no such limit for this message"
    return full(level, weighing.now if weighing is not None else 0)


def full(level: BucketLevel, now: int = 0) -> str:
    """How full a limit is, in words."""
    if not level.most:
        return f"{level.limit}: no bounds any more"
    wait = level.free_us / 1e6 - now if now else 0
    free = f", room again in {wait:.1f} s" if wait > 0 else ", room at once"
    kept = f", {level.kept} kept for who comes first" if level.kept else ""
    return f"{level.limit}: {level.used:,} of {level.most:,} taken{kept}{free if now else ''}"


BESIDE: Mapping[str, Beside] = MappingProxyType(
    {
        "test-limit": _test_limit,
        "trap-risk": _trap_risk,
        "dirty-source": _dirty_source,
        "source-on-hold": _source_on_hold,
        "source-held": _source_held,
        "source-probation": _source_probation,
        "slow-down": _limit,
        "domain-limit": _limit,
        "mx-provider-limit": _limit,
        "warm-up": _limit,
        "service-provider-limit": _limit,
        "service-limit": _limit,
    }
)
"""By rule."""
