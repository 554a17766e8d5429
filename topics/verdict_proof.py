"""The proof of a verdict: that Decide's key has signed it, for this partition of this topic. Pure.

One signature is for up to 64 verdicts of a batch: for the root of a hash tree (topics/merkle.py) whose entries are
their values, octet by octet. The header `sidestep-proof` of each holds `1;KEY-ID;INDEX;SIZE;BASE64`: its place among
the entries, how many there are, and the signature with the path behind it. So each is checked by itself. What is signed
is a list of netstrings: sidestep-verdicts-1, topic, partition, key id, SIZE, the root. docs/signing.md says it for
other languages, with vectors.
"""

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sidestep.schemas.codec import ContractError
from sidestep.topics.merkle import leaf_hash, tree_of
from sidestep.topics.signing import HeaderPairs, netstring

HEADER = "sidestep-proof"
DOMAIN = b"sidestep-verdicts-1"
"""What is signed begins with it: nothing that the same key signs for another purpose can be taken for verdicts."""
VERSION = b"1"
TOGETHER = 64
"""Verdicts under one signature: signing one costs 44 µs, so 0.7 each, and six hashes of path."""
SIZE_MAX = 65_536
"""Verdicts under one signature, at most, as far as readers go."""
HEADER_MAX = 1_000
"""Octets: a path of sixteen hashes has 512, 864 in base64 with the signature."""
SIGNATURE_OCTETS = 64


class VerdictProof(NamedTuple):
    """What the header says. Nothing of it is proved."""

    key_id: bytes
    place: int
    size: int
    signature: bytes
    path: bytes


def signed_root(topic: str, partition: int, key_id: bytes, size: int, root: bytes) -> bytes:
    """The octets that are signed."""
    return b"".join(map(netstring, (DOMAIN, topic.encode(), b"%d" % partition, key_id, b"%d" % size, root)))


def proofs_of(
    sign: Callable[[bytes], bytes], key_id: bytes, topic: str, partition: int, values: Sequence[bytes]
) -> list[bytes]:
    """The headers of verdicts of one partition, in their order. `sign`: Ed25519, octets -> 64 octets."""
    headers: list[bytes] = []
    for start in range(0, len(values), TOGETHER):
        root, paths = tree_of([leaf_hash(value) for value in values[start : start + TOGETHER]])
        size = len(paths)
        signature = sign(signed_root(topic, partition, key_id, size, root))
        headers += [
            b"1;%b;%d;%d;%b" % (key_id, index, size, b2a_base64(signature + path, newline=False))
            for index, path in enumerate(paths)
        ]
    return headers


def proof_among(headers: HeaderPairs) -> VerdictProof | None:
    """What a record's header says; None without one. Raises ContractError for one that can't be read, and several."""
    found = [given or b"" for name, given in headers if name.lower() == HEADER]
    if len(found) > 1:
        raise ContractError("proof-unreadable", f"there are several headers {HEADER}: one is expected")
    return parse_proof(found[0]) if found else None


def parse_proof(text: bytes) -> VerdictProof:
    """The header's octets -> its fields. Raises ContractError."""
    if text.partition(b";")[0] != VERSION:
        raise ContractError("proof-unreadable", f"{HEADER} begins with an unknown version: 1; is expected")
    try:
        if len(text) > HEADER_MAX:
            raise ValueError
        _, key_id, index, size, said = text.split(b";")
        octets = a2b_base64(said)
        proof = VerdictProof(key_id, int(index), int(size), octets[:SIGNATURE_OCTETS], octets[SIGNATURE_OCTETS:])
        if b"1;%b;%d;%d;%b" % (key_id, proof.place, proof.size, b2a_base64(octets, newline=False)) != text:
            raise ValueError  # there is one way to write it
        if not 0 <= proof.place < proof.size <= SIZE_MAX:
            raise ValueError
    except (ValueError, Error):
        raise ContractError("proof-unreadable", f"{HEADER} is not 1;KEY-ID;INDEX;SIZE;BASE64") from None
    return proof
