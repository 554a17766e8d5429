"""What the addresses of a source are worth: how many of them do not exist, are suspicious, or are known traps. Pure.

A list that was harvested, bought or has grown old shows itself by these before anything is sent to the rest of it. So
an address counts when it is offered first, whatever becomes of the message. One that others have brought counts if it
is known to be dead or a trap: customers who are alive say nothing about the strangers on the same list.
"""

from collections.abc import Sequence

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.claims import history_name
from sidestep.streams.decide.keys import source_key
from sidestep.streams.decide.rules.case import NEVER, Finding
from sidestep.streams.decide.tables import RecipientRow, SourceRow

REPRESENTATIVE = 10_000
"""Addresses over which the shares are reckoned: at that many all counts are halved."""
FIRST = 2
"""Messages to a mailbox that may be under way before the first of them has bounced."""
SUSPICIOUS = frozenset({"known-trap", "listed", "trap-cluster", "typo-domain", "honeypot-address"})
"""Rules by which an address says something about where it comes from. A throw-away mailbox is given by a person."""


def offered(
    row: SourceRow, evidence: IntentEvidence, recipient: RecipientRow, nobody: bool, fired: Sequence[Finding]
) -> None:
    """A service wants to write to an address from a source, whose row this is. `nobody`: the address does not exist;
    `fired`: by the rules that the intent met."""
    bad = nobody or (bool(fired) and any(finding.rule in SUSPICIOUS for finding in fired))
    if recipient is not NEVER and not (bad and _from_elsewhere(recipient, evidence)):
        return
    row.offered += 1
    if bad:
        row.unknown += nobody
        row.suspicious += not nobody
    if row.offered >= REPRESENTATIVE:
        row.offered >>= 1
        row.unknown >>= 1
        row.suspicious >>= 1
        row.traps >>= 1
        row.tried >>= 1
        row.bounced >>= 1


def _from_elsewhere(recipient: RecipientRow, evidence: IntentEvidence) -> bool:
    """Others have brought it, and nobody has been stopped for what it is now: so it counts once."""
    return not recipient.last_stopped and source_key(history_name(evidence), evidence.source) not in brought_keys(
        recipient
    )


def never_was(recipient: RecipientRow) -> bool:
    """One of the first messages to the mailbox has bounced for good: there never was one. What dies later says nothing
    about where it came from."""
    alive = recipient.last_delivered or recipient.last_engaged
    return not alive and recipient.hard_bounces == 1 and recipient.unanswered <= FIRST


def bad_share(row: SourceRow, least: int) -> float:
    """Of the addresses, from 0 to 1: those that do not exist, and suspicious ones. Of few, 0."""
    return (row.unknown + row.suspicious) / row.offered if row.offered >= least else 0.0


def bad_share_tried(row: SourceRow, least: int) -> float:
    """Likewise, but what has bounced as a share of the addresses that were written to: what was kept back can't bounce.
    Of few of those, 0."""
    if row.tried < least or not row.offered:
        return 0.0
    return (row.unknown - row.bounced + row.suspicious) / row.offered + row.bounced / row.tried


def worst_share(row: SourceRow, least: int) -> float:
    """The greater of both: a source is dirty by either."""
    return max(bad_share(row, least), bad_share_tried(row, least))


def brought(recipient: RecipientRow, evidence: IntentEvidence) -> bool:
    """Nobody knows the mailbox from elsewhere, and no person has ever been seen there."""
    if not recipient.last_approved:
        return True
    as_first = recipient.source == evidence.source and recipient.service == history_name(evidence)
    return as_first and not recipient.last_engaged


def brought_keys(recipient: RecipientRow) -> list[bytes]:
    """Keys of the sources that an address came from: at first, and for the last message. Each once."""
    ways = [(recipient.service, recipient.source)]
    if recipient.last is not None:
        ways.append((recipient.last.service, recipient.last.source))
    return list(dict.fromkeys(source_key(service, source) for service, source in ways if source))


def forget(row: SourceRow) -> None:
    """Nothing is known of its addresses any more: somebody has cleaned the list."""
    row.offered = row.unknown = row.suspicious = row.traps = row.tried = row.bounced = 0


def told(row: SourceRow, source: str) -> str:
    """The figures as a sentence."""
    found = [
        (row.unknown, "does not exist", "do not exist"),
        (row.suspicious, "is suspicious", "are suspicious"),
        (row.traps, "is a known trap", "are known traps"),
    ]
    parts = [f"{count:,} {one if count == 1 else many}" for count, one, many in found if count]
    tried = f" {row.bounced:,} of the {row.tried:,} that were written to bounced." if row.bounced else ""
    return f"Of the last {row.offered:,} addresses of {source}: {', '.join(parts)}.{tried}"
