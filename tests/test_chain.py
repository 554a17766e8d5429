"""Links are what docs/chain.md says, octet by octet: by hand, and as they were when they were first made."""

import json
from hashlib import blake2b, sha256
from pathlib import Path
from struct import pack
from typing import Any

import msgspec
import pytest

from sidestep.schemas.codec import ContractError
from sidestep.streams.chain import Link, Pairs, advanced, begins, parse_link

VECTORS = Path(__file__).with_name("chains.json")

Batch = dict[str, Any]
"""offsets, values, approved and rejected (keys and values), as text; None: no value."""


def octets(values: list[str | None]) -> list[bytes | None]:
    """As they are in Kafka."""
    return [None if value is None else value.encode() for value in values]


def pairs(verdicts: list[list[str]]) -> Pairs:
    """Keys and values."""
    return Pairs([key.encode() for key, _ in verdicts], [value.encode() for _, value in verdicts])


def made(base_to: int, batches: list[Batch]) -> list[tuple[str, str]]:
    """Heads and links of batches, in hexadecimal."""
    row, found = begins(base_to), []
    for batch in batches:
        verdicts = pairs(batch["approved"]), pairs(batch["rejected"])
        row, link = advanced(row, batch["offsets"], octets(batch["values"]), *verdicts)
        found.append((row.head.hex(), (link or b"").hex()))
    return found


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text("utf-8")), ids=lambda vector: vector["name"])
def test_links_are_what_they_were(vector: dict[str, Any]) -> None:
    """What other programs have been written by holds for good."""
    expected = [(batch["head"], batch["link"]) for batch in vector["batches"]]
    assert expected == made(vector["base_to"], vector["batches"])


def listed(values: list[bytes | None]) -> bytes:
    """Lengths, then digests of every eight."""
    lengths = b"".join(pack("<i", -1 if value is None else len(value)) for value in values)
    eights = [values[at : at + 8] for at in range(0, len(values), 8)]
    return lengths + b"".join(sha256(b"".join(value or b"" for value in eight)).digest() for eight in eights)


def test_a_link_is_what_the_page_says() -> None:
    """Written down once more, from docs/chain.md alone: a quiet batch, then one with verdicts and a gap."""
    evidence: list[bytes | None] = [b"{%d}" % number for number in range(9)]
    evidence[3] = None
    first = blake2b(pack("<q", 6), digest_size=32, person=b"sidestep-first-1").digest()
    quiet = pack("<qi", 7, 5) + sha256(b"quiet").digest()
    before = blake2b(first + quiet, digest_size=32, person=b"sidestep-step-1").digest()
    said = before + pack("<qqi", 8, 18, 1) + pack("<qq", 12, 13) + pack("<i", 9) + listed(evidence)
    said += pack("<i", 1) + pack("<i", 2) + sha256(b"id").digest() + listed([b"{}"])
    said += pack("<i", 0) + sha256(b"").digest()
    head = blake2b(said, digest_size=32, person=b"sidestep-chain-1").digest()

    row, none = advanced(begins(6), [7], [b"quiet"], Pairs([], []), Pairs([], []))
    offsets = [8, 9, 10, 11, 14, 15, 16, 17, 18]
    row, link = advanced(row, offsets, evidence, Pairs([b"id"], [b"{}"]), Pairs([], []))
    digests = [sha256(b"".join(value or b"" for value in some)).digest()[:8] for some in (evidence[:8], evidence[8:])]
    approved = [1, sha256(b"{}").digest()[:8]]
    expected = [
        1, 6, first, [[7, before[:4]]], 8, before, 18, [[12, 13]], b"".join(digests), approved, [0, b""], head
    ]  # fmt: skip
    assert none is None and link is not None
    assert (expected, head, 18) == (msgspec.msgpack.decode(link), row.head, row.to)


def test_what_is_no_link_is_an_error() -> None:
    """Of another version, with offsets that can't be, or short heads: never an exception of another kind."""
    _, link = advanced(begins(6), [8, 10], [b"a", b"b"], Pairs([b"id"], [b"{}"]), Pairs([], []))
    good: list[Any] = msgspec.msgpack.decode(link or b"")
    assert isinstance(parse_link(msgspec.msgpack.encode(good)), Link)
    wrong = [
        (0, 2),
        (1, 8),
        (2, b"short"),
        (3, [[1]]),
        (4, 11),
        (6, 2**63),
        (7, [[0, 2**64 - 1]]),
        (7, [[10, 9]]),
        (11, b""),
    ]
    for index, value in wrong:
        with pytest.raises(ContractError):
            parse_link(msgspec.msgpack.encode([*good[:index], value, *good[index + 1 :]]))
    for spoilt in (b"", b"\xff", b"\x91" * 5000, link[:-1] if link else b""):
        with pytest.raises(ContractError):
            parse_link(spoilt)
