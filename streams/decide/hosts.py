"""Who takes a domain's mail, and whether anybody was ever seen there: the domain itself, and the mail servers that it
shares with others. Pure: it changes only the rows that it is given.

The servers of a trap operator or of a collector of slips take everything: nobody reads it, and nothing bounces. Where
people are one opens, answers or complains sooner or later, and now and then one leaves, and bounces. A domain that has
moved to other servers begins anew: who was seen before says nothing about who is there now.

Mail servers go by the name that they share: mx1.mail.example and mx2.mail.example are one host.
"""

from collections.abc import Iterable
from functools import lru_cache

from sidestep.schemas import FeedbackEvidence, IntentEvidence
from sidestep.streams.decide.keys import host_key
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import DomainRow, RecipientRow

SILENT_AFTER = 3
"""Messages without any sign of a person, after which a mailbox counts as silent."""
REPRESENTATIVE = 10_000
"""Mailboxes over which the counts are kept: at that many all are halved."""
ENOUGH = 50
"""Mailboxes of all hosts together, before it is known how many are silent anywhere."""
QUIET = 2
"""Silent mailboxes for each one where a person was seen: where there are more, the silence of one says nothing."""
MOST = 64
"""Silent mailboxes; more would make no difference, and the powers of their chances are whole numbers."""
CLOSE = frozenset({"typo", "near-miss", "faint-miss", "trap-cluster"})
"""Classes of a domain whose name is close to a large provider's."""
EVERYWHERE = host_key("")
"""Key of the row of all hosts together, those of the large providers among them."""


def host_of(exchange: str) -> str:
    """The name that a mail server shares with its likes."""
    rest = exchange.partition(".")[2]
    return rest if "." in rest else exchange


@lru_cache(maxsize=65_536)
def _key_of(domain: str, exchange: str) -> bytes:
    """Key of the host's row; empty where the domain's servers are its own."""
    host = host_of(exchange)
    return host_key(host) if host != domain else b""


def host_keys(exchanges: Iterable[str], domains: Iterable[tuple[str, DomainRow | None]]) -> set[bytes]:
    """Keys of the hosts' rows that a batch may need: of these mail servers, and of these domains as their rows have
    them."""
    found = {host_key(host_of(exchange)) for exchange in exchanges}
    found |= {_key(domain, row) for domain, row in domains if row is not None}
    return (found - {b""}) | {EVERYWHERE}


def _key(domain: str, row: DomainRow) -> bytes:
    """Empty: a large provider runs its mail, or the domain itself does."""
    return _key_of(domain, row.exchange) if row.exchange and not row.provider else b""


def host_row(state: State, domain: str, row: DomainRow, now: int) -> DomainRow | None:
    """The row of the host that a domain shares with others, new if need be; None: there is none."""
    key = _key(domain, row)
    return state.domain(key, now) if key else None


def has_moved(row: DomainRow, exchanges: tuple[str, ...]) -> bool:
    """Whether these mail servers are others than those that the domain had."""
    before = host_of(row.exchange)
    # of several that are as good as each other, any may stand first
    return bool(before) and all(host_of(exchange) != before for exchange in exchanges)


def settle(row: DomainRow, now: int) -> None:
    """The domain is at other servers: of who is there nobody was seen yet."""
    row.settled_at, row.silent, row.alive, row.gone = now, 0, 0, 0


def domain_came(host: DomainRow, evidence: IntentEvidence) -> None:
    """A domain has come to the servers of this host: with a name of its own, or with one that is close to a large
    provider's."""
    host.domains += 1
    host.slips += not CLOSE.isdisjoint(evidence.classes)


def silence(
    state: State,
    evidence: IntentEvidence,
    hosts: tuple[DomainRow, DomainRow | None],
    recipient: RecipientRow,
    policy: Policy,
    now: int,
) -> str:
    """The signal that the silence of who takes the mail is: silent-host, slip-host, unseen-slip, unread-domain,
    silent-domain, or empty. `hosts`: the domain, and the host that it shares with others. What is silent is so by
    chance where most mailboxes are."""
    domain, host = hosts
    weights = policy.risk
    # one that weighs nothing hides no other
    if host is not None:
        if host.silent >= policy.silent and weights["silent-host"] and _is_strange(state, host, policy, now):
            return "silent-host"
        if host.slips >= policy.slips and weights["slip-host"] and _collects(host, policy):
            return "slip-host"
    if evidence.classes and weights["unseen-slip"] and _is_unseen_slip(evidence, domain, recipient, policy):
        return "unseen-slip"
    if domain.alive or domain.gone:
        return ""
    if recipient.unseen >= policy.unread and weights["unread-domain"] and _is_unread(state, domain, host, policy, now):
        return "unread-domain"
    if domain.silent < policy.silent_domain:
        return ""
    return "silent-domain" if _is_strange(state, domain, policy, now) else ""


def _collects(host: DomainRow, policy: Policy) -> bool:
    """Most of what came to its servers are slips, and nobody but some robot was ever seen there."""
    of = host.slips + host.silent + host.alive
    few = host.alive <= policy.silent_alive * of and host.gone <= policy.silent_gone * of
    return few and host.slips >= policy.slip_share * host.domains


