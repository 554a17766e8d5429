"""The keys that Decide works with: digests of 16 octets (BLAKE2b, RFC 7693). Pure.

One secret gives a key of its own to each purpose. So nothing that is stored can be tried without the secret: neither
the log's keys nor the ledger tell who was written to, even to someone who hashes all addresses and all ids there are.
"""

import hashlib
from typing import Any

import msgspec

SIZE = 16
_JOIN = "\x1f"
"""Between the parts of what is hashed; refused in ids and services, so that two ids can't be written as one."""
_END = "\0"
"""Likewise, between the parts of a content: refused in all of them, and escaped in JSON."""
_APART = {(True, False): b"\x1fproved", (False, True): b"\x1ftest", (True, True): b"\x1fproved\x1ftest"}
"""What goes behind an id, by whether it is proved and a test."""
LABELS_REMEMBERED = 10_000
_in_order = msgspec.json.Encoder(order="sorted").encode


class Keys:
    """Makes keys; `secret` is 32 octets, the same for all Screen workers. `former`: by the one that was in force
    before, while there are two."""

    def __init__(self, secret: bytes, former: bytes | None = None):
        self.former = Keys(former) if former is not None else None
        # histories rest on it since before there were purposes: `person` alone keeps it apart from all others
        self._recipient = hashlib.blake2b(digest_size=SIZE, key=secret, person=b"recipient")
        self._id, self._content = _hasher(secret, b"id"), _hasher(secret, b"content")
        self._event, self._token = _hasher(secret, b"event"), _hasher(secret, b"token")
        self._pseudonym, self._unreadable = _hasher(secret, b"pseudonym"), _hasher(secret, b"unreadable")
        self._part = _hasher(secret, b"part")
        self._labels: dict[tuple[bytes, str], bytes] = {}
        self.fingerprint = hashlib.blake2b(b"fingerprint", digest_size=8, key=secret).hexdigest()
        """Tells whether two workers hold the same secret, without telling the secret."""

    def recipient(self, identity: str) -> bytes:
        """Of a mailbox identity (normalised)."""
        hasher = self._recipient.copy()
        hasher.update(identity.encode("utf-8", "surrogatepass"))
        return hasher.digest()

    def intent(self, service: str, intent_id: str, proved: bool = False, test: bool = False) -> bytes:
        """Of an intent's id within its service. Ids of a service that is `proved` are apart from those of whoever
        claims to be it, and those of tests from those of messages: none takes another's."""
        hasher = self._id.copy()
        hasher.update(f"{service}{_JOIN}{intent_id}".encode())
        if proved or test:
            hasher.update(_APART[proved, test])
        return hasher.digest()

    def content(
        self,
        id_key: bytes,
        to: str,
        stream: str = "",
        campaign: str = "",
        source: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> bytes:
        """Of what an intent says: its id, and all else that its verdict tells the mailer. The order of metadata's
        members makes no difference, nor does the spelling of what JSON reads as the same number."""
        hasher = self._content.copy()
        hasher.update(id_key + f"{stream}{_END}{to}{_END}{campaign}{_END}{source}".encode("utf-8", "surrogatepass"))
        if metadata is not None:
            hasher.update(b"\0" + _in_order(metadata))
        return hasher.digest()

    def parts(
        self, to: str, stream: str = "", campaign: str = "", source: str = "", metadata: dict[str, Any] | None = None
    ) -> bytes:
        """An octet for each of these: of two intents it tells which of them differ, but for one pair of values in 256,
        and nothing else of what they are."""
        labels = (self._label(b"stream", stream), self._label(b"campaign", campaign), self._label(b"source", source))
        said = b"" if metadata is None else _of_parts(self._part, (b"metadata", _in_order(metadata)))[:1]
        return _of_parts(self._part, (b"to", to))[:1] + b"".join(labels) + (said or b"\0")

    def _label(self, of: bytes, text: str) -> bytes:
        """Labels are few, and come again and again."""
        if not text:
            return b"\0"
        found = self._labels.get((of, text))
        if found is None:
            if len(self._labels) >= LABELS_REMEMBERED:
                self._labels.clear()
            found = self._labels[of, text] = _of_parts(self._part, (of, text))[:1]
        return found

    def unreadable(self, service: str, intent_id: str, proved: bool, test: bool, value: bytes) -> bytes:
        """Of an intent that can't be read: its id, and all its octets. Never that of one that can."""
        return _of_parts(self._unreadable, (self.intent(service, intent_id, proved, test), value))

    def event(self, *parts: str) -> bytes:
        """Of a feedback event: its service and id, or what it says where it has no id."""
        hasher = self._event.copy()
        hasher.update(_JOIN.join(parts).encode("utf-8", "surrogatepass"))
        return hasher.digest()

    def token(self, *parts: str | bytes) -> bytes:
        """Of what a token vouches for. Parts may hold any octets: each is hashed with its length."""
        return _of_parts(self._token, parts)

    def pseudonym(self, *parts: str | bytes) -> bytes:
        """Of a person who must be told from others where nobody may learn who it is; likewise."""
        return _of_parts(self._pseudonym, parts)


def _hasher(secret: bytes, purpose: bytes) -> hashlib.blake2b:
    """A hash with a key derived for one purpose, to be copied for each digest."""
    key = hashlib.blake2b(purpose, digest_size=32, key=secret, person=b"derive").digest()
    return hashlib.blake2b(digest_size=SIZE, key=key, person=purpose)


def _of_parts(hasher: hashlib.blake2b, parts: tuple[str | bytes, ...]) -> bytes:
    hasher = hasher.copy()
    for part in parts:
        octets = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(len(octets).to_bytes(4, "big") + octets)
    return hasher.digest()
