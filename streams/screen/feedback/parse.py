"""Feedback in any form -> outcomes: tells the form, reads it, classifies what it says. Pure, and never raises."""

import hashlib
import json
from dataclasses import replace
from typing import Any

from msgspec import structs

from sidestep.streams.screen.feedback import arf, bounces
from sidestep.streams.screen.feedback.auto_replies import is_auto_reply, is_given_up, is_unsubscription
from sidestep.streams.screen.feedback.classify import WIDE, Classifier, Ruling, shipped
from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.dispositions import Disposition, disposition_of
from sidestep.streams.screen.feedback.mime import OCTETS_MAX, ORIGINALS, Message, messages, read
from sidestep.streams.screen.feedback.origin import Origin, origin_of, verp
from sidestep.streams.screen.feedback.outcome import TOO_MANY_EVENTS, Event, Outcome, OutcomeKind
from sidestep.streams.screen.feedback.reasons import hardness, scope_of
from sidestep.streams.screen.feedback.smtp import find_command, find_host, find_reply, find_status, more_telling
from sidestep.streams.screen.feedback.texts import ADDRESS
from sidestep.streams.screen.feedback.webhooks import mandrill
from sidestep.streams.screen.feedback.webhooks import read as webhooks
from sidestep.streams.screen.feedback.webhooks.event import EVENTS_MAX, is_crowded
from sidestep.streams.screen.feedback.words import Allowance, even_part

NESTED_MAX = 3
"""Depth of reports forwarded inside a message, inside a message, …"""
LINES_MAX = 1000
"""Lines of JSON that are looked at: nearly all of a log's may say nothing."""
REPLY_MAX = 1000
KINDS: dict[str, OutcomeKind] = {"": "none", "unsubscribed": "engagement", "trap-hit": "trap"}
"""What a complaint may be besides one."""
VAGUE = ("onhold", "undefined")