def _is_unseen_slip(evidence: IntentEvidence, domain: DomainRow, recipient: RecipientRow, policy: Policy) -> bool:
    """Close to a large provider's name, at servers that are nobody's whom Sidestep knows, and no person was ever seen.
    A known misspelling from the first message on; the fainter the likeness, the more of them."""
    if domain.provider or domain.alive or domain.gone:
        return False
    classes = evidence.classes
    if "near-miss" in classes:
        return domain.silent > 0 or ("misspelling" in classes and not recipient.last_approved)
    return "faint-miss" in classes and recipient.unseen >= policy.faint


def _is_unread(state: State, domain: DomainRow, host: DomainRow | None, policy: Policy, now: int) -> bool:
    """One mailbox has had so much mail that somebody would have been seen there: at servers that are nobody's whom
    Sidestep knows, and unless most mailboxes are silent anyway."""
    if domain.provider or (host is not None and host.alive > policy.silent_alive * (host.silent + host.alive)):
        return False
    everywhere = state.domain(EVERYWHERE, now)
    return everywhere.silent + everywhere.alive >= ENOUGH and everywhere.silent <= QUIET * everywhere.alive


def _is_strange(state: State, row: DomainRow, policy: Policy, now: int) -> bool:
    everywhere, known = state.domain(EVERYWHERE, now), row.silent + row.alive
    if row.alive > policy.silent_alive * known or row.gone > policy.silent_gone * known:
        return False
    # whole numbers: powers of fractions differ in the last digit from machine to machine
    silent, of = everywhere.silent, everywhere.silent + everywhere.alive
    count = min(MOST, row.silent - row.alive)
    return of >= ENOUGH and count > 0 and silent**count * 1000 <= of**count * round(1000 * policy.silent_chance)


def message_sent(state: State, row: RecipientRow, domain: DomainRow, host: DomainRow | None, now: int) -> None:
    """A message has gone out to the mailbox, and is counted in its row."""
    if row.unseen == SILENT_AFTER:
        _count(state, domain, host, now, silent=1)


def person_seen(state: State, feedback: FeedbackEvidence, row: RecipientRow, when: int, now: int) -> None:
    """A person was seen at the mailbox; its row does not know it yet."""
    domain = _of_mail(state, feedback, row, when)
    if domain is None:
        return
    first = max(row.last_engaged, row.complained_at, row.unsubscribed_at) <= domain.settled_at
    silent = _counts_as_silent(row, domain)
    if first or silent:
        host = host_row(state, feedback.domain, domain, now)
        _count(state, domain, host, now, silent=-silent, alive=int(first))


def mailbox_gone(state: State, feedback: FeedbackEvidence, row: RecipientRow, when: int, now: int) -> None:
    """The mailbox has bounced for good or was suspended; its row does not know it yet."""
    domain = _of_mail(state, feedback, row, when)
    if domain is not None and not _is_marked(row, domain):
        host = host_row(state, feedback.domain, domain, now)
        _count(state, domain, host, now, silent=-_counts_as_silent(row, domain), gone=1)


def told_of_host(row: DomainRow, name: str) -> str:
    """The figures of a domain or of a host as a sentence."""
    seen = f"a person was seen at {row.alive:,}" if row.alive else "nobody was ever seen to read any of it"
    bounced = f"{row.gone:,} bounced" if row.gone else "none has bounced"
    silent = "1 mailbox is silent" if row.silent == 1 else f"{row.silent:,} mailboxes are silent"
    return f"The servers of {name} take all mail: {silent}, {bounced}, and {seen}."


def told_of_slips(row: DomainRow, name: str) -> str:
    """The figures of a host that collects slips as a sentence."""
    seen = f"a person was seen at {row.alive:,}" if row.alive else "nobody was ever seen"
    return (
        f"Of {row.domains:,} domains at the servers of {name} {row.slips:,} are close to a large provider's name, and "
        f"{seen} there."
    )


def told_of_name(name: str) -> str:
    """What a domain looks like at which nobody was seen, as a sentence."""
    return f"{name} is close to a large provider's name, and nobody was ever seen there."


def _of_mail(state: State, feedback: FeedbackEvidence, row: RecipientRow, when: int) -> DomainRow | None:
    """The row of the domain, if the report is about mail of ours that it has had since it is where it is."""
    domain = state.domains.get(feedback.domain.encode())
    return domain if domain is not None and row.last_approved and when > domain.settled_at else None


def _counts_as_silent(row: RecipientRow, domain: DomainRow) -> bool:
    return row.unseen >= SILENT_AFTER and row.last_approved >= domain.settled_at and not _is_marked(row, domain)


def _is_marked(row: RecipientRow, domain: DomainRow) -> bool:
    return max(row.hard_bounced_at, row.suspended_at) > domain.settled_at


def _count(
    state: State, domain: DomainRow, host: DomainRow | None, now: int, silent: int = 0, alive: int = 0, gone: int = 0
) -> None:
    """In the rows of the domain, of its host, and of everywhere."""
    for row in (domain, host, state.domain(EVERYWHERE, now)):
        if row is not None:
            row.silent = max(0, row.silent + silent)
            row.alive += alive
            row.gone += gone
            if row.silent + row.alive + row.gone >= REPRESENTATIVE:
                row.silent >>= 1
                row.alive >>= 1
                row.gone >>= 1
