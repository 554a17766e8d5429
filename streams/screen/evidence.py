"""From what was read and found out to a record of the log. Pure."""

from sidestep.schemas import Bounce, EmailIntent, Engagement, FeedbackEvidence, IntentEvidence, TrapRecord
from sidestep.schemas.reading import read_deadline, read_time
from sidestep.streams.masking import without_local_parts
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.feedback.in_words import completed
from sidestep.streams.screen.feedback.parse import classify_reply
from sidestep.streams.screen.feedback.reasons import Reasons
from sidestep.streams.screen.findings import Findings, Subject
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.provenance import NOWHERE, Provenance
from sidestep.streams.screen.sources.answers import Answers
from sidestep.streams.screen.suppressions import TEXT_MAX
from sidestep.streams.screen.tokens import Tie, check_token, make_token


class ReadIntent(Subject, frozen=True, gc=False):
    """An intent that has been read, before anybody is asked about its address."""

    intent: EmailIntent
    offset: int
    id_key: bytes
    content_key: bytes
    reused: bool
    origin: str
    """topic/partition/offset."""
    proved: str = ""
    """The key whose signature held; empty: none."""
    claimed: bool = False
    """Nothing proves its service, although somebody could."""
    parts: bytes = b""
    """Of what it says; …"""
    reused_parts: bytes = b""
    """… and of what the other one says where its id is `reused`."""


def intent_keys(intent: EmailIntent, keys: Keys, proved: bool = False) -> tuple[bytes, bytes]:
    """Of its id, and of what it says. `proved`: something proves that its service says so."""
    id_key = keys.intent(intent.service, intent.id, proved, intent.test)
    # what may differ from one attempt to the next is left out: attempt, created_at, consent_at
    return id_key, keys.content(id_key, intent.to, intent.stream, intent.campaign, intent.source, intent.metadata)


def intent_evidence(read: ReadIntent, answers: Answers, found: Findings, keys: Keys, now: float) -> IntentEvidence:
    """Everything about one intent. `answers` count only where the address is sound: nobody is asked about others."""
    intent, address = read.intent, read.address
    sound = not address.reason
    # by position, in the order of the fields: naming all of them costs msgspec six times as much
    evidence = IntentEvidence(
        intent.id,
        intent.service,
        intent.to,
        int(now * 1000),
        address.domain,
        read.id_key,
        read.content_key,
        keys.recipient(address.identity) if sound else b"",
        answers.mx if sound else None,
        address.reason,
        intent.attempt,
        found.classes,
        found.suggestion,
        read.reused,
        intent.stream,
        intent.campaign,
        intent.source,
        read_time("created_at", intent.created_at, now) if intent.created_at is not None else 0,
        read_time("consent_at", intent.consent_at, now) if intent.consent_at is not None else 0,
        intent.test,
        intent.metadata,
        read.origin,
    )
    if sound and (answers.listed or answers.mailbox is not None):
        evidence.listed, evidence.mailbox = answers.listed, answers.mailbox
    if read.proved:
        evidence.proved = read.proved
    elif read.claimed:
        evidence.claimed = True
    evidence.parts = read.parts
    if read.reused:
        evidence.reused_parts = read.reused_parts
    if intent.expires_at is not None:
        evidence.expires_at = read_deadline(intent.expires_at, now)
    if sound and not intent.test:
        evidence.token = make_token(keys, intent.service, evidence.recipient_key, read.content_key, now)
    return evidence


def feedback_evidence(
    feedback: Bounce | Engagement,
    address: ParsedAddress,
    reasons: Reasons,
    keys: Keys,
    now: float,
    origin: str,
    way: Provenance = NOWHERE,
) -> FeedbackEvidence:
    """One bounce, complaint or sign of engagement, classified. Not for a trap that was hit."""
    recipient_key = keys.recipient(address.identity)
    tie = tie_of(feedback, address, recipient_key, keys)
    return feedback_said(feedback, address.domain, recipient_key, tie, reasons, keys, now, origin, way)


def feedback_said(
    feedback: Bounce | Engagement,
    domain: str,
    recipient_key: bytes,
    tie: Tie,
    reasons: Reasons,
    keys: Keys,
    now: float,
    origin: str,
    way: Provenance,
) -> FeedbackEvidence:
    """Likewise, whoever the recipient is."""
    assert feedback.kind != "trap-hit", "trap_evidence is for those"
    evidence = FeedbackEvidence(
        event=feedback.kind,
        at=int(now * 1000),
        domain=domain,
        event_key=event_key(feedback, recipient_key, keys, way, tie),
        recipient_key=recipient_key,
        service=feedback.service,
        intent_id=feedback.intent_id,
        occurred_at=read_time("occurred_at", feedback.occurred_at, now),
        origin=origin,
        proved=way.proved,
        tied=tie.tied,
        tied_at=tie.at,
        door=way.door,
        claimed=feedback.service in way.claimed,
    )
    if isinstance(feedback, Bounce) and feedback.kind == "bounce":
        bounce = completed(feedback, classify_reply)
        evidence.reason, evidence.scope, evidence.hard = reasons.meaning(bounce)
        evidence.status = bounce.status
    return evidence


def trap_evidence(
    hit: Bounce, address: ParsedAddress, keys: Keys, now: float, origin: str, way: Provenance = NOWHERE
) -> TrapRecord:
    """A trap that was hit, as a provider has reported it. `origin`: topic/partition/offset of the report; the record
    names it as who says so."""
    now_ms = int(now * 1000)
    # mail servers repeat the address that they were given; this is kept for good
    said = without_local_parts(hit.reply or hit.reason)
    words = "".join(letter if letter.isprintable() else " " for letter in said)
    recipient_key = keys.recipient(address.identity)
    tie = tie_of(hit, address, recipient_key, keys)
    return TrapRecord(
        domain=address.domain,
        by=origin,
        at=now_ms,
        recipient_key=recipient_key,
        reason=" ".join(words.split())[:TEXT_MAX],
        hit_at=min(read_time("occurred_at", hit.occurred_at, now), now_ms),
        event_key=event_key(hit, recipient_key, keys, way, tie),
        service=hit.service,
        proved=way.proved,
        tied=tie.tied,
        tied_at=tie.at,
        door=way.door,
    )


def tie_of(feedback: Bounce | Engagement, address: ParsedAddress, recipient_key: bytes, keys: Keys) -> Tie:
    """How it is tied to a message of ours; the token may have been made under the secret of before."""
    tie = check_token(keys, feedback.token, recipient_key, feedback.service)
    if tie.tied != "wrong-token" or keys.former is None:
        return tie
    return check_token(keys.former, feedback.token, keys.former.recipient(address.identity), feedback.service)


def event_key(feedback: Bounce | Engagement, recipient_key: bytes, keys: Keys, way: Provenance, tie: Tie) -> bytes:
    """By its id within its service, its kind and its recipient; without an id the same thing said twice counts once.

    Nobody who only claims something can use up the id of who proves it: so how it is known belongs to it as well.
    """
    family = "bounce" if isinstance(feedback, Bounce) else "engagement"
    known = feedback.kind, recipient_key.hex(), way.proved, tie.tied
    if feedback.id:
        return keys.event(family, feedback.service, feedback.id, *known)
    said: tuple[str, ...] = (feedback.service, feedback.intent_id, str(feedback.occurred_at), *known)
    if isinstance(feedback, Bounce):
        said += (feedback.status, feedback.reason, feedback.reply)
    return keys.event(f"{family}-content", *said)
