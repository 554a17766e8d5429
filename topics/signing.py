"""The signature of a record: whose key has said these octets, in this topic, at this time. Pure.

The header `sidestep-signature` holds `1;KEY-ID;MILLISECONDS;BASE64`. What is signed is a list of netstrings, each its
length in decimal, a colon, the octets and a comma:

    sidestep-signature-1, topic, key id, time as the header has it, then name and value of each header that counts, in
    the record's order, then the record's value

Headers that count are content-type, those that `sidestep receive` writes and all that begin with `sidestep-`, the
signature apart. Others may be added or lost on the way. docs/signing.md says it for other languages, with vectors.
"""

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sidestep.schemas.codec import ContractError
from sidestep.topics.weak_keys import is_pattern

HEADER = "sidestep-signature"
DOMAIN = b"sidestep-signature-1"
"""What is signed begins with it: nothing that the same key signs for another purpose can be taken for a record."""
VERSION = b"1"
COUNTING = frozenset({"content-type", "provider", "service", "door", "received-at", "envelope-from", "envelope-to"})
"""Headers that count besides those that begin with `sidestep-`, in lower case."""
HEADER_MAX = 300
"""Octets: the longest signature has 64 + 64 and some more."""
TIME_MAX = 15
"""Digits: more than there will be in this millennium."""
HMAC_SHA_256, ED25519 = "hmac-sha-256", "ed25519"
KEY_OCTETS = 32
"""Of an Ed25519 key, and at least of one for HMAC."""

_LENGTHS = tuple(b"%d:" % count for count in range(2_048))
"""How netstrings of nearly all records begin: to format a number costs more than to hash it."""
_NEXT = tuple(b"," + length for length in _LENGTHS)
"""Where one ends and another begins."""
_KEY_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")

HeaderPairs = Sequence[tuple[str, bytes | None]]
"""Names and octets of a record's headers, in its order."""


SignatureFields = tuple[bytes, bytes, bytes]
"""What the header says: key id, milliseconds since 1970 in decimal, mac in base64. Nothing of it is proved."""


class Verifier(Protocol):
    """One key for one topic: its prefix has been taken in already."""

    def holds(self, rest: bytes, mac: bytes) -> bool:
        """Whether `mac`, base64, is the key's over the prefix and `rest`."""


class Sealer(Protocol):
    """One key for one topic that can sign."""

    def seal(self, rest: bytes) -> bytes:
        """The mac over the prefix and `rest`, base64."""


class HmacSeal:
    """HMAC-SHA-256 (RFC 2104) under a key, for one topic: two states of SHA-256 that are copied for each record, at a
    third of what hmac.digest costs."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: bytes, prefix: bytes):
        padded = (secret if len(secret) <= 64 else sha256(secret).digest()).ljust(64, b"\0")
        self._inner = sha256(bytes(octet ^ 0x36 for octet in padded) + prefix)
        self._outer = sha256(bytes(octet ^ 0x5C for octet in padded))

    def seal(self, rest: bytes) -> bytes:
        """The mac over the prefix and `rest`, base64."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(rest)
        outer.update(inner.digest())
        return b2a_base64(outer.digest(), newline=False)

    def holds(self, rest: bytes, mac: bytes) -> bool:
        """Whether `mac`, base64, is the key's; compared as text, so that there is one way to write it."""
        inner, outer = self._inner.copy(), self._outer.copy()  # as in seal; a call less for each record
        inner.update(rest)
        outer.update(inner.digest())
        return compare_digest(b2a_base64(outer.digest(), newline=False), mac)


class Ed25519Seal:
    """Ed25519 (RFC 8032) by a private key, for one topic."""

    def __init__(self, seed: bytes, prefix: bytes):
        self._key, self._prefix = Ed25519PrivateKey.from_private_bytes(seed), prefix

    def seal(self, rest: bytes) -> bytes:
        """The signature over the prefix and `rest`, base64."""
        return b2a_base64(self._key.sign(self._prefix + rest), newline=False)


class Ed25519Verifier:
    """Ed25519 (RFC 8032) by a public key of 32 octets, for one topic. Raises ValueError for what is no key."""

    def __init__(self, public: bytes, prefix: bytes):
        self._key, self._prefix = Ed25519PublicKey.from_public_bytes(public), prefix

    def holds(self, rest: bytes, mac: bytes) -> bool:
        """Whether `mac`, base64, is the key's signature over the prefix and `rest`."""
        try:
            signature = a2b_base64(mac)
            if b2a_base64(signature, newline=False) != mac:
                return False
            self._key.verify(signature, self._prefix + rest)
        except (Error, InvalidSignature):
            return False
        return True


