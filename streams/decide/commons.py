"""Who comes first where services share a limit, that of a domain or of an MX provider: who proves which service he is,
then services that are known. Pure: they change only the rows that they are given.

Whoever may write intents can make up as many names as he likes, and with them as many services with rates of their own.
So names prove nothing here: as long as proved or known ones are there too, all others together, the crowd, have a part
of a burst less, and retry slots apart. They can use up what they have, and make nobody else wait. No slot that is
promised to the crowd lies beyond a horizon.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.limit_rows import ComesFirst
from sidestep.streams.decide.tables import DomainRow, ServiceRow
from sidestep.streams.gcra import Rate, earliest

KEPT_FOR = 3600
"""Seconds for which room is kept after somebody who comes first was there: who sends now and then finds it, and where
nobody of them sends to any more the whole burst is for all again."""
NOTED_EVERY = 60
"""Seconds: a row need not be told more often."""
PART = 2
"""One of so many parts of a burst is kept, and room for one message at least. Half: a service that does not sign yet
still has bursts, and goes on at the limit's whole pace."""
CROWDS = 4
"""One of so many messages is the crowd's whatever known services need: who is new is among it."""
HORIZON = 900
"""Seconds from when a limit has room: no slot is promised to the crowd beyond. Short: most who make up names never come
back for what they were promised. Long: a crowd that does comes again for nothing only so often."""
HORIZON_SLOTS = 100
"""Where a limit is so slow that fewer fit into that time, these: nobody comes again forty times for one a minute."""
WHOLE, GOLDEN = 2**32, 2_654_435_769
"""A multiple of the golden part of the whole is far from those before it: who was last once is not last again."""

Row = DomainRow | ServiceRow


def kept_back(row: Row, evidence: IntentEvidence, known: bool, rate: Rate, now: int) -> int:
    """Microseconds of a limit's tolerance that are not for this intent; one that comes first is noted. `known`: its
    service is; `now`: seconds of log time."""
    if type(row) is not DomainRow:
        return 0
    if evidence.proved:
        row.proved = _noted(row.proved, now)
        return 0
    kept = _part(row.proved, rate.tolerance_us, rate, now)
    if known:
        if row.known is None:
            row.known = ComesFirst(now)
            crowd_went(row.known, rate, now * 1_000_000)
        row.known = _noted(row.known, now)
        return kept
    first = row.known
    if first is None:
        return kept
    until_own = first.others_us - earliest(rate, row.tat_us) - kept
    return kept + min(_part(first, rate.tolerance_us - kept, rate, now), max(0, until_own))


def crowd_went(first: ComesFirst, rate: Rate, now_us: int) -> None:
    """A message of the crowd has gone out, or might have, where known services, `first`, are there as well."""
    first.others_us = now_us + CROWDS * rate.interval_us


def slots(row: Row, evidence: IntentEvidence, known: bool) -> Row | ComesFirst:
    """Where it stands which retry slots are promised to intents like this one."""
    first = None
    if type(row) is DomainRow:
        first = row.proved if evidence.proved else row.known if known else None
    return row if first is None else first


def is_beyond(row: Row, found: Row | ComesFirst, wait_us: int, rate: Rate) -> bool:
    """Whether a slot lies beyond the horizon, so that it can't be promised. `found`: where slots stand; `wait_us`: from
    when there is room."""
    return found is row and type(row) is DomainRow and wait_us > _horizon_us(rate)


def drawn(evidence: IntentEvidence, free_us: int, rate: Rate) -> int:
    """When an intent may come again to which no slot can be promised, microseconds: a time in the second half of the
    horizon, by its id and attempt, and not past the time when it expires. `free_us`: when there is room."""
    horizon_us = _horizon_us(rate)
    begin, end = free_us + horizon_us // 2, free_us + horizon_us
    if evidence.expires_at:
        end = max(begin, min(end, (evidence.expires_at - 1000) * 1000))
    share = (int.from_bytes(evidence.id_key[:4], "big") + evidence.attempt * GOLDEN) % WHOLE
    return begin + share * (end - begin) // WHOLE


def _horizon_us(rate: Rate) -> int:
    return max(HORIZON * 1_000_000, HORIZON_SLOTS * rate.interval_us)


def _noted(first: ComesFirst | None, now: int) -> ComesFirst:
    if first is None:
        return ComesFirst(now)
    if first.at <= now - NOTED_EVERY:
        first.at = now
    return first


def _part(first: ComesFirst | None, of_us: int, rate: Rate, now: int) -> int:
    """What is kept for those who come first out of this much, if one was there lately."""
    if first is None or first.at < now - KEPT_FOR:
        return 0
    return max(of_us // PART, rate.interval_us)
