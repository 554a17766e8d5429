"""Delivery status notifications (DSN, RFC 3464): their fields, and the diagnostic of each recipient. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sidestep.streams.screen.feedback.diagnostic import Diagnostic

FIELDS = frozenset(
    (
        "original-envelope-id",
        "original-message-id",
        "disposition",
        "reporting-mta",
        "dsn-gateway",
        "received-from-mta",
        "arrival-date",
        "original-recipient",
        "final-recipient",
        "action",
        "status",
        "remote-mta",
        "diagnostic-code",
        "last-attempt-date",
        "final-log-id",
        "will-retry-until",
        "x-actual-recipient",
        "x-original-message-id",
        "x-display-name",
        "x-supplementary-info",
        "x-powermta-bouncecategory",
    )
)
_FIELD = re.compile(r"^(?:[ \t]{0,8})([A-Za-z][A-Za-z-]{4,30})[ \t]{0,4}:[ \t]*(.*)$")
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})")
_ADDRESS = re.compile(r"[^\s<>;,:\"()\[\]]{1,200}@[^\s<>;,:\"'()\[\]]{1,255}")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_XTEXT = re.compile(r"\+([2-7][0-9A-F])")
ENCAPSULATED = "IMCEA"
"""How Exchange begins the local part of an address of another kind that it has wrapped up: nobody mailed that."""
REACHED = ("delivered", "relayed", "expanded", "delayed")
"""Actions (RFC 3464 2.3.3) by which a message has come, or may still come, to somebody."""
RECIPIENTS_MAX = 100
"""RFC 5321 4.5.3.1.8: a server has to take so many in one transaction; hardly anyone sends more."""

LINES_MAX = 5000
"""Lines of such fields that are looked at: of a hundred recipients, fifty each."""

Fields = dict[str, str]


class Dsn(NamedTuple):
    """The fields of a DSN: per message, and one group per recipient (RFC 3464 2.2, 2.3); names in lower case."""

    message: Fields
    recipients: list[Fields]


def parse(text: str) -> Dsn:
    """The fields of a message/delivery-status body, or of any text with such lines. Stray blank lines do no harm."""
    dsn = Dsn({}, [])
    group: Fields = {}
    for name, value in fields(text):
        if not name or (name == "final-recipient" and name in group):
            group = _close(dsn, group)
        if name and len(dsn.recipients) < RECIPIENTS_MAX:
            group.setdefault(name, value)
    _close(dsn, group)
    return dsn


def _close(dsn: Dsn, group: Fields) -> Fields:
    """Add a group to the DSN. A group without a recipient belongs to the recipient before."""
    if "final-recipient" in group or "original-recipient" in group:
        dsn.recipients.append(group)
    elif dsn.recipients:
        for name, value in group.items():
            dsn.recipients[-1].setdefault(name, value)
    else:
        dsn.message.update(group)
    return {}


def fields(text: str) -> Iterator[tuple[str, str]]:
    """Fields in the order they stand: name and unfolded value; ("", "") for a blank line."""
    name, value = "", ""
    for line in text.split("\n", LINES_MAX)[:LINES_MAX]:
        match = _FIELD.match(line[:4000])
        if match and match[1].lower() in FIELDS:
            if name:
                yield name, value
            name, value = match[1].lower(), match[2].strip()
        elif name and line[:1] in (" ", "\t") and line.strip():
            value += " " + line.strip()[:2000]
        else:
            if name:
                yield name, value
            name, value = "", ""
            if not line.strip():
                yield "", ""
    if name:
        yield name, value


def diagnostics(dsn: Dsn) -> list[Diagnostic]:
    """A diagnostic for each recipient of a DSN."""
    found = [_diagnostic(dsn.message, group) for group in dsn.recipients]
    living = {diagnostic.recipient.lower(): diagnostic.action for diagnostic in found if diagnostic.action in REACHED}
    for diagnostic in found:
        diagnostic.reached = living.get(diagnostic.recipient.lower(), "") if diagnostic.final else ""
    return found


def _diagnostic(message: Fields, group: Fields) -> Diagnostic:
    kind, text = _typed(group.get("diagnostic-code", ""))
    field = group.get("status", "")
    status = _STATUS.search(field)
    recipient, final = recipient_of(group), address_of(group, "final-recipient")
    return Diagnostic(
        recipient=recipient,
        final="" if final.lower() == recipient.lower() else final,
        action=re.split(r"[\s;(]", group.get("action", "").lower(), maxsplit=1)[0],
        status=status[1] if status else "",
        text=text or _comment(field),
        kind=kind if kind.startswith("x-") and kind != "x-postfix" else "smtp",  # Postfix quotes the server
        host=_typed(group.get("remote-mta", ""))[1].split(" ")[0].strip("<>[].").lower(),
        notice=f"x-powermta-bouncecategory: {category}" if (category := group.get("x-powermta-bouncecategory")) else "",
        reporter=_typed(message.get("reporting-mta", ""))[1].split(" ")[0].lower(),
    )


def recipient_of(group: Fields) -> str:
    """The recipient of a group: the address that was mailed (RFC 3464 2.3.1), or else the one that it led to.

    A pipe or a file is replaced by the address that it stands for, if that is told.
    """
    final = address_of(group, "final-recipient")
    original = address_of(group, "original-recipient")
    if final and original.upper().startswith(ENCAPSULATED):
        original = ""
    if _of_xtext(original).lower() == final.lower():
        original = final  # a server that reports the octets of ORCPT as they came
    return original or final or address_of(group, "x-actual-recipient") or _bare(group.get("final-recipient", ""))


def address_of(group: Fields, name: str) -> str:
    """The address in a field of a group; "" where it is a pipe, a file, or no address."""
    value = _of_unicode(_bare(group.get(name, "")))
    if "/" in value.split("@")[0][:2] or value.startswith("|"):
        return ""
    match = _ADDRESS.search(value)
    return match[0].rstrip(".") if match else ""


def _bare(value: str) -> str:
    return (_typed(value)[1] or value).strip("<>' ")


def _of_unicode(value: str) -> str:
    """An address with its utf-8-addr-xtext undone (RFC 6533 3): an ASCII report of an internationalised address."""
    return _UNICODE.sub(_character, value) if "\\x{" in value else value


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    odd = code <= 0x20 or code == 0x7F or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF
    return match[0] if odd else chr(code)


def _of_xtext(value: str) -> str:
    """An address with its xtext undone (RFC 3461 4): `+2B` for a plus."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), value)


def _typed(value: str) -> tuple[str, str]:
    """`smtp; 550 no` -> (smtp, 550 no); without a type ("", value)."""
    head, mark, tail = value.partition(";")
    head = head.strip()
    return (head.lower(), tail.strip()) if mark and 0 < len(head) < 20 and " " not in head else ("", value.strip())


def _comment(status: str) -> str:
    """Some put what happened behind the status: `5.1.1 (bad address)`, or a reply in place of it."""
    text = _STATUS.sub("", status, count=1).strip(" ()")
    return text if len(text) > 3 else ""
