"""Whether a hash key is the one that ids and addresses were keyed with. Blocks."""

from contextlib import suppress

from sidestep.streams.errors import HashKeyMismatch
from sidestep.streams.screen.control import key_note, read_notes
from sidestep.streams.screen.keys import Keys
from sidestep.topics.connection import Connection
from sidestep.topics.errors import NotLetIn


def require_key_in_force(connection: Connection, keys: Keys) -> None:
    """For who finds nothing by a key: by a wrong one there is never anything. Raises HashKeyMismatch."""
    note = None
    with suppress(NotLetIn):  # whoever may not read that is told nothing wrong
        note = key_note(read_notes(connection))
    given = {keys.fingerprint} | ({keys.former.fingerprint} if keys.former is not None else set())
    if note is not None and note.version not in given:
        raise HashKeyMismatch(
            "The hash key given here is not the one that Screen workers key ids and addresses with: nothing is found "
            "by it. Give theirs (SIDESTEP_HASH_KEY, SIDESTEP_HASH_KEY_FILE, or --data-dir with its file hash-key); "
            "without any, `sidestep explain SERVICE INTENT_ID --near T` finds a verdict by its time."
        )
