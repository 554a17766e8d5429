"""What the log tells of one mailbox or domain: its records, a line each. Pure."""

from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from sidestep.schemas import (
    ErasureRecord,
    Evidence,
    FeedbackEvidence,
    IntentEvidence,
    MarksRecord,
    SoughtFeedback,
    SuppressRecord,
    TrapRecord,
)
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.explain.shelf import Lying
from sidestep.streams.runtime.readable import UNREADABLE


class LifeEvent(Struct, frozen=True):
    """One record of the log about somebody."""

    at: int
    """Milliseconds since 1970."""
    offset: int
    what: str
    is_intent: bool = False
    verdict: str = ""
    """Of an intent, what became of it."""


BY_ID = b'"feedback-by-id"'
"""Stands in feedback that names an intent's id alone."""


class LifeSubject(Struct, frozen=True):
    """Whose life: a mailbox by its keys, or a domain where there are none."""

    domain: str
    keys: tuple[bytes, ...] = ()

    def events(self, log: Iterable[Lying]) -> Iterator[LifeEvent]:
        """The records about it, among those of its partition; most are passed over undecoded. Of a domain what was said
        of it by hand: its mail is too much."""
        needles = (*map(b64encode, self.keys), BY_ID) if self.keys else (self.domain.encode(),)
        ids: set[bytes] = set()
        for record in log:
            value = record.value or b""
            if any(needle in value for needle in needles):
                try:
                    found = decode_evidence(value)
                except UNREADABLE:
                    continue
                what = _what(found) if self._is_about(found, ids) else ""
                if what:
                    yield LifeEvent(found.at, record.offset, what, isinstance(found, IntentEvidence))
                    if isinstance(found, IntentEvidence):
                        ids.add(found.id_key)

    def _is_about(self, record: Evidence, ids: Collection[bytes]) -> bool:
        """`ids`: of the intents to it so far."""
        if isinstance(record, SoughtFeedback):
            return any(key in ids for key in record.id_keys)
        if isinstance(record, IntentEvidence | FeedbackEvidence):
            return record.recipient_key in self.keys
        if isinstance(record, SuppressRecord | TrapRecord | MarksRecord):
            return (
                record.recipient_key in self.keys
                if self.keys
                else (not record.recipient_key and record.domain == self.domain)
            )
        return isinstance(record, ErasureRecord) and record.recipient_key in self.keys


def _what(record: Evidence) -> str:
    if isinstance(record, IntentEvidence):
        attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
        return f"{record.service} {record.id}{attempt}{' (a test)' if record.test else ''}"
    if isinstance(record, FeedbackEvidence):
        more = ", ".join(filter(None, ("hard" if record.hard else "", record.reason, record.status)))
        about = f" about {record.service} {record.intent_id}".rstrip() if record.service else ""
        return f"{record.event}{f' ({more})' if more else ''}{about}"
    if isinstance(record, SoughtFeedback):
        return f"{_what(record.said)} (by its id alone)"
    if isinstance(record, SuppressRecord):
        return f"{'mail allowed again' if record.lifted else 'mail stopped'} by {record.by}: {record.reason}"
    if isinstance(record, TrapRecord):
        return f"{'no trap after all' if record.lifted else 'reported as a trap'} by {record.by}: {record.reason}"
    if isinstance(record, MarksRecord):
        return f"marks taken back by {record.by}: {record.reason}"
    if isinstance(record, ErasureRecord):
        return f"forgotten by {record.by}: {record.reason}"
    return ""
