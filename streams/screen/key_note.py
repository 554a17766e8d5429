"""The note of the secret that is in force, in email-control: who may start with which secrets, and what is to be noted
then. Pure.

It has fingerprints only. A secret is in force from the first start of a worker that has it, and the one before it as
its former. From then on nobody may work with the former one alone: what he asks about would have moved away.
"""

import msgspec
from msgspec.structs import replace

from sidestep.streams.errors import HashKeyMismatch

KEY = "hash-key"


class KeyNote(msgspec.Struct, frozen=True):
    """Fingerprints, and times in milliseconds since 1970."""

    version: str
    """Of the secret in force."""
    partitions: int = 0
    """Nothing; workers of before read it."""
    at: int = 0
    """Since when."""
    former: str = ""
    """Of the one before; empty: it is the first."""
    keyed: int = -1
    """Since when ids, too, are made with a secret; 0: from the beginning, -1: a worker of 0.1.0 has written this."""


def note_at_start(note: KeyNote | None, own: str, former: str, now_ms: int) -> KeyNote:
    """What is to stand there once a worker with these secrets starts (`former` empty: it has but one). Raises
    HashKeyMismatch."""
    if note is None:
        return KeyNote(own, 0, now_ms, keyed=0)
    note = note if note.keyed >= 0 else replace(note, keyed=now_ms)
    if note.version == own:
        if former and note.former and former != note.former:
            raise HashKeyMismatch(
                "The former hash key that this worker was given is not the one that was in force before: nobody's "
                "history would be found by it. Name the right one in SIDESTEP_HASH_KEY_FORMER_FILE, or none."
            )
        return note
    if own == note.former:
        raise HashKeyMismatch(
            "This worker's hash key has been replaced: another one is in force, to which people's rows move. Give it "
            "the new one, as the other Screen workers have it, and this one in SIDESTEP_HASH_KEY_FORMER_FILE."
        )
    if note.version != former:
        raise HashKeyMismatch(
            "This worker's hash key is not the one that the recipients in the ledger were keyed with: their history "
            "would not be found. Give it the same SIDESTEP_HASH_KEY (or the file hash-key of the first worker's data "
            "folder) as the other Screen workers; to change the secret for a new one, name the one that is in force in "
            "SIDESTEP_HASH_KEY_FORMER_FILE as well."
        )
    return KeyNote(own, 0, now_ms, note.version, note.keyed)


def still_in_force(note: KeyNote | None, own: str) -> None:
    """For a worker that is at work. Raises HashKeyMismatch."""
    if note is not None and note.version != own:
        raise HashKeyMismatch(
            "Another hash key has come into force: people's rows move to it, and would not be found with this "
            "worker's. Give it the new one, as the other Screen workers have it, and the one it has now in "
            "SIDESTEP_HASH_KEY_FORMER_FILE."
        )
