"""The patterns: each looks at the windows of a service, source or provider and says what it suspects. Pure.

The thresholds are in watch.toml. A pattern must show in the last three minutes, or in a longer time where three minutes
hold too little to say anything; a new source is judged by all of its mail so far.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from sidestep.streams.watch.baselines import UNKNOWN
from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.surprise import is_chance
from sidestep.streams.watch.symptom import Severity, Symptom, score_of
from sidestep.streams.watch.thresholds import (
    BombingLimit,
    Cold,
    Document,
    ForgeryLimit,
    ShareLimit,
    SpikeLimit,
    StormLimit,
    StrayLimit,
    TrapLimit,
)
from sidestep.streams.watch.usual import Count, Usual

NOBODY = "nobody"
TOPIC = "topic:"


class Sight(NamedTuple):
    """A service, source, campaign or provider at the end of a window."""

    spans: tuple[Counts, ...]
    """What it held in the last three minutes, and in longer times, the longest last."""
    usual: Usual
    reported: bool = False
    """Its service hears of deliveries."""
    source: str = ""
    campaign: str = ""
    provider: str = ""
    whole: Counts | None = None
    """Of a new source: all that it ever held."""


class Measured(NamedTuple):
    """What a pattern by shares counts: bad ones, of so many."""

    bad: Count
    of: Count
    measure: str
    samples: str = ""


UNKNOWN_BURST = Measured(lambda c: c.unknown, lambda c: c.intents, "unknown_share", "unknown")
DORMANT_REVIVAL = Measured(lambda c: c.dormant, lambda c: c.intents, "dormant_share", "dormant")
BOUNCE_STORM = Measured(lambda c: c.hard_bounces, lambda c: c.mails, "bounce_share", "hard-bounce")
BOUNCE_STORM_SO_FAR = BOUNCE_STORM._replace(of=lambda c: c.answered)
"""Where deliveries are reported: what nobody has answered yet says nothing."""
TRAP_HITS = Measured(lambda c: c.risk // 1000, lambda c: c.approved, "expected_traps", "risky")
REPUTATION_BLOCK = Measured(lambda c: c.blocks, lambda c: c.mails, "blocks", "block")


def by_shares(sight: Sight, watch: Document) -> Iterator[Symptom]:
    """The patterns of a service, a source or a campaign that go by shares."""
    found = (
        _share("unknown-burst", UNKNOWN_BURST, sight, watch.unknown_burst, watch.cold),
        _share("dormant-revival", DORMANT_REVIVAL, sight, watch.dormant_revival, watch.cold),
        _bounce_storm(sight, watch.bounce_storm, watch.cold),
        _reported(sight, watch.trap_hits) or _share("trap-hits", TRAP_HITS, sight, watch.trap_hits, watch.cold),
    )
    yield from (symptom for symptom in found if symptom is not None)


def _bounce_storm(sight: Sight, limit: StormLimit, cold: Cold) -> Symptom | None:
    """While something is sent that is not answered yet, only what has come back says anything."""
    if sight.reported and _goes_out(sight.spans[0]):
        whole = sight.whole if sight.whole is not None and _goes_out(sight.whole) else None
        early = replace(limit, of=limit.answered)
        now = sight._replace(spans=sight.spans[:1], whole=whole)
        found = _share("bounce-storm", BOUNCE_STORM_SO_FAR, now, early, cold)
        if found is not None:
            return found
    return _share("bounce-storm", BOUNCE_STORM, sight, limit, cold)


def _goes_out(counts: Counts) -> bool:
    """Whether more is sent than is answered. What bounces hours later is no share of what is delivered then."""
    return counts.approved >= counts.answered


def reputation_block(sight: Sight, watch: Document) -> Symptom | None:
    """Bounces of one provider that blame us."""
    return _share("reputation-block", REPUTATION_BLOCK, sight, watch.reputation_block, watch.cold)


def _share(pattern: str, measured: Measured, sight: Sight, limit: ShareLimit, cold: Cold) -> Symptom | None:
    if all(measured.bad(counts) < limit.bad for counts in (*sight.spans, sight.whole) if counts is not None):
        return None  # of most windows: what is usual need not be known
    usual = sight.usual.share(measured.bad, measured.of, cold)
    least = max(limit.share, limit.times * usual)
    # longer times count as long as it goes on
    going_on = sight.spans if measured.bad(sight.spans[0]) else sight.spans[:1]
    found = [(measured.bad(span), measured.of(span)) for span in going_on]
    # what was bad once is no news: all of it counts as long as it goes on
    if sight.whole is not None and found[-1][0] and found[-1][0] >= least * found[-1][1]:
        found.append((measured.bad(sight.whole), measured.of(sight.whole)))
    expected = max(limit.share / limit.times, usual)
    # what is new is looked at for a short time, what is not for ever: chance comes round sooner or later
    chance = limit.new_chance if sight.source and sight.whole is not None else limit.chance
    bad_enough = [
        (bad, of)
        for bad, of in found
        if bad >= limit.bad and of >= limit.of and bad >= least * of and not is_chance(bad, of, expected, chance)
    ]
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
    samples = "bombed" if len(bombed) == 1 else ""  # of several it is not known which message was for which
    for key, number in sorted(bombed.items()):
        if number >= limit.messages:
            severity: Severity = "critical" if number >= limit.critical else "warning"
            yield Symptom(
                "list-bombing", severity, score_of(number, limit.messages), number, 0, UNKNOWN, limit.text, limit.quiet,
                "messages_to_one", samples, recipient_key=key, numbers=True,
            )  # fmt: skip


def stray_reports(stray: Mapping[str, int], limit: StrayLimit) -> Iterator[Symptom]:
    """Who tells of many bounces and complaints that are of no message of ours. No mail is to blame: nothing is held."""
    for teller, number in sorted(stray.items()):
        if number >= limit.reports:
            severity: Severity = "critical" if number >= limit.critical else "warning"
            yield Symptom(
                "stray-reports", severity, score_of(number, limit.reports), number, 0, UNKNOWN, limit.text, limit.quiet,
                "stray_reports", source=teller, numbers=True, suspected=True,
            )  # fmt: skip


def forged_records(refused: Mapping[str, int], intents: int, limit: ForgeryLimit) -> Iterator[Symptom]:
    """In whose name many records were refused, by PRINCIPAL/REASON; beside so many intents. The name is what somebody
    claims, so nothing is held for it."""
    reasons: dict[str, Counter[str]] = {}
    for name, number in sorted(refused.items()):
        principal, _, reason = name.rpartition("/")
        reasons.setdefault(principal or NOBODY, Counter())[reason] += number
    for principal, numbers in reasons.items():
        number = numbers.total()
        if number >= limit.records:
            of, widely = number + intents, number >= limit.least and number >= limit.critical_share * (number + intents)
            severity: Severity = "critical" if widely or number >= limit.critical else "warning"
            yield Symptom(
                "forged-records", severity, score_of(number, limit.records), number, of, UNKNOWN, limit.text,
                limit.quiet, "forged_records", source=principal, principal=_in_words(principal),
                reason=numbers.most_common(1)[0][0], numbers=True, suspected=True,
            )  # fmt: skip


def _in_words(principal: str) -> str:
    """A principal as tallies name it: of a topic of its own, of a key, or nobody known."""
    if principal == NOBODY:
        return "nobody whom Screen knows"
    name = principal.removeprefix(TOPIC)
    return f"the key {name}" if name == principal else f"who writes to {name}"


def volume_spike(volume: int, usual: float, limit: SpikeLimit) -> Symptom | None:
    """So many intents in three minutes, where so many are usual."""
    least = max(limit.intents, limit.times * usual)
    if usual < 0 or volume < least:
        return None
    severity: Severity = "critical" if volume >= max(limit.intents, limit.critical * usual) else "warning"
    return Symptom(
        "volume-spike", severity, score_of(volume, least), volume, 0, usual, limit.text, limit.quiet, "volume",
        "never-mailed", numbers=True,
    )  # fmt: skip
