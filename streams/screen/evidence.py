"""From what was read and found out to a record of the log. Pure."""

from msgspec import Struct

from sidestep.schemas import Bounce, EmailIntent, Engagement, FeedbackEvidence, IntentEvidence
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.feedback.reasons import Reasons
from sidestep.streams.screen.intake import read_time
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import Lists, mx_classes
from sidestep.streams.screen.lists.domain_facts import DomainFacts
from sidestep.streams.screen.lists.near_misses import NearMisses, weigh
from sidestep.streams.screen.sources.inquiry import Answers


class Taken(Struct, frozen=True, gc=False):
    """An intent that has been read, before anything is known of its address."""

    offset: int
    intent: EmailIntent
    address: ParsedAddress
    facts: DomainFacts | None
    """None where the address has no domain that can be read."""
    id_key: bytes
    content_key: bytes
    reused: bool
    origin: str
    """topic/partition/offset."""


class Findings(Struct, frozen=True, gc=False):
    """What follows from the lists and the answers. `suggestion` is a whole address, or empty."""

    classes: tuple[str, ...] = ()
    suggestion: str = ""


def findings(
    address: ParsedAddress, facts: DomainFacts, answers: Answers, lists: Lists, near_misses: NearMisses
) -> Findings:
    """Classes and suggestion of a sound address. Its domain is noted where it is a near miss."""
    mx = answers.mx
    classes = facts.classes + lists.local_classes(address.local)
    if mx.provider:
        classes += mx_classes(mx)
    if facts.typo is None:
        return Findings(classes)
    near_misses.note(address.domain, facts.typo, mx)
    suspicion = weigh(address.domain, facts.typo, mx, near_misses.clustered(address.domain, facts.typo, mx))
    return Findings(classes + suspicion.classes, f"{address.local}@{suspicion.meant}" if suspicion.meant else "")


def intent_evidence(
    taken: Taken, answers: Answers | None, lists: Lists, near_misses: NearMisses, keys: Keys, now: float
) -> IntentEvidence:
    """Everything about one intent. `answers` is None where the address is refused: nobody is asked about those."""
    intent, address, facts = taken.intent, taken.address, taken.facts
    if answers is not None and facts is not None:
        found = findings(address, facts, answers, lists, near_misses)
    else:
        found = Findings(facts.classes if facts is not None else ())
    # by position, in the order of the fields: naming all of them costs msgspec six times as much
    evidence = IntentEvidence(
        intent.id,
        intent.service,
        intent.to,
        int(now * 1000),
        address.domain,
        taken.id_key,
        taken.content_key,
        keys.recipient(address.identity) if not address.reason else b"",
        answers.mx if answers is not None else None,
        address.reason,
        intent.attempt,
        found.classes,
        found.suggestion,
        taken.reused,
        intent.stream,
        intent.campaign,
        intent.source,
        read_time("created_at", intent.created_at, now) if intent.created_at is not None else 0,
        read_time("consent_at", intent.consent_at, now) if intent.consent_at is not None else 0,
        intent.test,
        intent.metadata,
        taken.origin,
    )
    if answers is not None and (answers.listed or answers.mailbox is not None):
        evidence.listed, evidence.mailbox = answers.listed, answers.mailbox
    return evidence


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
