"""Does a domain take mail? DNS answers in, finding out: RFC 5321 section 5.1, RFC 7505. No sockets, no clock.

`inquire` is a dialogue: it yields the questions it has, is sent their answers, and returns the finding. So the whole
order of questions can be read, and tested, without a network.
"""

import ipaddress
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from sidestep.schemas import MxFinding

POSITIVE_TTL = (30, 86_400)
"""Seconds. Below 30 a hot name would be asked all the time; above a day a move to another provider goes unseen."""

NEGATIVE_TTL = (30, 10_800)
"""Seconds. RFC 2308 section 5: one to three hours work well, more than a day has proven harmful."""

UNKNOWN_TTL = 15
"""Seconds. Long enough to spare a server in trouble, short enough for a deferred message to find it well again."""

MAX_EXCHANGES_CHECKED = 3
"""Whoever owns a domain decides how many exchanges it lists; what they cost us is for us to decide."""

LOCAL_SUFFIXES = frozenset({"local", "localdomain", "internal", "invalid"})
"""Names that mean nothing outside one network: RFC 6762, RFC 6761; internal is reserved by ICANN for private use."""

Question = tuple[str, str]
"""Name and record type."""

Dialogue = Generator[tuple[Question, ...], tuple["Answer", ...], MxFinding]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one question. With a `failure` nothing is known, and the rest means nothing."""

    records: tuple[Any, ...] = ()
    ttl: int = 0
    """Seconds; of a negative answer, as RFC 2308 section 5 has it."""
    exists: bool = True
    """False: NXDOMAIN, there is no such name and none below it (RFC 8020)."""
    failure: str = ""
    """servfail, refused, timeout, unreachable, malformed or cname-loop."""


_FAILURES = {dns.rcode.SERVFAIL: "servfail", dns.rcode.REFUSED: "refused", dns.rcode.NOTAUTH: "refused"}


def read(message: dns.message.Message) -> Answer:
    """A response that belongs to its query -> what it says about the name, CNAMEs followed."""
    rcode = message.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Answer(failure=_FAILURES.get(rcode, "malformed"))
    try:
        chain = message.resolve_chaining()  # type: ignore[attr-defined]
    except dns.message.ChainTooLong:
        return Answer(failure="cname-loop")
    except dns.exception.DNSException:
        return Answer(failure="malformed")
    if chain.answer is None and _is_referral(message):
        return Answer(failure="malformed")
    return Answer(tuple(chain.answer or ()), chain.minimum_ttl, rcode == dns.rcode.NOERROR)


def _is_referral(message: dns.message.Message) -> bool:
    """A lame server points elsewhere instead of answering (RFC 2308 section 2.2 tells it from "no such data")."""
    kinds = {rrset.rdtype for rrset in message.authority}
    vouched_for = message.flags & (dns.flags.AA | dns.flags.RA)
    return not vouched_for and dns.rdatatype.NS in kinds and dns.rdatatype.SOA not in kinds


def inquire(domain: str, allow_private: bool = False) -> Dialogue:
    """The dialogue about a lower-case A-label domain. `allow_private` counts private addresses too, for tests."""
    (mx,) = yield ((domain, "MX"),)
    if mx.failure:
        return unknown(mx.failure)  # never falls back to A: there may well be an MX, or a null MX
    if not mx.exists:
        return _no("nxdomain", _clamped(NEGATIVE_TTL, mx))
    if mx.records:
        return (yield from _by_exchanges(mx, allow_private))
    return (yield from _by_addresses(domain, mx, allow_private))


def unknown(reason: str) -> MxFinding:
    """Nothing is known, for this reason; it holds for a short while only."""
    return MxFinding("unknown", reason, ttl=UNKNOWN_TTL)


def _by_exchanges(mx: Answer, allow_private: bool) -> Dialogue:
    ttl = _clamped(POSITIVE_TTL, mx)
    if is_null_mx(mx.records):
        return _no("null-mx", ttl)
    grades = {name: grade(name) for name in (_text(record.exchange) for record in mx.records)}
    if "plausible" in grades.values():
        return MxFinding("yes", "mx", ttl=ttl)
    dubious = [name for name, found in grades.items() if found == "dubious"][:MAX_EXCHANGES_CHECKED]
    answers = (yield tuple((name, kind) for name in dubious for kind in ("A", "AAAA"))) if dubious else ()
    if _has_address(answers, allow_private):
        return MxFinding("yes", "mx", ttl=_clamped(POSITIVE_TTL, mx, *answers))
    # RFC 5321 section 5.1: where MX records exist and none is usable, the domain's own address is not
    return _first_failure(answers) or _no("no-usable-mx", ttl)


def _by_addresses(domain: str, mx: Answer, allow_private: bool) -> Dialogue:
    """RFC 5321 section 5.1: a domain without MX is its own exchange, if it has a global address."""
    answers = yield ((domain, "A"), (domain, "AAAA"))
    if _has_address(answers, allow_private):
        (txt,) = yield ((domain, "TXT"),)
        if spf_refuses_all(txt.records):
            return _no("spf-refuses-all", _clamped(POSITIVE_TTL, mx, txt))
        return MxFinding("yes", "address", ttl=_clamped(POSITIVE_TTL, mx, *answers))
    found = any(answer.records for answer in answers)
    reason = "no-global-address" if found else "no-address"
    return _first_failure(answers) or _no(reason, _clamped(NEGATIVE_TTL, mx, *answers))


def is_null_mx(records: Iterable[Any]) -> bool:
    """RFC 7505 section 3: a single MX that points at the root. Any preference will do, as for the mailers."""
    return [record.exchange for record in records] == [dns.name.root]


def grade(exchange: str) -> Literal["plausible", "dubious", "unusable"]:
    """Could a mailer use this exchange? Dubious ones are worth a look-up of their own, unusable ones are not."""
    if not exchange or _is_address(exchange.strip("[]")):
        return "unusable"  # RFC 1035 section 3.3.9: the exchange is a host name
    last = exchange.rpartition(".")[2]
    if last == "localhost":
        return "unusable"  # RFC 6761 section 6.3
    return "dubious" if last == exchange or last in LOCAL_SUFFIXES else "plausible"


def spf_refuses_all(records: Iterable[Any]) -> bool:
    """RFC 7208: exactly one policy, and it is `v=spf1 -all`: the domain sends nothing, so it bounces nothing either."""
    texts = [b"".join(record.strings).lower().split() for record in records]
    return [terms for terms in texts if terms[:1] == [b"v=spf1"]] == [[b"v=spf1", b"-all"]]


def is_reachable(address: str, allow_private: bool = False) -> bool:
    """Is it one that mail from outside can be sent to? Global and unicast, unless private ones are allowed."""
    ip = ipaddress.ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_multicast or ip.is_unspecified:
        return False
    return allow_private or (ip.is_global and not getattr(ip, "is_site_local", False))


def _has_address(answers: Iterable[Answer], allow_private: bool) -> bool:
    return any(is_reachable(record.address, allow_private) for answer in answers for record in answer.records)


def _first_failure(answers: Iterable[Answer]) -> MxFinding | None:
    return next((unknown(answer.failure) for answer in answers if answer.failure), None)


def _no(reason: str, ttl: int) -> MxFinding:
    return MxFinding("no", reason, ttl=ttl)


def _clamped(bounds: tuple[int, int], *answers: Answer) -> int:
    """Seconds that a finding holds which follows from all these answers."""
    least, most = bounds
    return max(least, min(most, *(answer.ttl for answer in answers if not answer.failure)))


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().rstrip(".")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
