"""Proofs of verdicts: the octets that other languages read, and that nothing of them can be changed or moved."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas.codec import ContractError
from sidestep.topics.merkle import leaf_hash, root_of, tree_of
from sidestep.topics.signing import netstring, parse_key
from sidestep.topics.verdict_proof import (
    HEADER,
    HEADER_MAX,
    SIZE_MAX,
    TOGETHER,
    parse_proof,
    proof_among,
    proofs_of,
    signed_root,
)
from tests.topics.proved import APPROVED, KEY_ID, PUBLIC, SEED, SIGN, holds

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((Path(__file__).parent / "proofs.json").read_text("utf-8"))

batches = st.lists(st.binary(max_size=12), min_size=1, max_size=2 * TOGETHER + 2)


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["about"])
def test_the_vectors(vector: dict[str, Any]) -> None:
    """Root, what is signed and the headers, octet by octet: this may never change for version 1."""
    values, key_id = [value.encode() for value in vector["values"]], vector["key_id"].encode()
    place = vector["topic"], vector["partition"]
    root, _ = tree_of([leaf_hash(value) for value in values])
    assert vector["root"] == root.hex()
    assert vector["signed"] == signed_root(*place, key_id, len(values), root).hex()
    sign = Ed25519PrivateKey.from_private_bytes(parse_key(vector["key"]).key).sign
    assert vector["headers"] == [proof.decode() for proof in proofs_of(sign, key_id, *place, values)]


def test_the_page_has_the_vectors() -> None:
    """Whoever implements it elsewhere copies them from there."""
    page = (ROOT / "docs/signing.md").read_text("utf-8")
    for vector in GOLDEN:
        for part in (*vector["values"], *vector["headers"], vector["key"], vector["public_key"], vector["root"]):
            assert part in page, (vector["about"], part)


def test_the_code_of_the_page_agrees() -> None:
    """The one for those who have not our library, about trees of all sizes up to a full one."""
    page = (ROOT / "docs/signing.md").read_text("utf-8")
    code = "def is_decides" + page.partition("def is_decides")[2].partition("```")[0]
    names: dict[str, Any] = {"base64": base64, "hashlib": hashlib, "InvalidSignature": InvalidSignature}
    names |= {"Ed25519PublicKey": Ed25519PublicKey, "netstring": netstring}
    exec(code, names)
    place = APPROVED.encode(), 3
    for size in range(1, TOGETHER + 1):
        values = [b"%d" % number for number in range(size)]
        proofs = proofs_of(SIGN, KEY_ID, APPROVED, 3, values)
        assert all(names["is_decides"](PUBLIC, *place, *pair) for pair in zip(values, proofs, strict=True))
        assert not names["is_decides"](PUBLIC, *place, b"forged", proofs[0])
        assert not names["is_decides"](PUBLIC, place[0], 2, values[0], proofs[0])


@given(batches, st.randoms())
def test_each_verdict_of_any_batch_is_proved_by_itself(values: list[bytes], random: Any) -> None:
    """In any order, with any others missing; the same batch has the same proofs."""
    proofs = proofs_of(SIGN, KEY_ID, APPROVED, 3, values)
    assert proofs == proofs_of(SIGN, KEY_ID, APPROVED, 3, values)
    pairs = list(zip(values, proofs, strict=True))
    for value, proof in random.sample(pairs, random.randint(1, min(8, len(pairs)))):
        assert len(proof) <= HEADER_MAX
        assert holds(APPROVED, 3, value, proof)


@given(batches, st.data())
def test_nothing_of_it_can_be_changed_or_moved(values: list[bytes], data: st.DataObject) -> None:
    """One octet of the value or of the proof, another one's proof, another topic or partition, another key id."""
    proofs = proofs_of(SIGN, KEY_ID, APPROVED, 3, values)
    number = data.draw(st.integers(0, len(values) - 1))
    value, proof = values[number], proofs[number]
    other = proofs[data.draw(st.integers(0, len(values) - 1))]
    assert not holds("email-rejected", 3, value, proof)
    assert not holds(APPROVED, 2, value, proof)
    assert not holds(APPROVED, 3, value, proof.replace(KEY_ID, b"decide-2027"))
    assert not holds(APPROVED, 3, _changed(proof, data), proof)
    assert not holds(APPROVED, 3, value, _changed(proof, data))
    assert other == proof or value in values[:number] + values[number + 1 :] or not holds(APPROVED, 3, value, other)


def _changed(octets: bytes, data: st.DataObject) -> bytes:
    place = data.draw(st.integers(0, len(octets) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda octet: octet != octets[place]))
    return octets[:place] + bytes([octet]) + octets[place + 1 :]


def test_a_node_of_the_tree_is_no_verdict() -> None:
    """Two hashes that stand in a path, given out for the value of a verdict: the prefixes tell them apart."""
    values = [b"a", b"b", b"c", b"d"]
    proofs = proofs_of(SIGN, KEY_ID, APPROVED, 3, values)
    said = parse_proof(proofs[0])
    inner = leaf_hash(b"a") + leaf_hash(b"b")
    for prefix in (b"", b"\1"):
        with pytest.raises(ValueError, match="path"):
            root_of(leaf_hash(prefix + inner), 0, 4, said.path[32:])
        assert root_of(leaf_hash(prefix + inner), 0, 2, said.path[32:]) != tree_of([leaf_hash(v) for v in values])[0]


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda rest: b"1;k;0;1;" + rest))
def test_a_header_is_read_or_refused(text: bytes) -> None:
    """Whatever stands there: fields, or one code."""
    try:
        parse_proof(text)
    except ContractError as error:
        assert error.code == "proof-unreadable"


@pytest.mark.parametrize(
    "text",
    [b"", b"2;k;0;1;QQ==", b"01;k;0;1;QQ==", b"1;k;0;1", b"1;k;0;1;QQ==;x", b"1;k;00;1;QQ==", b"1;k;+0;1;QQ==",
     b"1;k;-1;1;QQ==", b"1;k;1;1;QQ==", b"1;k;0;0;QQ==", b"1;k;0; 1;QQ==", b"1;k;0;1;QR==", b"1;k;0;1;Q Q==",
     b"1;k;0;%d;QQ==" % (SIZE_MAX + 1), b"1;k;0;1_0;QQ==", b"1;" + b"k" * HEADER_MAX + b";0;1;QQ=="],
)  # fmt: skip
def test_a_header_of_another_form_is_refused(text: bytes) -> None:
    """Unknown versions among them; there is one way to write each number and each octet."""
    with pytest.raises(ContractError) as caught:
        proof_among([(HEADER, text)])
    assert caught.value.code == "proof-unreadable"


def test_several_proofs_are_refused() -> None:
    """Whoever reads the first would see another one than who reads the last; capitals make no difference."""
    with pytest.raises(ContractError, match="several"):
        proof_among([(HEADER, b"1;k;0;1;QQ=="), (HEADER.title(), b"1;k;0;1;QQ==")])
    assert proof_among([("traceparent", b"x")]) is None


def test_the_seed_is_that_of_the_vectors() -> None:
    """So that all of these speak of the same key."""
    assert {SEED} == {vector["key"] for vector in GOLDEN}
