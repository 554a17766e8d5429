"""Two rows of one mailbox, which came to stand under two keys, made one: nothing bad that either says is forgotten.
Pure."""

from sidestep.streams.decide.life import OTHERS, heard_of, kept_marks
from sidestep.streams.decide.tables import LastMessage, Mailed, RecipientRow, Suppressed, Trapped, lasts

LATEST = (
    "last_approved",
    "last_delivered",
    "last_engaged",
    "hard_bounced_at",
    "suspended_at",
    "complained_at",
    "unsubscribed_at",
    "subscribed_at",
    "last_stopped",
)
"""Fields that say when something happened last."""


def merged(one: RecipientRow, other: RecipientRow) -> RecipientRow:
    """The life story of both. Neither is changed."""
    first, second = sorted((one, other), key=lambda row: row.first_seen)
    begun = first if first.last_approved or not second.last_approved else second
    last = first if first.last_approved > second.last_approved else second
    row = RecipientRow(
        first_seen=first.first_seen,
        hard_bounces=first.hard_bounces + second.hard_bounces,
        service=begun.service,
        source=begun.source,
        hard_bounces_at=kept_marks((*first.hard_bounces_at, *second.hard_bounces_at)),
        suspensions_at=kept_marks((*first.suspensions_at, *second.suspensions_at)),
        suppressed=_longer(first.suppressed, second.suppressed),
        last=_last_message(last, begun),
        trap=_both(first.trap, second.trap),
        awaiting=last.awaiting,
        **{name: max(getattr(first, name), getattr(second, name)) for name in LATEST},
    )
    row.alone = _alone(first, second)
    row.mailed = _mailed(last, first, second)
    row.stray = max((it for it in (first.stray, second.stray) if it is not None), key=lambda it: it.at, default=None)
    undone = (it for it in (first.taken_back, second.taken_back) if it is not None)
    row.taken_back = max(undone, key=lambda it: it.at, default=None)
    row.accepted_at = _accepted_at(row, first, second)
    silent = first if first.silence >= second.silence else second
    row.silence, row.woken_at = silent.silence, silent.woken_at
    _count_unanswered(row, first, second)
    _count_hour(row, first, second)
    return row


def _longer(one: Suppressed | None, other: Suppressed | None) -> Suppressed | None:
    return one if lasts(one) >= lasts(other) else other


def _both(one: Trapped | None, other: Trapped | None) -> Trapped | None:
    if one is None or other is None:
        return one or other
    first = one if one.since <= other.since else other
    return Trapped(first.since, first.by, first.reason, max(one.hit_at, other.hit_at))


def _last_message(last: RecipientRow, begun: RecipientRow) -> LastMessage | None:
    """None where it is of the service and the source that wrote first, and of no campaign."""
    message = last.last or LastMessage(last.service, last.source)
    return None if message == LastMessage(begun.service, begun.source) else message


def _mailed(last: RecipientRow, one: RecipientRow, other: RecipientRow) -> tuple[Mailed, ...]:
    """Who has mailed either, but for whose message was the last one."""
    every = [*one.mailed, *other.mailed]
    every += [Mailed(it.last_service, it.last_approved) for it in (one, other)]
    latest: dict[str, int] = {}
    for mailed in every:
        latest[mailed.service] = max(mailed.at, latest.get(mailed.service, 0))
    latest.pop(last.last_service, None)
    found = sorted(latest.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Mailed(service, at) for service, at in found if at)[:OTHERS]


def _alone(one: RecipientRow, other: RecipientRow) -> int:
    """Of one service both times, and of nobody else."""
    rows = [it for it in (one, other) if it.last_approved or heard_of(it)]
    if len({it.service for it in rows}) != 1 or not all(it.alone for it in rows):
        return 0
    return max(it.alone for it in rows)


def _accepted_at(row: RecipientRow, one: RecipientRow, other: RecipientRow) -> int:
    """The first time after the last mark; else of an earlier one."""
    mark = max(row.hard_bounced_at, row.suspended_at)
    after = [it.accepted_at for it in (one, other) if it.accepted_at > mark]
    return min(after) if after else max(one.accepted_at, other.accepted_at)


def _count_unanswered(row: RecipientRow, one: RecipientRow, other: RecipientRow) -> None:
    """A sign of a person answers whatever went out before it, whichever row says so."""
    sign = max(row.last_engaged, row.complained_at, row.unsubscribed_at, row.subscribed_at)
    since = [it for it in (one, other) if it.last_approved >= sign]
    row.unanswered = sum(it.unanswered for it in since)
    row.unseen = sum(it.unseen for it in since)


def _count_hour(row: RecipientRow, one: RecipientRow, other: RecipientRow) -> None:
    row.hour_began = max(one.hour_began, other.hour_began)
    for it in (one, other):
        if it.hour_began == row.hour_began:
            row.hour_messages += it.hour_messages
            row.hour_forms |= it.hour_forms
