"""The MX finding of a domain: does it take mail (RFC 5321 section 5.1, RFC 7505)? DNS answers in, finding out. Pure.

`inquire` is a dialogue: it yields the questions it has, is sent their answers, and returns the finding. So the whole
order of questions can be read, and tested, without a network.
"""

from collections.abc import Iterable
from typing import Any

import dns.name

from sidestep.schemas import MxFinding
from sidestep.streams.screen.dns.answer import NEGATIVE_TTL, POSITIVE_TTL, UNKNOWN_TTL, Answer, Dialogue, ttl_within
from sidestep.streams.screen.dns.exchanges import ASKED_MOST, LISTED, ask_health, exchanges_of, grade, is_reachable
from sidestep.streams.screen.lists.mx_providers import parking_of, provider_of

UNPROVEN_TTL = 300
"""Seconds at most that a "yes" holds whose exchanges could not be looked at."""

NO_HOST = {"dangling": "dangling-mx", "local": "mx-not-global"}
"""Health of the exchanges -> reason of the "no"."""


def inquire(domain: str, allow_private: bool = False, thorough: bool = False) -> Dialogue:
    """The dialogue about a lower-case A-label domain.

    `allow_private` counts private addresses too, for tests. `thorough` also asks whether the exchanges have addresses,
    and whose name servers a domain without MX has: two more questions for most domains, about hosts that many share.
    No "no" follows from a part of an answer.
    """
    dialogue = _inquire(domain, allow_private, thorough)
    questions, cut = next(dialogue), False
    while True:
        answers = yield questions
        cut = cut or any(answer.cut for answer in answers)
        try:
            questions = dialogue.send(answers)
        except StopIteration as end:
            finding: MxFinding = end.value
            return unknown("too-many-records") if cut and finding.outcome == "no" else finding


def _inquire(domain: str, allow_private: bool, thorough: bool) -> Dialogue:
    (mx,) = yield ((domain, "MX"),)
    if mx.failure:
        return unknown(mx.failure)  # never falls back to A: there may well be an MX, or a null MX
    if not mx.exists:
        return _no("nxdomain", ttl_within(NEGATIVE_TTL, mx))
    if mx.records:
        return (yield from _by_exchanges(mx, allow_private, thorough))
    return (yield from _by_addresses(domain, mx, allow_private, thorough))


def unknown(reason: str) -> MxFinding:
    """The finding that nothing is known, for this reason; it holds for a short while only."""
    return MxFinding("unknown", reason, ttl=UNKNOWN_TTL)


def _by_exchanges(mx: Answer, allow_private: bool, thorough: bool) -> Dialogue:
    ttl = ttl_within(POSITIVE_TTL, mx)
    if is_null_mx(mx.records):
        return _no("null-mx", ttl)
    names = exchanges_of(mx.records)
    grades = {name: grade(name) for name in names}
    if "plausible" in grades.values():
        usable = [name for name in names if grades[name] != "unusable"]
        return (yield from _by_hosts(mx, names, usable, allow_private)) if thorough else _yes("mx", ttl, names)
    dubious = [name for name in names if grades[name] == "dubious"][:ASKED_MOST]
    answers = (yield tuple((name, kind) for name in dubious for kind in ("A", "AAAA"))) if dubious else ()
    if _has_address(answers, allow_private):
        return _yes("mx", ttl_within(POSITIVE_TTL, mx, *answers), names)
    # RFC 5321 section 5.1: where MX records exist and none is usable, the domain's own address is not
    return _first_failure(answers) or _no("no-usable-mx", ttl, names)


def _by_hosts(mx: Answer, names: tuple[str, ...], usable: list[str], allow_private: bool) -> Dialogue:
    """Exchanges without any address take no mail; exchanges whose address is not known might."""
    health, answers = yield from ask_health(usable, allow_private)
    if health in NO_HOST:
        return _no(NO_HOST[health], ttl_within(NEGATIVE_TTL, mx, *answers), names)
    ttl = ttl_within(POSITIVE_TTL, mx)
    return _yes("mx", ttl if health == "reachable" else min(ttl, UNPROVEN_TTL), names)


def _by_addresses(domain: str, mx: Answer, allow_private: bool, thorough: bool) -> Dialogue:
    """RFC 5321 section 5.1: a domain without MX is its own exchange, if it has a global address."""
    answers = yield ((domain, "A"), (domain, "AAAA"))
    if _has_address(answers, allow_private):
        txt, *ns = yield ((domain, "TXT"), (domain, "NS")) if thorough else ((domain, "TXT"),)
        if spf_refuses_all(txt.records):
            return _no("spf-refuses-all", ttl_within(POSITIVE_TTL, mx, txt))
        provider = parking_of(_name_servers(ns))
        ttl = ttl_within(POSITIVE_TTL, mx, *answers)
        # the policy that nobody could read might have said no
        return MxFinding("yes", "address", ttl=min(ttl, UNPROVEN_TTL) if txt.failure else ttl, provider=provider)
    found = any(answer.records for answer in answers)
    reason = "no-global-address" if found else "no-address"
    return _first_failure(answers) or _no(reason, ttl_within(NEGATIVE_TTL, mx, *answers))


def is_null_mx(records: Iterable[Any]) -> bool:
    """Are these records a null MX: a single one that points at the root (RFC 7505 section 3)? Any preference does."""
    return [record.exchange for record in records] == [dns.name.root]


def spf_refuses_all(records: Iterable[Any]) -> bool:
    """Is a domain's only SPF policy `v=spf1 -all` (RFC 7208)? Then it sends nothing, so it bounces nothing either."""
    texts = [b"".join(record.strings).lower().split() for record in records]
    return [terms for terms in texts if terms[:1] == [b"v=spf1"]] == [[b"v=spf1", b"-all"]]


def _name_servers(answers: Iterable[Answer]) -> list[str]:
    return [str(record.target).lower().rstrip(".") for answer in answers for record in answer.records]


def _has_address(answers: Iterable[Answer], allow_private: bool) -> bool:
    return any(is_reachable(record.address, allow_private) for answer in answers for record in answer.records)


def _first_failure(answers: Iterable[Answer]) -> MxFinding | None:
    return next((unknown(answer.failure) for answer in answers if answer.failure), None)


def _yes(reason: str, ttl: int, names: tuple[str, ...]) -> MxFinding:
    return MxFinding("yes", reason, ttl=ttl, exchanges=names[:LISTED], provider=provider_of(names))


def _no(reason: str, ttl: int, names: tuple[str, ...] = ()) -> MxFinding:
    return MxFinding("no", reason, ttl=ttl, exchanges=names[:LISTED], provider=provider_of(names))
