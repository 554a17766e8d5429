"""Webhook bodies of the large providers, recognised by their shape, and our own schema. Pure.

Each provider's file turns a body into webhook events; here they become outcomes, classified like any other bounce.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.typed import as_type
from sidestep.streams.screen.feedback.classify import Ruling
from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.in_words import completed
from sidestep.streams.screen.feedback.outcome import TOO_MANY_EVENTS, UNKNOWN_PROVIDER, Outcome, OutcomeKind
from sidestep.streams.screen.feedback.reasons import hardness, meaning_of, scope_of
from sidestep.streams.screen.feedback.smtp import find_status
from sidestep.streams.screen.feedback.webhooks import (
    brevo,
    kumomta,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    postmark,
    resend,
    sendgrid,
    ses,
    sparkpost,
)
from sidestep.streams.screen.feedback.webhooks.event import EVENTS_MAX, SILENCE, WebhookEvent, first_of, table
from sidestep.streams.screen.feedback.words import Allowance

Classify = Callable[[str, str, str, str], Ruling]
"""Recipient, reply, status, host -> ruling."""

EVENT_NAMES = (
    "event", "type", "event_type", "eventType", "event_name", "eventName", "notificationType", "bounce_type",
    "bounceType",
)  # fmt: skip
"""Members by which others name what happened."""
OURS = ("kind", "service", "intent_id", "token", "hard", "scope")
"""Members of our own schema that nobody else's bodies have beside `recipient`."""
VAGUE = ("onhold", "undefined", "vacation")
REPLY_MAX = 1000


class WebhookProvider(NamedTuple):
    """A provider: tells its bodies and reads them."""

    name: str
    recognises: Callable[[Any], bool]
    read: Callable[[Any], Iterator[WebhookEvent]]


PROVIDERS = (
    WebhookProvider("ses", ses.recognises, ses.read),
    WebhookProvider("sparkpost", sparkpost.recognises, sparkpost.read),
    WebhookProvider("mailgun", mailgun.recognises, mailgun.read),
    WebhookProvider("postmark", postmark.recognises, postmark.read),
    WebhookProvider("resend", resend.recognises, resend.read),
    WebhookProvider("sendgrid", sendgrid.recognises, sendgrid.read),
    WebhookProvider("kumomta", kumomta.recognises, kumomta.read),
    WebhookProvider("mailtrap", mailtrap.recognises, mailtrap.read),
    WebhookProvider("mandrill", mandrill.recognises, mandrill.read),
    WebhookProvider("mailersend", mailersend.recognises, mailersend.read),
    WebhookProvider("mailjet", mailjet.recognises, mailjet.read),
    WebhookProvider("brevo", brevo.recognises, brevo.read),
)


def read(body: Any, classify: Classify, left: Allowance) -> list[Outcome]:
    """The outcomes of a body. One of kind none for a known body without an event, with more of them than we read, or of
    an unknown provider; [] for JSON that is no body at all."""
    for provider in PROVIDERS:
        if provider.recognises(body):
            return _outcomes(provider, body, classify, left)
    found = [] if is_foreign(table(body)) else _own(body, classify)
    unknown = first_of(body) and (is_foreign(table(body)) or "recipient" not in table(body))
    return found or ([Outcome(kind="none", reason=UNKNOWN_PROVIDER)] if unknown else [])


def _outcomes(provider: WebhookProvider, body: Any, classify: Classify, left: Allowance) -> list[Outcome]:
    telling: list[WebhookEvent] = []
    silent = False
    for event in provider.read(body):
        if event is SILENCE:
            silent = True
        elif len(telling) == EVENTS_MAX:
            return [Outcome(kind="none", reason=TOO_MANY_EVENTS, source=provider.name)]
        else:
            telling.append(event)
    most = left.take_words([min(len(event.reply), REPLY_MAX) for event in telling])
    found = _once(_outcome(event, provider.name, classify, most) for event in telling)
    return found or [Outcome(kind="none", reason=SILENCE.reason if silent else "undefined", source=provider.name)]