def parse(octets: bytes, content_type: str = "") -> list[Outcome]:
    """The outcomes in some octets, at least one: what can't be read or says nothing is of kind none.

    `content_type` is a hint, such as the record's header; without it the shape tells. Several messages in an mbox are
    read where it says `application/mbox` (RFC 4155) alone: in a report, whoever writes it can put a thousand others.
    """
    head = octets[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(mandrill.FORM):
        octets = b'{"%s":%s}' % (mandrill.FIELD.encode(), mandrill.unwrapped(octets[: OCTETS_MAX * 4]))
        head = octets[:1]
    if "json" in content_type.lower() or head[:1] in (b"{", b"["):
        found = _of_json(octets, Allowance())
        if found:
            return found
    octets = octets[:OCTETS_MAX]
    found = _of_pile(messages(octets) if "mbox" in content_type.lower() else [octets])
    return found or [Outcome(kind="none", reason="undefined", id=digest(octets[:OCTETS_MAX]))]


def _of_pile(pile: list[bytes]) -> list[Outcome]:
    """The outcomes of the messages of an mbox, or of one alone. Of notices that are long the beginnings count."""
    left, found = Allowance(pile=len(pile)), list[Outcome]()
    if left.pile > left.messages:
        return [Outcome(kind="none", reason=TOO_MANY_EVENTS)]
    opened = [read(message) for message in pile]
    left.messages -= left.pile
    left.notice_each = even_part((len(bounces.human_text(message)) for message in opened), left.notice)
    for number, message in enumerate(opened, 1):
        left.waiting = left.pile - number
        found += _of_message(message, 0, left)
        if len(found) > EVENTS_MAX:
            return [Outcome(kind="none", reason=TOO_MANY_EVENTS)]
    return found


def _of_json(octets: bytes, left: Allowance) -> list[Outcome]:
    octets = octets[: OCTETS_MAX * 4]
    if is_crowded(octets):
        return [Outcome(kind="none", reason=TOO_MANY_EVENTS)]
    try:
        return webhooks.read(json.loads(octets, strict=False), classify_reply, left)
    except (ValueError, RecursionError):
        pass
    if octets.count(b"\n") > LINES_MAX:
        return [Outcome(kind="none", reason=TOO_MANY_EVENTS)]
    try:  # a line an object, as logs and some webhooks have it
        lines = [json.loads(line, strict=False) for line in octets.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return []
    return webhooks.read(lines, classify_reply, left)


def _of_message(message: Message, depth: int, left: Allowance) -> list[Outcome]:
    for part in message.parts:
        if part.type == "message/feedback-report":
            return _complaints(message, arf.parse(part.text))
    disposition = disposition_of(message)
    if disposition is not None:
        return [_notified(disposition, message)]
    if arf.is_complaint(message.headers):
        return _complaints(message, arf.parse("\n".join(part.text for part in message.parts)))
    inner = _json_inside(message, left)
    if inner:
        return inner
    notice = bounces.notice_of(message, left)
    origin = origin_of(message, notice.original)
    found = bounces.diagnostics(message, notice, left)
    if found and (depth or not _empty(found)):
        return [_classified(diagnostic, origin, "dsn" if diagnostic.action else "text") for diagnostic in found]
    return (
        _forwarded(message, depth, left)
        or _no_bounce(message, origin)
        or [
            _classified(diagnostic, origin, "text")
            for diagnostic in found
            if diagnostic.recipient or bounces.is_mailer(message.headers)
        ]
    )


def _empty(found: list[Diagnostic]) -> bool:
    return not any(diagnostic.recipient and (diagnostic.text or diagnostic.status) for diagnostic in found)


def _json_inside(message: Message, left: Allowance) -> list[Outcome]:
    """Amazon SNS sends its notifications by mail too."""
    for part in message.parts[:3]:
        text = part.text.strip()
        if part.type == "text/plain" and text.startswith("{"):
            whole = text[: text.rfind("}") + 1].replace("!\n ", "")  # how sendmail cuts lines that are too long
            return _of_json(whole.encode("utf-8", "replace"), left)
    return []


def _forwarded(message: Message, depth: int, left: Allowance) -> list[Outcome]:
    """The outcomes of a report that someone passed on inside of a message."""
    if depth >= NESTED_MAX:
        return []
    for part in message.parts:
        if part.type in ORIGINALS and left.messages:
            left.messages -= 1
            found = [out for out in _of_message(read(part.octets), depth + 1, left) if out.kind != "none"]
            if found:
                return found
    return []


def _complaints(message: Message, complaint: arf.Complaint) -> list[Outcome]:
    origin = origin_of(message)
    event: Event = "trap-hit" if arf.is_trap_hit(message.headers) else arf.event_of(complaint.type)
    token = origin.token or verp(complaint.sender).token
    names = complaint.recipients or bounces.original_recipients(message, "")[:1] or [""]
    kind = KINDS.get(event, "complaint")
    return [
        Outcome(
            kind=kind, event=event, recipient=name, reason="feedback", source="arf", rule=f"type {complaint.type}"[:60],
            id=digest("arf", event, name, origin.message_id), service=origin.service, intent_id=origin.intent_id,
            token=token,
        )
        for name in names
    ]  # fmt: skip


def _notified(disposition: Disposition, message: Message) -> Outcome:
    origin = origin_of(message)
    sender = next(iter(ADDRESS.findall(message.headers.get("from")[:1000])), "")
    recipient = disposition.recipient or sender
    kind, event = disposition.meaning
    return Outcome(
        kind=kind, event=event, recipient=recipient, reason="delivered" if kind == "delivered" else "",
        source="disposition", rule=f"disposition {disposition.type}"[:60],
        id=digest("disposition", recipient.lower(), disposition.message_id or origin.message_id, disposition.type),
        service=origin.service, intent_id=origin.intent_id, token=origin.token,
    )  # fmt: skip


def _no_bounce(message: Message, origin: Origin) -> list[Outcome]:
    headers = message.headers
    if bounces.is_mailer(headers):
        return []
    sender = next(iter(ADDRESS.findall(headers.get("from")[:1000])), "")
    said = digest("reply", sender, headers.get("message-id"), headers.get("subject"))
    common: dict[str, Any] = {
        "recipient": sender, "id": said,
        "service": origin.service, "intent_id": origin.intent_id, "token": origin.token,
    }  # fmt: skip
    if is_unsubscription(headers, bounces.human_text(message)):
        return [Outcome(kind="engagement", event="unsubscribed", reason="feedback", source="unsubscription", **common)]
    if is_auto_reply(headers):
        if is_given_up(bounces.human_text(message)):
            return [_given_up(bounces.human_text(message), common)]
        return [Outcome(kind="none", reason="vacation", source="auto-reply", rule="auto-reply", **common)]
    return []


def _given_up(text: str, common: dict[str, Any]) -> Outcome:
    """A mailbox that somebody has left: suspended, the best sign of a future recycled trap; soft, as it exists."""
    return Outcome(
        kind="bounce", event="bounce", reason="suspend", scope=scope_of("suspend"), rule="mailbox given up",
        reply=" ".join(text.split())[:REPLY_MAX], source="auto-reply", **common,
    )  # fmt: skip


def _classified(diagnostic: Diagnostic, origin: Origin, source: str) -> Outcome:
    ruling = classify(diagnostic)
    outcome = outcome_of(diagnostic, ruling, origin, source)
    return structs.replace(outcome, hard=False) if diagnostic.reached else outcome


def classify(diagnostic: Diagnostic, classifier: Classifier | None = None) -> Ruling:
    """The ruling on a diagnostic: its own words decide; only where they say nothing, the whole report."""
    classifier = classifier or shipped()
    ruling = classifier.classify(diagnostic)
    if ruling.reason in VAGUE and diagnostic.notice:
        whole = classifier.classify(whole_report(diagnostic))
        if whole.reason not in VAGUE and not whole.rule.startswith(WIDE):  # the boilerplate is full of broad words
            return whole
    return ruling


def whole_report(diagnostic: Diagnostic) -> Diagnostic:
    """The diagnostic with the report's notice, and the codes in that where it has none of its own."""
    text = f"{diagnostic.text} {diagnostic.notice}".strip()
    reply = diagnostic.reply or find_reply(text)
    return replace(
        diagnostic,
        text=text,
        reply=reply,
        status=diagnostic.status or find_status(text, reply[:1]),
        command=diagnostic.command or find_command(text),
        host=diagnostic.host or find_host(text),
    )


def outcome_of(diagnostic: Diagnostic, ruling: Ruling, origin: Origin, source: str) -> Outcome:
    """A diagnostic and the ruling on it as an outcome."""
    delivered, away = ruling.reason == "delivered", ruling.reason == "vacation"
    text = " ".join(diagnostic.text.split())[:REPLY_MAX]
    return Outcome(
        kind="delivered" if delivered else "none" if away else "bounce",
        event="delivered" if delivered else "" if away else "bounce",
        recipient=diagnostic.recipient or origin.recipient, final_recipient=diagnostic.final,
        status=diagnostic.status, reply=text, code=diagnostic.reply,
        reason=ruling.reason,
        hard=not diagnostic.pending and hardness(ruling.reason, diagnostic.status, diagnostic.reply),
        scope="" if delivered or away else scope_of(ruling.reason),
        id=digest(source, diagnostic.recipient.lower(), origin.message_id, diagnostic.status, ruling.reason, text),
        service=origin.service, intent_id=origin.intent_id, token=origin.token, rule=ruling.rule, source=source,
        diagnostic=diagnostic,
    )  # fmt: skip


def classify_reply(recipient: str, reply: str, status: str, host: str) -> Ruling:
    """The ruling on a reply and a status without a report around them, in the same vocabulary."""
    code = find_reply(reply)
    diagnostic = Diagnostic(
        recipient=recipient, text=reply, reply=code, status=more_telling(status, find_status(reply), code), host=host,
        command=find_command(reply) or "RCPT",
    )  # fmt: skip
    return classify(diagnostic)._replace(on=diagnostic)


def digest(*said: str | bytes) -> str:
    """An event id made of the content, for feedback without one: 32 hex digits."""
    hasher = hashlib.blake2b(digest_size=16)
    for item in said:
        octets = item if isinstance(item, bytes) else item.encode("utf-8", "surrogatepass")
        hasher.update(len(octets).to_bytes(4, "big") + octets)
    return hasher.hexdigest()
