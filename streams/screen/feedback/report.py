"""Delivery status notifications (DSN, RFC 3464): their fields, and the diagnostic of each recipient. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sidestep.streams.screen.feedback.diagnostic import Diagnostic

FIELDS = frozenset(
    (
        "original-envelope-id",
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
_ADDRESS = re.compile(r"[^\s<>;,:\"'()\[\]]{1,200}@[^\s<>;,:\"'()\[\]]{1,255}")
RECIPIENTS_MAX = 100
"""RFC 5321 4.5.3.1.8: a server has to take so many in one transaction; hardly anyone sends more."""

Fields = dict[str, str]


class Dsn(NamedTuple):
    """The fields of a DSN: per message, and one group per recipient (RFC 3464 2.2, 2.3); names in lower case."""

    message: Fields
    recipients: list[Fields]


def parse(text: str) -> Dsn:
    """The fields of a message/delivery-status body, or of any text with such lines. Stray blank lines do no harm."""
    dsn = Dsn({}, [])
    group: Fields = {}
    for name, value in _fields(text):
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


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Name and unfolded value; ("", "") for a blank line."""
    name, value = "", ""
    for line in text.split("\n"):
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
    return [_diagnostic(dsn.message, group) for group in dsn.recipients]


def _diagnostic(message: Fields, group: Fields) -> Diagnostic:
    kind, text = _typed(group.get("diagnostic-code", ""))
    field = group.get("status", "")
    status = _STATUS.search(field)
    return Diagnostic(
        recipient=recipient_of(group),
        action=re.split(r"[\s;(]", group.get("action", "").lower(), maxsplit=1)[0],
        status=status[1] if status else "",
        text=text or _comment(field),
        kind=kind if kind.startswith("x-") and kind != "x-postfix" else "smtp",  # Postfix quotes the server
        host=_typed(group.get("remote-mta", ""))[1].split(" ")[0].strip("<>[].").lower(),
        notice=f"x-powermta-bouncecategory: {category}" if (category := group.get("x-powermta-bouncecategory")) else "",
        reporter=_typed(message.get("reporting-mta", ""))[1].split(" ")[0].lower(),
    )


def recipient_of(group: Fields) -> str:
    """The recipient of a group; a pipe or a file is replaced by the address that it stands for, if that is told."""
    for name in ("final-recipient", "original-recipient", "x-actual-recipient"):
        value = _typed(group.get(name, ""))[1] or group.get(name, "")
        if "/" in value.split("@")[0][:2] or value.startswith("|"):
            continue
        match = _ADDRESS.search(value)
        if match:
            return match[0].rstrip(".")
    return _typed(group.get("final-recipient", ""))[1].strip("<> ")


def _typed(value: str) -> tuple[str, str]:
    """`smtp; 550 no` -> (smtp, 550 no); without a type ("", value)."""
    head, mark, tail = value.partition(";")
    head = head.strip()
    return (head.lower(), tail.strip()) if mark and 0 < len(head) < 20 and " " not in head else ("", value.strip())


def _comment(status: str) -> str:
    """Some put what happened behind the status: `5.1.1 (bad address)`, or a reply in place of it."""
    text = _STATUS.sub("", status, count=1).strip(" ()")
    return text if len(text) > 3 else ""
