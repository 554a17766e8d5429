"""Webhook bodies of the large providers, recognised by their shape, and our own schema. Pure.

Each provider's file turns its body into `Said`; here that becomes outcomes, judged like any other bounce.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from sidestep.schemas import Bounce, Engagement
from sidestep.streams.screen.feedback.classify import Verdict
from sidestep.streams.screen.feedback.meaning import hardness, meaning_of, scope_of
from sidestep.streams.screen.feedback.outcome import Kind, Outcome
from sidestep.streams.screen.feedback.smtp import find_status
from sidestep.streams.screen.feedback.webhooks import mailgun, postmark, resend, sendgrid, ses, sparkpost
from sidestep.streams.screen.feedback.webhooks.said import Said, table

Judge = Callable[[str, str, str, str], Verdict]
"""(recipient, reply, status, host) -> verdict."""

VAGUE = ("onhold", "undefined", "vacation")
REPLY_MAX = 1000


class Provider(NamedTuple):
    """Tells its bodies and reads them."""

    name: str
    recognises: Callable[[Any], bool]
    read: Callable[[Any], Iterator[Said]]


PROVIDERS = (
    Provider("ses", ses.recognises, ses.read),
    Provider("sparkpost", sparkpost.recognises, sparkpost.read),
    Provider("mailgun", mailgun.recognises, mailgun.read),
    Provider("postmark", postmark.recognises, postmark.read),
    Provider("resend", resend.recognises, resend.read),
    Provider("sendgrid", sendgrid.recognises, sendgrid.read),
)


def read(body: Any, judge: Judge) -> list[Outcome]:
    """Outcomes of a body. A known one without an event: one of kind none; an unknown one: []."""
    for provider in PROVIDERS:
        if provider.recognises(body):
            found = _once(_outcome(said, provider.name, judge) for said in provider.read(body))
            return found or [Outcome(kind="none", reason="undefined", source=provider.name)]
    return _own(body)


def _once(outcomes: Iterator[Outcome]) -> list[Outcome]:
    """The same event twice in one body is one."""
    return list({(outcome.id, outcome.event, outcome.recipient): outcome for outcome in outcomes}.values())


def _outcome(said: Said, source: str, judge: Judge) -> Outcome:
    common: dict[str, Any] = {
        "event": said.event, "recipient": said.recipient, "id": f"{source}:{said.id}"[:200], "service": said.service,
        "intent_id": said.intent_id, "occurred_at": said.occurred_at, "source": source,
        "reply": " ".join(said.reply.split())[:REPLY_MAX],
    }  # fmt: skip
    if said.event == "bounce":
        return _bounce(said, judge, common)
    kind: Kind = KINDS.get(said.event, "engagement")
    reason = {"delivered": "delivered", "complaint": "feedback"}.get(kind, said.reason if kind == "none" else "")
    return Outcome(kind=kind, reason=reason, **common)


KINDS: dict[str, Kind] = {"": "none", "delivered": "delivered", "complaint": "complaint", "not-spam": "complaint"}


def _bounce(said: Said, judge: Judge, common: dict[str, Any]) -> Outcome:
    verdict = judge(said.recipient, said.reply, said.status, said.host)
    if said.reason and (said.decided or verdict.reason in VAGUE or verdict.reason == "delivered"):
        verdict = Verdict(said.reason, f"{common['source']} category")
    status = find_status(said.status) or find_status(said.reply)
    return Outcome(
        kind="bounce", status=status, reason=verdict.reason, rule=verdict.rule, scope=scope_of(verdict.reason),
        hard=hardness(verdict.reason, status, said.reply[:3]) and not said.temporary, **common,
    )  # fmt: skip


ENGAGEMENTS = ("delivered", "opened", "clicked", "replied", "unsubscribed")


def _own(body: Any) -> list[Outcome]:
    """Our own schema, see schemas/feedback.py."""
    fields = table(body)
    if "recipient" not in fields:
        return []
    try:
        schema: type[Bounce] | type[Engagement] = Engagement if fields.get("kind") in ENGAGEMENTS else Bounce
        feedback: Bounce | Engagement = msgspec.convert(body, schema)
        return [_of_schema(feedback)]
    except (msgspec.ValidationError, RecursionError, ValueError):
        return []


def _of_schema(feedback: Bounce | Engagement) -> Outcome:
    common: dict[str, Any] = {
        "event": feedback.kind, "recipient": feedback.recipient, "id": feedback.id, "service": feedback.service,
        "intent_id": feedback.intent_id, "occurred_at": feedback.occurred_at, "source": "sidestep",
    }  # fmt: skip
    if isinstance(feedback, Engagement):
        delivered = feedback.kind == "delivered"
        kind: Kind = "delivered" if delivered else "engagement"
        return Outcome(kind=kind, reason="delivered" if delivered else "", **common)
    if feedback.kind != "bounce":
        return Outcome(kind="complaint", reason="feedback", **common)
    meaning = meaning_of(feedback)
    return Outcome(
        kind="bounce", status=feedback.status, reply=feedback.reply, reason=meaning.reason, scope=meaning.scope,
        hard=meaning.hard, **common,
    )  # fmt: skip
