"""Ids used again for something else, as far as Screen can see.

Decide knows the ids of its own partition; the same id at a domain of another partition would never meet there. Screen
sees the intents of one partition of email-intents, where a producer that keys by id (as ours does) puts the same id
always. So it remembers the recent ones. After a restart it has forgotten them: what it says is a hint in the
evidence, the log stays the truth.
"""


class RecentIds:
    """id key -> content key of recent intents; the older half is forgotten when it is full."""

    def __init__(self, limit: int = 200_000):
        self._half = limit // 2
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def reused(self, id_key: bytes, content_key: bytes) -> bool:
        """Whether this id was last seen with other content; remembers the first content it was seen with."""
        known = self._young.get(id_key)
        if known is None:
            known = self._old.get(id_key, content_key)
            if len(self._young) >= self._half:
                self._old, self._young = self._young, {}
            self._young[id_key] = known
        return known != content_key
