"""From what was read and found out to a record of the log. Pure."""

from sidestep.schemas import Bounce, EmailIntent, Engagement, FeedbackEvidence, IntentEvidence, MxFinding
from sidestep.streams.screen.address import ParsedAddress
from sidestep.streams.screen.classes import Lists
from sidestep.streams.screen.domains import DomainFacts
from sidestep.streams.screen.intake import read_time
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.reasons import Reasons


def intent_evidence(
    intent: EmailIntent,
    address: ParsedAddress,
    facts: DomainFacts | None,
    mx: MxFinding | None,
    lists: Lists,
    keys: Keys,
    id_key: bytes,
    content_key: bytes,
    reused: bool,
    now: float,
    origin: str,
) -> IntentEvidence:
    """Everything about one intent. `facts` and `mx` are None where the address has no domain that can be asked
    about."""
    classes = facts.classes if facts is not None else ()
    suggestion = ""
    if not address.reason:
        classes += lists.local_classes(address.local)
        if facts is not None and facts.typo is not None:
            # a near miss that has a mail service of its own may be just what it says
            certain = facts.typo.certain or (mx is not None and mx.outcome == "no")
            classes += ("typo",) if certain else ("near-miss",)
            suggestion = f"{address.local}@{facts.typo.domain}"
    # by position, in the order of the fields: naming all of them costs msgspec six times as much
    return IntentEvidence(
        intent.id,
        intent.service,
        intent.to,
        int(now * 1000),
        address.domain,
        id_key,
        content_key,
        keys.recipient(address.identity) if not address.reason else b"",
        mx,
        address.reason,
        intent.attempt,
        classes,
        suggestion,
        reused,
        intent.stream,
        intent.campaign,
        intent.source,
        read_time("created_at", intent.created_at, now) if intent.created_at is not None else 0,
        read_time("consent_at", intent.consent_at, now) if intent.consent_at is not None else 0,
        intent.test,
        intent.metadata,
        origin,
    )


def feedback_evidence(
    feedback: Bounce | Engagement, address: ParsedAddress, reasons: Reasons, keys: Keys, now: float, origin: str
) -> FeedbackEvidence:
    """One bounce, complaint or sign of engagement, classified."""
    evidence = FeedbackEvidence(
        event=feedback.kind,
        at=int(now * 1000),
        domain=address.domain,
        event_key=_event_key(feedback, keys),
        recipient_key=keys.recipient(address.identity),
        service=feedback.service,
        intent_id=feedback.intent_id,
        occurred_at=read_time("occurred_at", feedback.occurred_at, now),
        origin=origin,
    )
    if isinstance(feedback, Bounce) and feedback.kind == "bounce":
        evidence.reason, evidence.scope, evidence.hard = reasons.meaning(feedback)
        evidence.status = feedback.status
    return evidence


def _event_key(feedback: Bounce | Engagement, keys: Keys) -> bytes:
    """By its id within its service; without one the same thing said twice counts once."""
    family = "bounce" if isinstance(feedback, Bounce) else "engagement"
    if feedback.id:
        return keys.event(family, feedback.service, feedback.id)
    said: tuple[str, ...] = (
        feedback.service,
        feedback.intent_id,
        feedback.recipient,
        feedback.kind,
        str(feedback.occurred_at),
    )
    if isinstance(feedback, Bounce):
        said += (feedback.status, feedback.reason, feedback.reply)
    return keys.event(f"{family}-content", *said)
