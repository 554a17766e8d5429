"""What a record was keyed with before: under the former secret while two are set, and without one in the days after an
upgrade from 0.1.0. Pure, but that it remembers whom it has met.

Decide finds rows by it, and moves them (decide/former.py).
"""

from collections.abc import Mapping

from sidestep.schemas import Bounce, EmailIntent, Engagement, FeedbackEvidence, FormerKeys, TrapRecord
from sidestep.streams.screen.evidence import event_key, intent_keys
from sidestep.streams.screen.key_note import KeyNote
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.moved_notes import MovedNotes
from sidestep.streams.screen.provenance import Provenance
from sidestep.streams.screen.tokens import Tie
from sidestep.streams.screen.unkeyed import unkeyed_event, unkeyed_intent

UNKEYED_SECONDS = 9 * 86_400.0
"""After the upgrade: a day longer than Decide knows an id."""


class Formers:
    """One worker's. `unkeyed_until`: Unix seconds; until then ids may be known without the secret."""

    def __init__(self, keys: Keys):
        self._keys = keys.former
        self.notes = MovedNotes(keys.fingerprint)
        self.unkeyed_until = 0.0

    def heard(self, note: KeyNote) -> None:
        """What the cluster knows of secrets."""
        self.unkeyed_until = note.keyed / 1000 + UNKEYED_SECONDS if note.keyed > 0 else 0.0

    def heard_notes(self, notes: Mapping[str, bytes]) -> None:
        """All notes that email-control has."""
        if self._keys is not None:
            self.notes.hear(notes)

    def in_use(self, now: float) -> bool:
        """Whether records have to name keys of before; nearly always they have not."""
        return self._keys is not None or now < self.unkeyed_until

    def of_intent(
        self, intent: EmailIntent, identity: str, recipient_key: bytes, now: float, proved: bool = False
    ) -> tuple[FormerKeys, ...]:
        """`identity`: of the mailbox, empty where the address can't be read; `recipient_key`: what it has now;
        `proved`: that its service says so."""
        found: tuple[FormerKeys, ...] = ()
        if self._keys is not None:
            found = (FormerKeys(self._recipient(identity, recipient_key), *intent_keys(intent, self._keys, proved)),)
        if now < self.unkeyed_until and not proved:  # nothing was proved then
            found += (FormerKeys(b"", *unkeyed_intent(intent)),)
        return found

    def of_event(
        self,
        event: Bounce | Engagement,
        identity: str,
        record: FeedbackEvidence | TrapRecord,
        way: Provenance,
        now: float,
    ) -> tuple[FormerKeys, ...]:
        """Likewise. `record`: what has become of it."""
        found: tuple[FormerKeys, ...] = ()
        if self._keys is not None:
            before = self._recipient(identity, record.recipient_key)
            tie = Tie(record.tied, record.tied_at)
            found = (FormerKeys(before, event_key(event, before, self._keys, way, tie)),)
        if now < self.unkeyed_until:
            found += (FormerKeys(b"", unkeyed_event(event)),)
        return found

    def _recipient(self, identity: str, recipient_key: bytes) -> bytes:
        if not recipient_key or self._keys is None:
            return b""
        before = self._keys.recipient(identity)
        self.notes.met(before, recipient_key)
        return before
