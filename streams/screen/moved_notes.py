"""Notes of suppressions and traps that stand under keys of a former secret: each is written anew under the present one,
once its person is met. Pure, but that it remembers.

Rows of the ledger do not need them; they are what people see, and what tells that nothing rests on the former secret
any more.
"""

import json
import re
from collections.abc import Iterator, Mapping

from sidestep.streams.runtime.outgoing import Keyed

KINDS = ("suppress/", "trap/")
"""Of notes about a mailbox, before its subject."""
_SUBJECT = re.compile(rf"(?:{'|'.join(KINDS)})hash:([0-9a-f]{{32}})(?:@.*)?", re.DOTALL)


def mailbox_of(key: str) -> bytes | None:
    """The recipient's key in the key of a note; None: it is about no mailbox."""
    found = _SUBJECT.fullmatch(key)
    return bytes.fromhex(found[1]) if found is not None else None


def secret_of(value: bytes) -> str:
    """The fingerprint of the secret that a note's subject was keyed with; empty: it does not say."""
    try:
        said = json.loads(value)
        return str(said.get("secret", "")) if isinstance(said, dict) else ""
    except ValueError:
        return ""


def left_behind(notes: Mapping[str, bytes], fingerprint: str) -> dict[str, bytes]:
    """The notes about mailboxes that do not say to be under this secret."""
    return {
        key: value for key, value in notes.items() if mailbox_of(key) is not None and secret_of(value) != fingerprint
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
