"""A signed statement of how far the chains of a cluster had come, and their heads: what is laid by elsewhere, and held
against the topics later. Pure. docs/chain.md has its octets."""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable, Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from sidestep.schemas.typed import json_as
from sidestep.streams.chain import OCTETS
from sidestep.streams.errors import ChainRefused
from sidestep.topics.signing import netstring

PURPOSE = b"sidestep-chain-heads-1"
"""What is signed begins with it: nothing that the same key signs for another purpose can be taken for a statement."""


class HeadOf(Struct, frozen=True, forbid_unknown_fields=True):
    """Of one partition."""

    partition: int
    offset: int
    """Of evidence: up to there the chain goes, with what was written on it."""
    head: str
    """In hexadecimal."""


class ChainHeads(Struct, frozen=True, forbid_unknown_fields=True):
    """Of all partitions of a cluster, at a time."""

    cluster: str
    """Kafka's id of it."""
    at: str
    """RFC 3339."""
    heads: tuple[HeadOf, ...]


class ChainStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """The same, signed: what the file holds, as JSON."""

    said: ChainHeads
    key: str
    """Id of the key."""
    signature: str
    """Ed25519, in base64."""


def signed_octets(said: ChainHeads, key_id: str) -> bytes:
    """What is signed: netstrings."""
    heads = [b"%d;%d;%b" % (each.partition, each.offset, each.head.encode()) for each in said.heads]
    return b"".join(map(netstring, (PURPOSE, key_id.encode(), said.cluster.encode(), said.at.encode(), *heads)))


def stated(said: ChainHeads, key_id: str, sign: Callable[[bytes], bytes]) -> bytes:
    """The file's octets. `sign`: Ed25519, octets -> 64 octets."""
    signature = b64encode(sign(signed_octets(said, key_id))).decode()
    return msgspec.json.format(msgspec.json.encode(ChainStatement(said, key_id, signature)), indent=2) + b"\n"


def believed(octets: bytes, keys: Mapping[bytes, Ed25519PublicKey]) -> ChainHeads:
    """What a file says, where one of these keys, by their ids, has signed it. Raises ChainRefused."""
    try:
        statement = json_as(octets, ChainStatement)
        signature = b64decode(statement.signature, validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Error, ValueError):
        raise ChainRefused("it is no statement of chain heads: `sidestep chain export` writes one") from None
    key = keys.get(statement.key.encode())
    if key is None:
        raise ChainRefused("the key that it names is not in the file of --verdict-keys") from None
    try:
        key.verify(signature, signed_octets(statement.said, statement.key))
    except InvalidSignature:
        raise ChainRefused("it was changed since, or another key has signed it: the signature is wrong") from None
    if any(len(each.head) != 2 * OCTETS for each in statement.said.heads):
        raise ChainRefused("it has a head that is none")
    return statement.said
