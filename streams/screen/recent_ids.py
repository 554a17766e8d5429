"""Ids used again for something else, as far as Screen can see.

Decide knows the ids of its own partition; the same id at a domain of another partition would never meet there. Screen
sees the intents of one partition of email-intents, where a producer that keys by id (as ours does) puts the same id
always. So it remembers the recent ones. After a restart it has forgotten them: what it says is a hint in the
evidence, the log stays the truth.
"""

REMEMBERED = 200_000
"""Ids of a partition."""
PER_ID = 155
"""Octets that Python takes for one, as counted by tracemalloc."""


class RecentIds:
    """id key -> content key of recent intents, and its parts; the older half is forgotten when it is full."""

    def __init__(self, limit: int = REMEMBERED):
        self._half = limit // 2
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def reused(self, id_key: bytes, content_key: bytes, parts: bytes = b"") -> bytes | None:
        """Where this id was seen with other content before: the parts of that; None: it was not. Remembers the first
        content that it was seen with."""
        content = content_key + parts
        known = self._young.get(id_key)
        if known is None:
            known = self._old.get(id_key, content)
            if len(self._young) >= self._half:
                self._old, self._young = self._young, {}
            self._young[id_key] = known
        size = len(content_key)
        return None if known[:size] == content_key else known[size:]
