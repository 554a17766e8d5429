"""The ladder: one function a rule, from the evidence and what the ledger knows to a Finding or None. Pure.

Each sentence is for the person whose mail was stopped: what is wrong, in plain words, and what can be done.
The limits are not here: they change state, see fold.py.
"""

from collections.abc import Callable
from typing import NamedTuple

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.policy import DAY, Policy
from sidestep.streams.decide.state import Finding
from sidestep.streams.decide.tables import HoldRow, RecipientRow

NEVER = RecipientRow()
"""The history of a recipient without any."""


class Case(NamedTuple):
    """One intent before the ladder. `now` is log time in seconds."""

    evidence: IntentEvidence
    recipient: RecipientRow
    hold: HoldRow | None
    policy: Policy
    now: int


# Every reason code of screen/address.py has its sentence here, those of screen/mx.py below; a test compares the sets.
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
    "comment": "it contains a comment in parentheses",
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


def service_on_hold(case: Case) -> Finding | None:
    """A control record holds the service back."""
    if case.hold is None:
        return None
    text = f"The service {case.evidence.service} is on hold: {case.hold.reason}."
    return Finding("service-on-hold", text, case.hold.until_ms * 1000)


def address_syntax(case: Case) -> Finding | None:
    """RFC 5321, 5322, 6531."""
    reason = case.evidence.syntax
    if not reason:
        return None
    return Finding("address-syntax", f"This is not an email address: {SYNTAX.get(reason, reason.replace('-', ' '))}.")


def domain_takes_no_mail(case: Case) -> Finding | None:
    """NXDOMAIN, null MX, no address."""
    mx = case.evidence.mx
    if mx is None or mx.outcome != "no":
        return None
    why = NO_MAIL.get(mx.reason, mx.reason.replace("-", " "))
    return Finding("domain-takes-no-mail", f"{case.evidence.domain} takes no mail: {why}.")


def recipient_hard_bounce(case: Case) -> Finding | None:
    """The mailbox did not exist."""
    since = case.recipient.hard_bounced_at
    if not _within(case, since, "recipient-hard-bounce"):
        return None
    count = case.recipient.hard_bounces
    often = "once" if count == 1 else f"{count} times"
    text = f"Mail to this address bounced for good {often}, last {_ago(case.now, since)}: the mailbox does not exist."
    return Finding("recipient-hard-bounce", text)


def recipient_suspended(case: Case) -> Finding | None:
    """The account was disabled."""
    since = case.recipient.suspended_at
    if not _within(case, since, "recipient-suspended"):
        return None
    return Finding("recipient-suspended", f"The mailbox was suspended by its provider {_ago(case.now, since)}.")


def recipient_complaint(case: Case) -> Finding | None:
    """The person pressed "spam"."""
    since = case.recipient.complained_at
    if not _within(case, since, "recipient-complaint"):
        return None
    return Finding("recipient-complaint", f"The recipient reported our mail as spam {_ago(case.now, since)}.")


def recipient_unsubscribed(case: Case) -> Finding | None:
    """The person opted out of this kind of mail."""
    since = case.recipient.unsubscribed_at
    stream = case.evidence.stream
    if stream not in case.policy.rules["recipient-unsubscribed"].streams:
        return None
    if not _within(case, since, "recipient-unsubscribed"):
        return None
    return Finding("recipient-unsubscribed", f"The recipient unsubscribed from {stream} mail {_ago(case.now, since)}.")


def typo_domain(case: Case) -> Finding | None:
    """A misspelled domain."""
    if "typo" not in case.evidence.classes:
        return None
    text = f"{case.evidence.domain} looks like a slip of the keyboard; {case.evidence.suggestion} was probably meant."
    return Finding("typo-domain", text)


def typo_suspected(case: Case) -> Finding | None:
    """Perhaps a misspelled domain."""
    if "near-miss" not in case.evidence.classes:
        return None
    text = f"{case.evidence.domain} is close to the name of a large provider: was {case.evidence.suggestion} meant?"
    return Finding("typo-suspected", text)


def disposable_address(case: Case) -> Finding | None:
    """A throw-away mailbox."""
    if "disposable" not in case.evidence.classes:
        return None
    return Finding("disposable-address", f"{case.evidence.domain} gives out throw-away addresses.")


def role_address(case: Case) -> Finding | None:
    """info@, sales@ …"""
    if "role" not in case.evidence.classes:
        return None
    return Finding("role-address", "This is the address of a role, not of a person: nobody in particular consented.")


def dns_unknown(case: Case) -> Finding | None:
    """No answer about the domain."""
    mx = case.evidence.mx
    if mx is None or mx.outcome != "unknown":
        return None
    rule = case.policy.rules["dns-unknown"]
    wait = min(rule.retry_after * 2 ** min(case.evidence.attempt - 1, 20), rule.retry_after_max)
    text = f"Nobody could say whether {case.evidence.domain} takes mail ({mx.reason}). Offer it again in {_span(wait)}."
    return Finding("dns-unknown", text, (case.now + wait) * 1_000_000)


LADDER: tuple[tuple[str, Callable[[Case], Finding | None]], ...] = (
    ("service-on-hold", service_on_hold),
    ("address-syntax", address_syntax),
    ("domain-takes-no-mail", domain_takes_no_mail),
    ("recipient-hard-bounce", recipient_hard_bounce),
    ("recipient-suspended", recipient_suspended),
    ("recipient-complaint", recipient_complaint),
    ("recipient-unsubscribed", recipient_unsubscribed),
    ("typo-domain", typo_domain),
    ("typo-suspected", typo_suspected),
    ("disposable-address", disposable_address),
    ("role-address", role_address),
    ("dns-unknown", dns_unknown),
)


def climb(case: Case) -> tuple[Finding | None, list[Finding]]:
    """The finding that stops the intent, if any, and those that are only flagged. Rules that are off do not exist."""
    flags: list[Finding] = []
    rules = case.policy.rules
    for name, rule in LADDER:
        mode = rules[name].mode
        if mode == "off":
            continue
        finding = rule(case)
        if finding is None:
            continue
        if mode == "flag":
            flags.append(finding)
        else:
            return finding, flags + _explanation(case, finding)
    return None, flags


def _explanation(case: Case, stop: Finding) -> list[Finding]:
    """A domain that does not exist is most often a slip: say so too, to whoever can correct it."""
    if stop.rule != "domain-takes-no-mail" or case.policy.rules["typo-domain"].mode == "off":
        return []
    slip = typo_domain(case)
    return [slip] if slip is not None else []


def _within(case: Case, since: int, rule: str) -> bool:
    return since > 0 and case.now - since <= case.policy.rules[rule].days * DAY


def _ago(now: int, since: int) -> str:
    return f"{_span(max(0, now - since))} ago"


def _span(seconds: int) -> str:
    for size, unit in ((DAY, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