def is_foreign(fields: Mapping[str, Any]) -> bool:
    """Whether an object with a recipient is another's event and not in our schema, which reads what it does not know as
    a bounce without a reason: it has an event's name, and nothing that only ours have."""
    return any(name in fields for name in EVENT_NAMES) and not any(name in fields for name in OURS)


def _once(outcomes: Iterator[Outcome]) -> list[Outcome]:
    """The outcomes, each once: a body may hold an event twice."""
    return list({(outcome.id, outcome.event, outcome.recipient): outcome for outcome in outcomes}.values())


def _outcome(event: WebhookEvent, source: str, classify: Classify, most: int) -> Outcome:
    common: dict[str, Any] = {
        "event": event.event, "recipient": event.recipient, "id": f"{source}:{event.id}"[:200],
        "service": event.service,
        "intent_id": event.intent_id, "token": event.token, "occurred_at": event.occurred_at, "source": source,
        "reply": " ".join(event.reply.split())[: min(most, REPLY_MAX)],
    }  # fmt: skip
    if event.event == "bounce":
        return _bounce(event, classify, common)
    kind: OutcomeKind = KINDS.get(event.event, "engagement")
    reason = {"delivered": "delivered", "complaint": "feedback"}.get(kind, event.reason if kind == "none" else "")
    return Outcome(kind=kind, reason=reason, **common)


KINDS: dict[str, OutcomeKind] = {
    "": "none",
    "delivered": "delivered",
    "complaint": "complaint",
    "not-spam": "complaint",
}


def _bounce(event: WebhookEvent, classify: Classify, common: dict[str, Any]) -> Outcome:
    reply = common["reply"]  # what is kept of the words is what they are judged by
    if event.reason and not (reply or event.status):
        told = Diagnostic(recipient=event.recipient, host=event.host, command="RCPT")
        ruling = Ruling(event.reason, f"{common['source']} category", told)
    else:
        ruling = classify(event.recipient, reply, event.status, event.host)
        if event.reason and (event.decided or ruling.reason in VAGUE or ruling.reason == "delivered"):
            ruling = Ruling(event.reason, f"{common['source']} category", ruling.on)
    status = find_status(event.status) or find_status(event.reply)
    return Outcome(
        kind="bounce", status=status, reason=ruling.reason, rule=ruling.rule, scope=scope_of(ruling.reason),
        hard=hardness(ruling.reason, status, event.reply[:3]) and not event.temporary,
        diagnostic=ruling.on, **common,
    )  # fmt: skip


ENGAGEMENTS = ("delivered", "opened", "clicked", "replied", "unsubscribed", "subscribed")


def _own(body: Any, classify: Classify) -> list[Outcome]:
    """The outcome of a body in our own schema, see schemas/feedback.py."""
    fields = table(body)
    if "recipient" not in fields:
        return []
    try:
        schema: type[Bounce] | type[Engagement] = Engagement if fields.get("kind") in ENGAGEMENTS else Bounce
        feedback: Bounce | Engagement = as_type(body, schema)
        return [_of_schema(completed(feedback, classify) if isinstance(feedback, Bounce) else feedback)]
    except (msgspec.ValidationError, RecursionError, ValueError):
        return []


def _of_schema(feedback: Bounce | Engagement) -> Outcome:
    common: dict[str, Any] = {
        "event": feedback.kind, "recipient": feedback.recipient, "id": feedback.id, "service": feedback.service,
        "intent_id": feedback.intent_id, "token": feedback.token, "occurred_at": feedback.occurred_at,
        "source": "sidestep",
    }  # fmt: skip
    if isinstance(feedback, Engagement):
        delivered = feedback.kind == "delivered"
        kind: OutcomeKind = "delivered" if delivered else "engagement"
        return Outcome(kind=kind, reason="delivered" if delivered else "", **common)
    if feedback.kind != "bounce":
        family: OutcomeKind = "trap" if feedback.kind == "trap-hit" else "complaint"
        return Outcome(kind=family, reason="feedback", reply=feedback.reply, **common)
    meaning = meaning_of(feedback)
    return Outcome(
        kind="bounce", status=feedback.status, reply=feedback.reply, reason=meaning.reason, scope=meaning.scope,
        hard=meaning.hard, **common,
    )  # fmt: skip