class KeyText(NamedTuple):
    """What a key file holds."""

    algorithm: str
    key: bytes

    def sealer(self, prefix: bytes) -> "Sealer":
        """The key, ready to sign for one topic."""
        return HmacSeal(self.key, prefix) if self.algorithm == HMAC_SHA_256 else Ed25519Seal(self.key, prefix)


def parse_key(text: str) -> KeyText:
    """`hmac-sha-256:HEX` or `ed25519:HEX` (the seed of 32 octets). Raises ValueError, which does not quote it."""
    algorithm, colon, digits = text.partition(":")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if (
        not colon
        or algorithm not in (HMAC_SHA_256, ED25519)
        or len(key) < KEY_OCTETS
        or (algorithm == ED25519 and len(key) > KEY_OCTETS)
    ):
        raise ValueError(
            "expected hmac-sha-256: or ed25519: and 64 hex digits; make one with: sidestep signers new-key"
        )
    if is_pattern(key):
        raise ValueError("that is a pattern, which anybody can guess; make one with: sidestep signers new-key")
    return KeyText(algorithm, key)


def is_key_id(text: str) -> bool:
    """Whether it can name a key: letters, digits, . _ and -, 64 at most."""
    return _KEY_ID.fullmatch(text) is not None


def netstring(octets: bytes) -> bytes:
    """Octets with their length before them: in decimal, a colon, the octets, a comma."""
    return b"%d:%b," % (len(octets), octets)


def signed_prefix(topic: str, key_id: bytes) -> bytes:
    """The part of what is signed that is the same for all records of a key in a topic."""
    return netstring(DOMAIN) + netstring(topic.encode()) + netstring(key_id)


def signed_rest(time: bytes, headers: HeaderPairs, value: bytes) -> bytes:
    """The other part: time (some digits), headers that count, value."""
    if not headers:
        size = len(value)
        between = _NEXT[size] if size < len(_NEXT) else b",%d:" % size
        return b"".join((_LENGTHS[len(time)], time, between, value, b","))
    said = (octets for name, given in headers for octets in (name.encode("utf-8", "surrogatepass"), given or b""))
    return b"".join(map(netstring, (time, *said, value)))


def signature_of(headers: HeaderPairs) -> tuple[SignatureFields | None, HeaderPairs]:
    """What the signature header says, None without one, and the headers that count. Raises ContractError for one that
    can't be read, and for several."""
    text: bytes | None
    counting: HeaderPairs
    if len(headers) == 1 and headers[0][0] == HEADER:
        text, counting = headers[0][1] or b"", ()
    else:
        text, counting = _sorted_out(headers)
        if text is None:
            return None, counting
    try:
        version, key_id, time, mac = text.split(b";")
        if version == VERSION and time.isdigit() and len(time) <= TIME_MAX and len(text) <= HEADER_MAX:
            return (key_id, time, mac), counting
    except ValueError:
        pass
    if text.partition(b";")[0] != VERSION:
        raise ContractError("signature-unreadable", f"{HEADER} begins with an unknown version: 1; is expected")
    raise ContractError("signature-unreadable", f"{HEADER} is not 1;KEY-ID;MILLISECONDS;BASE64")


def _sorted_out(headers: HeaderPairs) -> tuple[bytes | None, HeaderPairs]:
    """The signature header's octets, None without one, and the headers that count."""
    found: bytes | None = None
    counting: list[tuple[str, bytes | None]] = []
    for name, given in headers:
        lower = name.lower()
        if lower == HEADER:
            if found is not None:
                raise ContractError("signature-unreadable", f"there are several headers {HEADER}: one is expected")
            found = given or b""
        elif lower in COUNTING or lower.startswith("sidestep-"):
            counting.append((name, given))
    return found, counting


def header_text(key_id: bytes, time: bytes, mac: bytes) -> bytes:
    """The octets of the header."""
    return b";".join((VERSION, key_id, time, mac))


def as_pairs(headers: Iterable[tuple[str, str | bytes | None]]) -> list[tuple[str, bytes | None]]:
    """Headers as a Kafka client takes them -> as it sends them."""
    return [(name, given.encode() if isinstance(given, str) else given) for name, given in headers]
