"""The keys that Decide works with: digests of 16 octets (BLAKE2b, RFC 7693). Pure.

Ids are hashed because they are long and of any form; recipients with a secret key, so that neither the log's keys nor
the ledger tell who was written to, even to someone who hashes all addresses there are.
"""

import hashlib

SIZE = 16
_JOIN = "\x1f"
"""Between the parts of what is hashed; refused in ids and services, so that two ids can't be written as one."""


class Keys:
    """Makes keys; `secret` is 32 octets, the same for all Screen workers for ever."""

    def __init__(self, secret: bytes):
        self._recipient = hashlib.blake2b(digest_size=SIZE, key=secret, person=b"recipient")
        self._id = hashlib.blake2b(digest_size=SIZE, person=b"id")
        self._content = hashlib.blake2b(digest_size=SIZE, person=b"content")
        self._event = hashlib.blake2b(digest_size=SIZE, person=b"event")
        self.fingerprint = hashlib.blake2b(b"fingerprint", digest_size=8, key=secret).hexdigest()
        """Tells whether two workers hold the same secret, without telling the secret."""

    def recipient(self, identity: str) -> bytes:
        """Of a mailbox identity (normalised)."""
        hasher = self._recipient.copy()
        hasher.update(identity.encode("utf-8", "surrogatepass"))
        return hasher.digest()

    def intent(self, service: str, intent_id: str) -> bytes:
        """Of an intent's id within its service."""
        hasher = self._id.copy()
        hasher.update(f"{service}{_JOIN}{intent_id}".encode())
        return hasher.digest()

    def content(self, id_key: bytes, to: str, stream: str, test: bool = False) -> bytes:
        """Of what an intent says: its id, recipient and stream; and that it is a test, which must not use up the id."""
        hasher = self._content.copy()
        said = f"{stream}{_JOIN}{to}{_JOIN}test" if test else f"{stream}{_JOIN}{to}"
        hasher.update(id_key + said.encode("utf-8", "surrogatepass"))
        return hasher.digest()

    def event(self, *parts: str) -> bytes:
        """Of a feedback event: its service and id, or what it says where it has no id."""
        hasher = self._event.copy()
        hasher.update(_JOIN.join(parts).encode("utf-8", "surrogatepass"))
        return hasher.digest()
