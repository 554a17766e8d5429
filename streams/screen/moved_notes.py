"""Notes of suppressions and traps that stand under keys of a former secret: each is written anew under the present one,
once its person is met. Pure, but that it remembers.

Rows of the ledger do not need them; they are what people see, and what tells that nothing rests on the former secret
any more.
"""

import json
import re
from collections.abc import Iterator, Mapping

import msgspec

from sidestep.streams.runtime.outgoing import Keyed
from sidestep.streams.screen.notes import read_note

KINDS = ("suppress/", "trap/")
"""Of notes about a mailbox, before its subject."""
_SUBJECT = re.compile(rf"(?:{'|'.join(KINDS)})hash:([0-9a-f]{{32}})(?:@.*)?", re.DOTALL)


class _Said(msgspec.Struct, frozen=True):
    """What notes of all kinds have."""

    subject: str
    secret: str = ""
    """Fingerprint of the secret that the subject is keyed with; empty: it does not say."""
    until: int = 0


def mailbox_of(key: str) -> bytes | None:
    """The recipient's key in the key of a note; None: it is about no mailbox."""
    found = _SUBJECT.fullmatch(key)
    return bytes.fromhex(found[1]) if found is not None else None


def left_behind(notes: Mapping[str, bytes], fingerprint: str, now_ms: int = 0) -> dict[str, bytes]:
    """The notes about mailboxes that do not say to be under this secret; those that have ended by then left out."""
    return {
        key: value
        for key, value in notes.items()
        if mailbox_of(key) is not None
        and (said := read_note(value, _Said)) is not None
        and said.secret != fingerprint
        and not 0 < said.until <= now_ms
    }


class MovedNotes:
    """`fingerprint`: of the present secret."""

    def __init__(self, fingerprint: str):
        self._fingerprint = fingerprint
        self._left: dict[bytes, dict[str, bytes]] = {}
        self._met: dict[bytes, bytes] = {}

    def hear(self, notes: Mapping[str, bytes]) -> None:
        """All notes there are now."""
        self._left = {}
        for key, value in left_behind(notes, self._fingerprint).items():
            self._left.setdefault(mailbox_of(key) or b"", {})[key] = value

    def met(self, before: bytes, now: bytes) -> None:
        """Of somebody both keys are known."""
        if before in self._left:
            self._met[before] = now

    @property
    def due(self) -> bool:
        """There is something to write."""
        return bool(self._met)

    def take(self) -> list[Keyed]:
        """The notes of those who were met: the new one, and no old one any more."""
        met, self._met = self._met, {}
        return [record for before, now in met.items() for record in self._moved(before, now)]

    def _moved(self, before: bytes, now: bytes) -> Iterator[Keyed]:
        for key, value in self._left.pop(before, {}).items():
            said = json.loads(value)
            said |= {"subject": str(said["subject"]).replace(before.hex(), now.hex()), "secret": self._fingerprint}
            yield {"key": key.replace(before.hex(), now.hex()), "value": json.dumps(said).encode()}
            yield {"key": key, "value": None}
