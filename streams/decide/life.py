"""What happens to a recipient and to a domain, written into their rows: the life story that judgement reads. Pure.

A recycled trap is told by its story alone: it bounced for good or was suspended, was silent, and accepts again. So a
later success never clears an old mark.
"""

from zlib import crc32

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.claims import history_name
from sidestep.streams.decide.hosts import has_moved, settle
from sidestep.streams.decide.tables import DomainRow, LastMessage, Mailed, RecipientRow

FORMS = 3
"""Of different services, sources and campaigns: more than one stream of mail that somebody has asked for."""
STRANGER_SECONDS = 86_400
"""For which a mailbox that was never written to before is one."""
MARKS = 8
"""Times of one kind that a row keeps: the first one and the latest ones."""
HOUR = 3600
CLAIMED, PROVED = 1, 2
"""RecipientRow.alone: of messages that say that they are the service's, and of some that were proved to be."""
OTHERS = 8
"""Services besides the last one of which a row knows when they wrote."""


def seen(domain: DomainRow, evidence: IntentEvidence, now: int) -> bool:
    """Screen has looked the domain up: since when it has taken no mail, and when it came back. Whether it has come to
    mail servers at which it was not before."""
    mx = evidence.mx
    if mx is None:
        return False
    outcome = mx.outcome
    if outcome == "no":
        if not domain.dark_since:
            domain.dark_since = now
        domain.dark_reason = mx.reason
    if outcome != "yes":
        return False
    if mx.provider != domain.provider:
        domain.provider = mx.provider
    exchanges = mx.exchanges
    changed = bool(exchanges) and exchanges[0] != domain.exchange
    if not (changed or domain.dark_since):  # nearly always
        return False
    elsewhere = changed and has_moved(domain, exchanges)
    if domain.dark_since:
        _came_back(domain, elsewhere, now)
    if elsewhere:
        settle(domain, now)
    if not changed:
        return False
    comes = elsewhere or not domain.exchange
    domain.exchange = exchanges[0]
    return comes


def _came_back(domain: DomainRow, elsewhere: bool, now: int) -> None:
    domain.dark_from, domain.dark_since, domain.back_at = domain.dark_since, 0, now
    if elsewhere:
        domain.moved_from, domain.moved_at = domain.dark_from, now


def approved(row: RecipientRow, evidence: IntentEvidence, settled_at: int, watched: bool, now: int) -> None:
    """A message goes out to it. `settled_at`: when its domain came to the mail servers that it has; `watched`: whether
    it would be reported that a person reads it."""
    name = history_name(evidence) if evidence.claimed else evidence.service
    source, before = evidence.source, row.last_approved
    if not before:
        row.service, row.source = name, source
        row.alone = 0 if heard_of(row) else PROVED if evidence.proved else CLAIMED
    else:
        if before < settled_at:
            row.unanswered = row.unseen = 0  # whoever is there now has had nothing yet
        if now - before > row.silence:
            row.silence, row.woken_at = now - before, now
        if row.last_service != name:
            _another_writes(row, name)
    row.last_approved = now
    row.unanswered += 1
    if watched:
        row.unseen += 1
    as_first = source == row.source and name == row.service and not evidence.campaign
    if not as_first:
        row.last = LastMessage(name, source, evidence.campaign)
    elif row.last is not None:
        row.last = None
    if row.alone and (row.service != name or evidence.proved):
        row.alone = PROVED if row.service == name else 0


def _another_writes(row: RecipientRow, service: str) -> None:
    """So that a bounce of the last message's still belongs to it."""
    last = row.last_service
    others = [mailed for mailed in row.mailed if mailed.service not in (last, service)]
    row.mailed = (Mailed(last, row.last_approved), *others)[:OTHERS]


def meant(row: RecipientRow, evidence: IntentEvidence, now: int) -> bool:
    """Somebody wants to write to it, whether that goes out or not. Returns whether others did so in the same hour."""
    if now - row.hour_began >= HOUR:
        row.hour_began, row.hour_messages = now, 1
        if row.hour_forms:
            row.hour_forms = 0
        return False  # nearly always it is the only one
    row.hour_messages += 1
    if row.hour_messages > 1:
        form = f"{history_name(evidence)}\x1f{evidence.source}\x1f{evidence.campaign}"
        row.hour_forms |= 1 << (crc32(form.encode("utf-8", "replace")) & 31)
    return True


def is_flooded(row: RecipientRow, most: int, now: int) -> bool:
    """Whether somebody fills it up: with messages of many kinds, or although hardly anybody had written to it before.
    A mailbox on call gets as many in a bad hour, but from those who always write to it."""
    if row.hour_messages <= most:
        return False
    return row.hour_forms.bit_count() >= FORMS or row.first_seen > now - STRANGER_SECONDS


def bounced(row: RecipientRow, when: int) -> None:
    """For good: there is no such mailbox."""
    row.hard_bounces += 1
    row.hard_bounces_at = _marked(row.hard_bounces_at, when)
    row.hard_bounced_at = max(row.hard_bounced_at, when)


def suspended(row: RecipientRow, when: int) -> None:
    """The provider has disabled the account."""
    row.suspensions_at = _marked(row.suspensions_at, when)
    row.suspended_at = max(row.suspended_at, when)


def complained(row: RecipientRow, when: int) -> None:
    """The person pressed "spam": somebody is there."""
    row.complained_at = max(row.complained_at, when)
    row.unanswered = row.unseen = 0


def delivered(row: RecipientRow, when: int) -> None:
    """The server has taken a message."""
    row.last_delivered = max(row.last_delivered, when)
    _accepted(row, when)


def engaged(row: RecipientRow, when: int) -> None:
    """A person has opened, clicked or answered."""
    row.last_engaged = max(row.last_engaged, when)
    row.unanswered = row.unseen = 0
    _accepted(row, when)


def unsubscribed(row: RecipientRow, when: int) -> None:
    """The person has opted out: somebody is there."""
    row.unsubscribed_at = max(row.unsubscribed_at, when)
    row.unanswered = row.unseen = 0


def subscribed(row: RecipientRow, when: int) -> None:
    """The person wants mail, again perhaps: somebody is there."""
    row.subscribed_at = max(row.subscribed_at, when)
    row.unanswered = row.unseen = 0


def heard_of(row: RecipientRow) -> bool:
    """Something has come back already, of whose messages ever."""
    bad = row.hard_bounced_at or row.suspended_at or row.complained_at or row.unsubscribed_at
    return bool(bad or row.last_delivered or row.last_engaged or row.subscribed_at)


def _accepted(row: RecipientRow, when: int) -> None:
    """Once after the last mark: later ones say no more."""
    last = max(row.hard_bounced_at, row.suspended_at)
    if last and when > last >= row.accepted_at:
        row.accepted_at = when


def _marked(marks: tuple[int, ...], when: int) -> tuple[int, ...]:
    """In the order of time, however late a report comes; the same moment once."""
    return marks if when in marks else kept_marks((*marks, when))


def kept_marks(times: tuple[int, ...]) -> tuple[int, ...]:
    """Of many times the first and the latest ones, each once, in their order."""
    marks = tuple(sorted(set(times)))
    return marks if len(marks) <= MARKS else (marks[0], *marks[1 - MARKS :])
