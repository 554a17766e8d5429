"""The mailboxes that a list has named so far: beyond a bounded cache in a temporary file, which goes with it."""

import hashlib
import secrets
import sqlite3

CACHE_KIB = 16_384


class SeenMailboxes:
    """Rows by keyed hashes of identities: the file holds no address, and the key is nowhere but in memory."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._rows = sqlite3.connect("")  # a file without a name, made only when the cache is full
        self._rows.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        self._rows.execute("PRAGMA journal_mode=OFF")
        self._rows.execute("CREATE TABLE seen (mailbox BLOB PRIMARY KEY, row INTEGER) WITHOUT ROWID")

    def first(self, identity: str, row: int) -> int | None:
        """The row in which the mailbox stood first; None: it is this one."""
        key = hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16, key=self._key).digest()
        if self._rows.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, row)).rowcount:
            return None
        return int(self._rows.execute("SELECT row FROM seen WHERE mailbox = ?", (key,)).fetchone()[0])

    def close(self) -> None:
        """The temporary file goes."""
        self._rows.close()
