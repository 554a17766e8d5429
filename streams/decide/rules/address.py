"""The rules about an address and its domain: what Screen found out about them. Pure. Their sentences: reasons.toml."""

from collections.abc import Iterable

from sidestep.schemas import Listing
from sidestep.streams.decide.rules.case import Case, Finding, date_of, day_of, span, wait_of
from sidestep.streams.decide.rules.reasons import finding

NAMED = 3
"""Listings that a sentence names."""

# Every reason code of screen/address/ has its sentence here, those of screen/dns/ below; a test compares the sets.
SYNTAX = {
    "no-at-sign": "it has no @",
    "empty-local": "nothing stands before the @",
    "empty-domain": "nothing stands behind the @",
    "local-too-long": "more than 64 octets stand before the @",
    "domain-too-long": "the domain is longer than 253 octets",
    "domain-label-too-long": "a part of the domain is longer than 63 octets",
    "address-too-long": "it is longer than 254 octets",
    "dot-at-edge": "a dot stands first or last, before or behind the @",
    "two-dots": "two dots follow each other",
    "two-at-signs": "it has more than one @",
    "unquoted-character": "a character before the @ may only stand in quotes",
    "unterminated-quote": "a quotation mark is opened and not closed",
    "text-after-quote": "text follows the closing quotation mark",
    "quoted-pair": "a backslash stands before a character that is not ASCII",
    "comment": "it contains a comment in parentheses",
    "several-addresses": "it holds several addresses, and each needs an intent of its own",
    "display-name": "it holds a name or angle brackets besides the address",
    "no-dot-in-domain": "the domain has no dot",
    "domain-character": "the domain contains a character that domains can't have",
    "hyphen-at-edge": "a part of the domain begins or ends with a hyphen",
    "reserved-label": "a part of the domain has hyphens in third and fourth place, which is reserved",
    "numeric-top-level": "the domain ends with a number",
    "idna-invalid": "the domain is not a valid internationalised name",
    "domain-literal": "it names an IP address instead of a domain",
    "whitespace": "it contains white space",
    "control-character": "it contains a control character",
    "unsafe-character": "it contains an invisible or otherwise unsafe character",
}

NO_MAIL = {
    "nxdomain": "the domain does not exist",
    "null-mx": "the domain says that it takes no mail (null MX, RFC 7505)",
    "no-address": "the domain has neither a mail server nor an address",
    "no-global-address": "the domain's address is not on the public internet",
    "no-usable-mx": "none of the domain's mail servers can be reached from the public internet",
    "dangling-mx": "none of the domain's mail servers has an address",
    "mx-not-global": "the domain's mail servers are only on private addresses",
    "spf-refuses-all": "the domain has no mail server and says that it sends no mail",
}


UNKNOWN = {
    "resolver-denies-all": "the name servers are not to be believed, they deny domains that certainly exist",
    "resolver-answers-all": "the name servers are not to be believed, they give an address for every name",
}
"""Reasons that are none of the domain's. The others (timeout, servfail, …) stand in the sentence as they are."""


def address_syntax(case: Case) -> Finding | None:
    """RFC 5321, 5322, 6531."""
    reason = case.evidence.syntax
    if not reason:
        return None
    why, suggestion = SYNTAX.get(reason, reason.replace("-", " ")), case.evidence.suggestion
    said = {"why": why, "code": reason, "suggestion": suggestion}
    return finding(case.policy, case.evidence, "address-syntax", said, "reason_suggestion" if suggestion else "reason")


def domain_takes_no_mail(case: Case) -> Finding | None:
    """NXDOMAIN, null MX, no address."""
    mx = case.evidence.mx
    if mx is None or mx.outcome != "no":
        return None
    why = NO_MAIL.get(mx.reason, mx.reason.replace("-", " "))
    return finding(case.policy, case.evidence, "domain-takes-no-mail", {"why": why, "code": mx.reason})


def listed(case: Case) -> Finding | None:
    """On enough lists, or on one that the policy trusts. What a list only suspects does not count; what one says of the
    mail server is for trap_cluster."""
    sure = [listing for listing in case.evidence.listed if not (listing.suspect or listing.exchange)]
    rule = case.policy.rules["listed"]
    names = {listing.list for listing in sure}
    if not names or (len(names) < rule.lists and names.isdisjoint(rule.trusted)):
        return None
    return finding(case.policy, case.evidence, "listed", {"lists": _naming(sure)})


