"""The answer in a name server's response, and for how long a finding that follows from it holds. Pure."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from sidestep.schemas import MxFinding

POSITIVE_TTL = (30, 86_400)
"""Seconds. Below 30 a hot name would be asked all the time; above a day a move to another provider goes unseen."""

NEGATIVE_TTL = (30, 10_800)
"""Seconds. RFC 2308 section 5: one to three hours work well, more than a day has proven harmful."""

UNKNOWN_TTL = 15
"""Seconds. Long enough to spare a server in trouble, short enough for a deferred message to find it well again."""

RECORDS_MOST = 16
"""Records of an answer that are looked at. A domain lists as many as its owner likes; honest ones have a handful."""

ALIASES_MOST = 16
"""Aliases of a name that are followed, within an answer and from one to the next. Honest chains have one or two."""

Question = tuple[str, str]
"""Name and record type."""

Dialogue = Generator[tuple[Question, ...], tuple["Answer", ...], MxFinding]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question. With a `failure` nothing is known, and the rest means nothing."""

    records: tuple[Any, ...] = ()
    ttl: int = 0
    """Seconds; of a negative answer, as RFC 2308 section 5 has it."""
    exists: bool = True
    """False: NXDOMAIN, there is no such name and none below it (RFC 8020)."""
    failure: str = ""
    """servfail, refused, timeout, unreachable, malformed, cname-loop, too-large or too-many-records."""
    alias: str = ""
    """The name that the one asked for is another name of, where the server leaves it to us to ask for that."""
    cut: bool = False
    """There are more records than were looked at: what none of these says one of the others may."""


_FAILURES = {dns.rcode.SERVFAIL: "servfail", dns.rcode.REFUSED: "refused", dns.rcode.NOTAUTH: "refused"}


def read(message: dns.message.Message, cut: bool = False) -> Answer:
    """The answer in a response that belongs to its query, CNAMEs followed. `cut`: not all of it was parsed."""
    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Answer(failure=_FAILURES.get(rcode, "malformed"))
    try:
        chain = message.resolve_chaining()  # type: ignore[attr-defined]  # what answers a query has it
    except dns.message.ChainTooLong:
        return Answer(failure="cname-loop")
    except dns.exception.DNSException:
        return Answer(failure="malformed")
    if chain.answer is None and cut:
        return Answer(failure="too-many-records")
    if chain.answer is None and (_is_referral(message) or _is_about_others(message, chain)):
        return Answer(failure="malformed")
    exists = rcode == dns.rcode.NOERROR
    if chain.answer is None and chain.cnames and exists and not _has_soa(message):
        # a recursive server says that nothing stands at the alias' end with an SOA (RFC 2308 section 2.2); without
        # one nobody has looked there
        return Answer(ttl=chain.minimum_ttl, alias=chain.canonical_name.to_text(omit_final_dot=True).lower())
    records = tuple(chain.answer or ())
    cut = cut or len(records) > RECORDS_MOST
    return Answer(_first(records) if cut else records, chain.minimum_ttl, exists, cut=cut)


def ttl_within(bounds: tuple[int, int], *answers: Answer) -> int:
    """The seconds that a finding holds which follows from all these answers, within bounds."""
    least, most = bounds
    return max(least, min(most, *(answer.ttl for answer in answers if not answer.failure)))


def _first(records: tuple[Any, ...]) -> tuple[Any, ...]:
    """The records that are looked at: of exchanges those that are preferred."""
    if records[0].rdtype == dns.rdatatype.MX:
        records = tuple(sorted(records, key=lambda record: record.preference))
    return records[:RECORDS_MOST]


def _is_about_others(message: dns.message.Message, chain: Any) -> bool:
    """Does a response hold records of names that nobody asked for (DNAMEs aside)? Then it does not say "none"."""
    names = {chain.canonical_name, *(rrset.name for rrset in chain.cnames)}
    return any(rrset.name not in names and rrset.rdtype != dns.rdatatype.DNAME for rrset in message.answer)


def _has_soa(message: dns.message.Message) -> bool:
    return any(rrset.rdtype == dns.rdatatype.SOA for rrset in message.authority)


def _is_referral(message: dns.message.Message) -> bool:
    """Does a lame server point elsewhere instead of answering (RFC 2308 section 2.2 tells that from "no such data")?"""
    kinds = {rrset.rdtype for rrset in message.authority}
    vouched_for = message.flags & (dns.flags.AA | dns.flags.RA)
    return not vouched_for and dns.rdatatype.NS in kinds and dns.rdatatype.SOA not in kinds
