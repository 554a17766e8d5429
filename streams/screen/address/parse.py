"""Addresses out of text: one fast path for what nearly all addresses are, one thorough path for everything else."""

from functools import lru_cache

from msgspec import Struct

from sidestep.streams.screen.address.domain import plain_domain, read_domain
from sidestep.streams.screen.address.local_part import DOT_ATOM, LOCAL_MAX, closing_quote, octets, read_local
from sidestep.streams.screen.address.mailbox import MailboxRule, identity, mailbox_rules

ADDRESS_MAX = 254  # octets: a path of 256 (RFC 5321 4.5.3.1.3) less its angle brackets; RFC 3696 erratum 1690

SEVERAL_MAX = 1000
"""Characters in which several addresses are looked for: as many as an intent's may have."""

_RULES = mailbox_rules()


class ParsedAddress(Struct, frozen=True, gc=False):
    """An address that was read. Only a sound one (`reason` "") has local, normalized and identity."""

    local: str
    """Quoted only where it must be, case as given (RFC 5321 2.4), NFC."""
    domain: str
    """Lower-case A-label; also there when only the local part is unsound; "" when the domain is."""
    normalized: str
    """The address to send to, local@domain."""
    identity: str
    """What all spellings of the same mailbox share; see mailbox.py. Never sent to."""
    reason: str = ""
    """Why the address is refused: a short code such as no-at-sign, local-too-long, domain-literal, comment."""


def parse(text: str) -> ParsedAddress:
    """The address in any text. Never raises.

    Refused although it is sound syntax: a domain literal (RFC 5321 4.1.3) with reason `domain-literal`. Refused because
    it is syntax of a header, not of an envelope: comments (RFC 5322 3.2.2) with `comment`, names and angle brackets
    (RFC 5322 3.4) with `display-name`, several with `several-addresses`. Not refused:
    special-use domains (RFC 6761), DNS answers for them.
    """
    local, _, domain = text.partition("@")
    if len(text) <= ADDRESS_MAX and len(local) <= LOCAL_MAX and DOT_ATOM.match(local):
        found = _plain_domain(domain)
        if found is not None:
            name, rule = found
            normalized = f"{local}@{name}"
            same = normalized.lower() if rule is None else rule.apply(local.lower(), name)
            return ParsedAddress(local, name, normalized, same)
    return _parse_thoroughly(text)


@lru_cache(maxsize=32_768)
def _plain_domain(text: str) -> tuple[str, MailboxRule | None] | None:
    name = plain_domain(text)
    return (name, _RULES.get(name)) if name else None


def _parse_thoroughly(text: str) -> ParsedAddress:
    if _are_several(text):
        return _refused("several-addresses")
    if text.endswith(">") and "<" in text:
        return _refused("display-name")
    local_text, at, domain_text = _split(text)
    if not at:
        return _refused("no-at-sign")
    domain = read_domain(domain_text[:ADDRESS_MAX])  # one too long already: the cache keeps no megabytes
    local = read_local(local_text)
    if local.reason or domain.reason:
        return _refused(local.reason or domain.reason, domain.name)
    normalized = f"{local.text}@{domain.name}"
    if max(octets(text), octets(normalized)) > ADDRESS_MAX:
        return _refused("address-too-long", domain.name)  # RFC 5321 4.5.3.1.3, as given and as sent
    return ParsedAddress(local.text, domain.name, normalized, identity(local.content, domain.name))


def meant(text: str) -> str:
    """The address in a text that is refused, where only one can be meant: with white space around it, or with a name
    before it in angle brackets. Empty: nobody can say."""
    inner = text.strip()
    if inner.endswith(">"):
        inner = inner[:-1].rpartition("<")[2].strip()
    found = parse(inner) if inner != text else None
    return "" if found is None else found.normalized


def _are_several(text: str) -> bool:
    """Addresses with commas or semicolons between them, as people write them into a field To:."""
    if not any(mark in text for mark in ",;") or text.count("@") < 2:
        return False
    parts = [part.strip() for part in text.replace(";", ",").split(",")]
    return len(text) <= SEVERAL_MAX and all(_is_one(part) for part in parts if part)


def _is_one(text: str) -> bool:
    local, at, domain = (text[:-1].rpartition("<")[2] if text.endswith(">") else text).partition("@")
    return bool(at) and len(local) <= LOCAL_MAX and bool(DOT_ATOM.match(local)) and _plain_domain(domain) is not None


def _split(text: str) -> tuple[str, str, str]:
    """At the at-sign after a quoted local part (RFC 5321 4.1.2), otherwise at the last one."""
    if text.startswith('"'):
        end = closing_quote(text[: ADDRESS_MAX + 1])
        if end > 0 and text[end + 1 : end + 2] == "@":
            return text[: end + 1], "@", text[end + 2 :]
    return text.rpartition("@")


def _refused(reason: str, domain: str = "") -> ParsedAddress:
    return ParsedAddress("", domain, "", "", reason)
