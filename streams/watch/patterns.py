"""The patterns: each looks at the windows of a service, source or provider and says what it suspects. Pure.

The thresholds are in watch.toml. A pattern must show in the last three minutes, or in a longer time where three minutes
hold too little to say anything; a new source is judged by all of its mail so far.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sidestep.streams.watch.baselines import UNKNOWN, usual_share
from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.symptom import Severity, Symptom, score_of
from sidestep.streams.watch.thresholds import (
    BombingLimit,
    Cold,
    CollapseLimit,
    Document,
    ShareLimit,
    SpikeLimit,
    TrapLimit,
)


class Sight(NamedTuple):
    """A service, source, campaign or provider at the end of a window."""

    spans: tuple[Counts, ...]
    """What it held in the last three minutes, and in longer times, the longest last."""
    usual: Counts
    """What is usual for it."""
    source: str = ""
    campaign: str = ""
    provider: str = ""
    whole: Counts | None = None
    """Of a new source: all that it ever held."""


class Measured(NamedTuple):
    """What a pattern by shares counts: bad ones, of so many."""

    bad: Callable[[Counts], int]
    of: Callable[[Counts], int]
    measure: str
    samples: str = ""


UNKNOWN_BURST = Measured(lambda c: c.unknown, lambda c: c.intents, "unknown_share", "unknown")
DORMANT_REVIVAL = Measured(lambda c: c.dormant, lambda c: c.intents, "dormant_share", "dormant")
BOUNCE_STORM = Measured(lambda c: c.hard_bounces, lambda c: c.mails, "bounce_share", "hard-bounce")
TRAP_HITS = Measured(lambda c: c.risk // 1000, lambda c: c.approved, "expected_traps", "risky")
REPUTATION_BLOCK = Measured(lambda c: c.blocks, lambda c: c.mails, "blocks")


def by_shares(sight: Sight, watch: Document) -> Iterator[Symptom]:
    """The patterns of a service, a source or a campaign that go by shares."""
    for pattern, measured, limit in (
        ("unknown-burst", UNKNOWN_BURST, watch.unknown_burst),
        ("dormant-revival", DORMANT_REVIVAL, watch.dormant_revival),
        ("bounce-storm", BOUNCE_STORM, watch.bounce_storm),
        ("trap-hits", TRAP_HITS, watch.trap_hits),
    ):
        found = _share(pattern, measured, sight, limit, watch.cold)
        if pattern == "trap-hits":
            found = _reported(sight, watch.trap_hits) or found
        if found is not None:
            yield found


def reputation_block(sight: Sight, watch: Document) -> Symptom | None:
    """Bounces of one provider that blame us."""
    return _share("reputation-block", REPUTATION_BLOCK, sight, watch.reputation_block, watch.cold)


def _share(pattern: str, measured: Measured, sight: Sight, limit: ShareLimit, cold: Cold) -> Symptom | None:
    usual = usual_share(measured.bad(sight.usual), measured.of(sight.usual), cold)
    least = max(limit.share, limit.times * usual)
    found = [(measured.bad(span), measured.of(span)) for span in sight.spans]
    # what was bad once is no news: all of it counts as long as it goes on
    if sight.whole is not None and found[-1][0] and found[-1][0] >= least * found[-1][1]:
        found.append((measured.bad(sight.whole), measured.of(sight.whole)))
    bad_enough = [(bad, of) for bad, of in found if bad >= limit.bad and of >= limit.of and bad >= least * of]
    if not bad_enough:
        return None
    bad, of = max(bad_enough, key=lambda pair: (pair[0] / pair[1], pair))
    severity: Severity = "critical" if bad >= max(limit.critical, least) * of else "warning"
    return Symptom(
        pattern, severity, score_of(bad / of, least), bad, of, usual, limit.text, limit.quiet, measured.measure,
        measured.samples, sight.source, sight.campaign, sight.provider,
    )  # fmt: skip


def _reported(sight: Sight, limit: TrapLimit) -> Symptom | None:
    """Trap hits that somebody knows of: no share of anything."""
    hits = max(span.traps for span in sight.spans)
    if hits < limit.reported:
        return None
    severity: Severity = "critical" if hits >= limit.reported_critical else "warning"
    return Symptom(
        "trap-hits", severity, score_of(hits, limit.reported), hits, 0, UNKNOWN, limit.reported_text, limit.quiet,
        "traps", "trap", sight.source, sight.campaign, numbers=True,
    )  # fmt: skip


def list_bombing(bombed: Mapping[str, int], limit: BombingLimit) -> Iterator[Symptom]:
    """Mailboxes that a window's messages flood."""
    for key, number in sorted(bombed.items()):
        if number >= limit.messages:
            severity: Severity = "critical" if number >= limit.critical else "warning"
            yield Symptom(
                "list-bombing", severity, score_of(number, limit.messages), number, 0, UNKNOWN, limit.text, limit.quiet,
                "messages_to_one", recipient_key=key, numbers=True,
            )  # fmt: skip


def volume_spike(volume: int, usual: float, limit: SpikeLimit) -> Symptom | None:
    """So many intents in three minutes, where so many are usual."""
    least = max(limit.intents, limit.times * usual)
    if usual < 0 or volume < least:
        return None
    severity: Severity = "critical" if volume >= max(limit.intents, limit.critical * usual) else "warning"
    return Symptom(
        "volume-spike", severity, score_of(volume, least), volume, 0, usual, limit.text, limit.quiet, "volume",
        numbers=True,
    )  # fmt: skip


def engagement_collapse(day: Counts, taught: Counts, limit: CollapseLimit, cold: Cold) -> Symptom | None:
    """Signs of people in the last 24 hours, against the last weeks."""
    usual = usual_share(taught.engaged, taught.arrived, cold)
    if day.arrived < limit.of or usual < limit.usual or day.engaged >= limit.times * usual * day.arrived:
        return None
    severity: Severity = "critical" if day.engaged <= limit.critical * usual * day.arrived else "warning"
    score = round(1 - day.engaged / (2 * limit.times * usual * day.arrived), 3)
    return Symptom(
        "engagement-collapse", severity, score, day.engaged, day.arrived, usual, limit.text, limit.quiet,
        "engagement_share",
    )  # fmt: skip
