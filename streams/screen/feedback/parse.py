"""Octets in, outcomes out: tells the form, reads it, judges what is found. Pure, and never raises."""

import hashlib
import json
from dataclasses import replace
from typing import Any

from sidestep.streams.screen.feedback import arf, bounces
from sidestep.streams.screen.feedback.auto_replies import is_auto_reply, is_unsubscription
from sidestep.streams.screen.feedback.classify import WIDE, Classifier, Verdict, shipped
from sidestep.streams.screen.feedback.finding import Finding
from sidestep.streams.screen.feedback.meaning import hardness, scope_of
from sidestep.streams.screen.feedback.mime import OCTETS_MAX, ORIGINALS, Message, messages, read
from sidestep.streams.screen.feedback.origin import Origin, origin_of
from sidestep.streams.screen.feedback.outcome import Kind, Outcome
from sidestep.streams.screen.feedback.smtp import find_command, find_host, find_reply, find_status, prefer
from sidestep.streams.screen.feedback.texts import ADDRESS
from sidestep.streams.screen.feedback.webhooks import read as webhooks

NESTED_MAX = 3
"""Reports forwarded inside a message, inside a message, …"""
REPLY_MAX = 1000
VAGUE = ("onhold", "undefined")


def parse(octets: bytes, content_type: str = "") -> list[Outcome]:
    """One outcome an event, at least one: what can't be read or says nothing is of kind none.

    `content_type` is a hint, such as the record's header; without it the shape tells.
    """
    head = octets[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if "json" in content_type.lower() or head[:1] in (b"{", b"["):
        found = _of_json(octets)
        if found:
            return found
    found = [outcome for message in messages(octets[:OCTETS_MAX]) for outcome in _of_message(read(message), 0)]
    return found or [Outcome(kind="none", reason="undefined", id=digest(octets[:OCTETS_MAX]))]


def _of_json(octets: bytes) -> list[Outcome]:
    try:
        body = json.loads(octets[: OCTETS_MAX * 4], strict=False)
    except (ValueError, RecursionError):
        return []
    return webhooks.read(body, _judge_reply)


def _of_message(message: Message, depth: int) -> list[Outcome]:
    for part in message.parts:
        if part.type == "message/feedback-report":
            return _complaints(message, arf.parse(part.text))
    if arf.is_complaint(message.headers):
        return _complaints(message, arf.parse("\n".join(part.text for part in message.parts)))
    inner = _json_inside(message)
    if inner:
        return inner
    notice = bounces.notice_of(message)
    origin = origin_of(message, notice.original)
    found = bounces.findings(message, notice)
    if found and (depth or not _empty(found)):
        return [_judged(finding, origin, "dsn" if finding.action else "text") for finding in found]
    return (
        _forwarded(message, depth)
        or _no_bounce(message, origin)
        or [
            _judged(finding, origin, "text")
            for finding in found
            if finding.recipient or bounces.is_mailer(message.headers)
        ]
    )


def _empty(found: list[Finding]) -> bool:
    return not any(finding.recipient and (finding.text or finding.status) for finding in found)


def _json_inside(message: Message) -> list[Outcome]:
    """Amazon SNS sends its notifications by mail too."""
    for part in message.parts[:3]:
        text = part.text.strip()
        if part.type == "text/plain" and text.startswith("{"):
            whole = text[: text.rfind("}") + 1].replace("!\n ", "")  # how sendmail cuts lines that are too long
            return _of_json(whole.encode("utf-8", "replace"))
    return []


def _forwarded(message: Message, depth: int) -> list[Outcome]:
    """A report inside of a message: someone passed it on."""
    if depth >= NESTED_MAX:
        return []
    for part in message.parts:
        if part.type in ORIGINALS:
            found = [out for out in _of_message(read(part.octets), depth + 1) if out.kind != "none"]
            if found:
                return found
    return []


def _complaints(message: Message, complaint: arf.Complaint) -> list[Outcome]:
    origin = origin_of(message)
    event = arf.event_of(complaint.type)
    names = complaint.recipients or bounces.original_recipients(message, "")[:1] or [""]
    kind: Kind = "engagement" if event == "unsubscribed" else "complaint" if event else "none"
    return [
        Outcome(
            kind=kind, event=event, recipient=name, reason="feedback", source="arf", rule=f"type {complaint.type}"[:60],
            id=digest("arf", event, name, origin.message_id), service=origin.service, intent_id=origin.intent_id,
        )
        for name in names
    ]  # fmt: skip


def _no_bounce(message: Message, origin: Origin) -> list[Outcome]:
    headers = message.headers
    if bounces.is_mailer(headers):
        return []
    sender = next(iter(ADDRESS.findall(headers.get("from")[:1000])), "")
    said = digest("reply", sender, headers.get("message-id"), headers.get("subject"))
    common: dict[str, Any] = {
        "recipient": sender, "service": origin.service, "intent_id": origin.intent_id, "id": said,
    }  # fmt: skip
    if is_unsubscription(headers, bounces.human_text(message)):
        return [Outcome(kind="engagement", event="unsubscribed", reason="feedback", source="unsubscription", **common)]
    if is_auto_reply(headers):
        return [Outcome(kind="none", reason="vacation", source="auto-reply", rule="auto-reply", **common)]
    return []


def _judged(finding: Finding, origin: Origin, source: str) -> Outcome:
    verdict = classify(finding)
    return outcome_of(finding, verdict, origin, source)


def classify(finding: Finding, classifier: Classifier | None = None) -> Verdict:
    """What is said of the recipient decides; only where that is nothing, the report as a whole."""
    classifier = classifier or shipped()
    verdict = classifier.classify(finding)
    if verdict.reason in VAGUE and finding.notice:
        whole = classifier.classify(_whole(finding))
        if whole.reason not in VAGUE and not whole.rule.startswith(WIDE):  # the boilerplate is full of broad words
            return whole
    return verdict


def _whole(finding: Finding) -> Finding:
    """With the report's words for people, and the codes in them where there are none yet."""
    text = f"{finding.text} {finding.notice}".strip()
    reply = finding.reply or find_reply(text)
    return replace(
        finding,
        text=text,
        reply=reply,
        status=finding.status or find_status(text, reply[:1]),
        command=finding.command or find_command(text),
        host=finding.host or find_host(text),
    )


def outcome_of(finding: Finding, verdict: Verdict, origin: Origin, source: str) -> Outcome:
    """A judged finding as an outcome."""
    delivered, away = verdict.reason == "delivered", verdict.reason == "vacation"
    text = " ".join(finding.text.split())[:REPLY_MAX]
    return Outcome(
        kind="delivered" if delivered else "none" if away else "bounce",
        event="delivered" if delivered else "" if away else "bounce",
        recipient=finding.recipient, status=finding.status, reply=text, code=finding.reply, reason=verdict.reason,
        hard=hardness(verdict.reason, finding.status, finding.reply),
        scope="" if delivered or away else scope_of(verdict.reason),
        id=digest(source, finding.recipient.lower(), origin.message_id, finding.status, verdict.reason, text),
        service=origin.service, intent_id=origin.intent_id, rule=verdict.rule, source=source,
    )  # fmt: skip


def _judge_reply(recipient: str, reply: str, status: str, host: str) -> Verdict:
    """For webhooks: their reply text and status, in the same vocabulary."""
    code = find_reply(reply)
    finding = Finding(
        recipient=recipient, text=reply, reply=code, status=prefer(status, find_status(reply), code), host=host,
        command=find_command(reply) or "RCPT",
    )  # fmt: skip
    return classify(finding)


def digest(*said: str | bytes) -> str:
    """32 hex digits that stand for what was said, for events without an id of their own."""
    hasher = hashlib.blake2b(digest_size=16)
    for item in said:
        octets = item if isinstance(item, bytes) else item.encode("utf-8", "surrogatepass")
        hasher.update(len(octets).to_bytes(4, "big") + octets)
    return hasher.hexdigest()