def listed_doubtful(case: Case) -> Finding | None:
    """On a list, but not so surely that it is stopped."""
    listings = [listing for listing in case.evidence.listed if listing.suspect or not listing.exchange]
    if not listings or listed(case) is not None:
        return None
    return finding(case.policy, case.evidence, "listed-doubtful", {"lists": _naming(listings)})


def trap_cluster(case: Case) -> Finding | None:
    """A slip whose mail goes where that of other slips goes, or a domain whose mail server is listed as a collector."""
    if "trap-cluster" not in case.evidence.classes:
        return None
    naming = [listing for listing in case.evidence.listed if listing.exchange and not listing.suspect]
    suggestion = case.evidence.suggestion
    form = "reason" if not naming else "reason_listed_slip" if suggestion else "reason_listed"
    said = {
        "suggestion": suggestion,
        "exchange": naming[0].exchange if naming else "",
        "lists": _naming(naming),
    }
    return finding(case.policy, case.evidence, "trap-cluster", said, form)


def typo_domain(case: Case) -> Finding | None:
    """A misspelled domain. Not before DNS has answered: even a well-known slip may have a mail service of its own."""
    if "typo" not in case.evidence.classes or _unknown(case):
        return None
    return finding(case.policy, case.evidence, "typo-domain", {"suggestion": case.evidence.suggestion})


def typo_suspected(case: Case) -> Finding | None:
    """Perhaps a misspelled domain. One with a healthy mail service of its own has no suggestion and is left alone."""
    classes = case.evidence.classes
    near = "near-miss" in classes or ("typo" in classes and _unknown(case))
    if not near or not case.evidence.suggestion:
        return None
    return finding(case.policy, case.evidence, "typo-suspected", {"suggestion": case.evidence.suggestion})


def honeypot_address(case: Case) -> Finding | None:
    """spamtrap@, jane.nospam@ …"""
    if "honeypot" not in case.evidence.classes:
        return None
    return finding(case.policy, case.evidence, "honeypot-address")


def disposable_address(case: Case) -> Finding | None:
    """A throw-away mailbox."""
    if "disposable" not in case.evidence.classes:
        return None
    return finding(case.policy, case.evidence, "disposable-address")


def parked_domain(case: Case) -> Finding | None:
    """A parking service takes the mail."""
    if "parked" not in case.evidence.classes:
        return None
    return finding(case.policy, case.evidence, "parked-domain")


def domain_came_back(case: Case) -> Finding | None:
    """Took no mail for a while and takes it again."""
    domain = case.domain
    if not domain.back_at:
        return None
    why = NO_MAIL.get(domain.dark_reason, "it did not say why")
    said = {
        "since": day_of(domain.dark_from) if domain.dark_from else "",
        "until": day_of(domain.back_at),
        "date": date_of(domain.back_at),
        "why": why,
        "code": domain.dark_reason,
    }
    form = "reason_since" if domain.dark_from else "reason"
    return finding(case.policy, case.evidence, "domain-came-back", said, form)


def machine_made_address(case: Case) -> Finding | None:
    """Random letters and digits."""
    if "machine-made" not in case.evidence.classes:
        return None
    return finding(case.policy, case.evidence, "machine-made-address")


def role_address(case: Case) -> Finding | None:
    """info@, sales@ …"""
    if "role" not in case.evidence.classes:
        return None
    return finding(case.policy, case.evidence, "role-address")


def dns_unknown(case: Case) -> Finding | None:
    """No answer about the domain."""
    mx = case.evidence.mx
    if mx is None or not _unknown(case):
        return None
    rule = case.policy.rules["dns-unknown"]
    wait = wait_of(rule, case.evidence.attempt)
    why = UNKNOWN.get(mx.reason, mx.reason)
    said = {"why": why, "code": mx.reason, "wait": span(wait), "seconds": wait}
    return finding(case.policy, case.evidence, "dns-unknown", said, retry_us=(case.now + wait) * 1_000_000)


def _unknown(case: Case) -> bool:
    return case.evidence.mx is not None and case.evidence.mx.outcome == "unknown"


def _naming(listings: Iterable[Listing]) -> str:
    """Each by list, version and entry; a few are enough."""
    some = list(listings)
    named = [f"{x.list} ({x.reason or 'listed'}: {x.entry}, version {x.version})" for x in some[:NAMED]]
    return "; ".join(named) + (f"; {len(some) - NAMED} more" if len(some) > NAMED else "")
