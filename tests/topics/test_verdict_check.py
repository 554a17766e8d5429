"""What a reader takes for a verdict, and what becomes of the rest; and the file with the keys it goes by."""

import logging
import os
from collections import Counter
from pathlib import Path

import pytest

from sidestep.schemas import LogPosition, Verdict, Versions
from sidestep.schemas.codec import ContractError, decode, encode
from sidestep.topics import verdict_keys
from sidestep.topics.errors import CredentialsError
from sidestep.topics.received import Received, Unproved, Unreadable
from sidestep.topics.verdict_check import LOOK_BACK, ROOTS_MOST, TOLD_SECONDS, VerdictCheck
from sidestep.topics.verdict_keys import VerdictKeys, read_verdict_keys
from sidestep.topics.verdict_proof import HEADER
from sidestep.topics.verdict_signer import VerdictSigner
from tests.topics.proved import APPROVED, SEED, keys_file, signer

OTHER = "ed25519:" + "5b1fa9730c2ed84617f0b3952adc6e813f7724c09ab85de1460d92fc35ab7e18"
Headers = list[tuple[str, bytes | None]]


def values(count: int, first: int = 0) -> list[bytes]:
    """Verdicts about the records of evidence from `first` on."""
    return [
        encode(
            Verdict(
                id=f"order-{number}",
                to="ada@example.org",
                service="shop",
                decision="approved",
                action="send",
                evidence=LogPosition("email-evidence", 3, number),
                versions=Versions("1"),
                decided_at=1.0,
            )
        )
        for number in range(first, first + count)
    ]


def record(value: bytes | None, topic: str = APPROVED, partition: int = 3) -> Received:
    """As it came from Kafka, unchecked."""
    try:
        found: Verdict | Unreadable = decode(Verdict, value)
    except ContractError as error:
        found = Unreadable(error.code, str(error), value)
    return Received(topic, partition, 77, 0, b"key", found)


class Reader:
    """A check with its file; `take` says what becomes of a record: "taken", or the code."""

    def __init__(self, file: Path, required: bool = True):
        self.check = VerdictCheck(VerdictKeys(file, required))

    def take(
        self,
        value: bytes | None,
        proof: bytes | None,
        topic: str = APPROVED,
        partition: int = 3,
        headers: Headers | None = None,
    ) -> str:
        given: Headers = headers if headers is not None else [] if proof is None else [(HEADER, proof)]
        found = self.check.checked(record(value, topic, partition), value, given).value
        return found.code if isinstance(found, Unproved) else "taken"


@pytest.fixture
def decide(tmp_path: Path) -> VerdictSigner:
    """Decide's key."""
    return signer(tmp_path)


@pytest.fixture
def reader(tmp_path: Path, decide: VerdictSigner) -> Reader:
    """A reader that demands a proof, and has that key's other half."""
    return Reader(keys_file(tmp_path / "verdict-keys.toml", decide))


def test_what_decide_has_signed_is_taken(reader: Reader, decide: VerdictSigner) -> None:
    """All of a batch of several signatures, with gaps."""
    said = values(150)
    pairs = list(zip(said, decide.proofs(APPROVED, 3, said), strict=True))
    assert ["taken"] * 50 == [reader.take(*pair) for pair in pairs[::3]]
    assert not reader.check.refused


def test_what_nobody_can_prove_is_refused_with_its_reason(
    reader: Reader, decide: VerdictSigner, tmp_path: Path
) -> None:
    """Unsigned, altered, another verdict's proof, another topic's, another partition's, a stranger's key under its own
    id and under Decide's; and in place of the verdict stands what nobody can act on."""
    one, two, three = values(3)
    proof, second, _ = decide.proofs(APPROVED, 3, [one, two, three])
    rejected = decide.proofs("email-rejected", 3, [one])[0]
    elsewhere = decide.proofs(APPROVED, 2, [one])[0]
    unknown = signer(tmp_path, "mallory", OTHER).proofs(APPROVED, 3, [one])[0]
    impostor = signer(tmp_path, "decide-2026", OTHER).proofs(APPROVED, 3, [one])[0]
    assert "proof-missing" == reader.take(one, None)
    assert "proof-missing" == reader.take(b"no JSON", None)
    for value, given in ((one.replace(b"ada", b"eve"), proof), (one, second), (one, rejected), (one, elsewhere),
                         (one, impostor), (None, proof), (one + b" ", proof)):  # fmt: skip
        assert "proof-wrong" == reader.take(value, given)
    assert "proof-key-unknown" == reader.take(one, unknown)
    assert "proof-unreadable" == reader.take(one, b"2;x")
    assert "proof-unreadable" == reader.take(one, None, headers=[(HEADER, proof), (HEADER.upper(), proof)])
    assert "taken" == reader.take(one, proof)
    assert {"proof-missing": 2, "proof-wrong": 7, "proof-key-unknown": 1, "proof-unreadable": 2} == reader.check.refused


def test_headers_that_are_no_text_are_no_proof(reader: Reader) -> None:
    """Confluent's client can't show them; the record is passed over like any other forgery."""
    found = reader.check.checked(record(values(1)[0]), values(1)[0], None).value
    assert isinstance(found, Unproved) and found.code == "proof-unreadable"


def test_a_genuine_verdict_that_stands_there_once_more_is_refused(reader: Reader, decide: VerdictSigner) -> None:
    """The last one, one of long ago, and one that the reader had not seen; other partitions go by themselves."""
    said = values(9)
    pairs = list(zip(said, decide.proofs(APPROVED, 3, said), strict=True))
    assert ["taken"] * 2 == [reader.take(*pair) for pair in (pairs[3], pairs[5])]
    assert ["proof-repeated"] * 3 == [reader.take(*pairs[number]) for number in (5, 3, 4)]
    assert "taken" == reader.take(said[1], decide.proofs(APPROVED, 1, said[1:2])[0], partition=1)
    assert "taken" == reader.take(*pairs[6])


def test_how_far_it_has_come_outlives_the_reader(reader: Reader, decide: VerdictSigner, tmp_path: Path) -> None:
    """Beside the group's offset; what anything else has left there is not read."""
    said = values(9)
    pairs = list(zip(said, decide.proofs(APPROVED, 3, said), strict=True))
    assert reader.check.note(APPROVED, 3) == ""
    assert "taken" == reader.take(*pairs[4])
    note = reader.check.note(APPROVED, 3)
    next_one = Reader(tmp_path / "verdict-keys.toml")
    next_one.check.resume(APPROVED, 3, note)
    assert ["proof-repeated", "taken"] == [next_one.take(*pairs[number]) for number in (4, 5)]
    for other in (None, "", "offset 7", "sidestep-evidence=x", "sidestep-evidence=" + "9" * 40):
        next_one.check.resume(APPROVED, 3, other)
        assert next_one.check.note(APPROVED, 3) == ""


def test_a_reader_that_begins_anew_learns_from_those_before(reader: Reader, decide: VerdictSigner) -> None:
    """How far Decide had come, whatever somebody has written behind that; what is not proved tells nothing."""
    said = values(9)
    proofs = decide.proofs(APPROVED, 3, said)
    assert 0 == reader.check.begin(APPROVED, 3, 5, 0)
    for number, proof in ((2, proofs[2]), (4, proofs[4]), (8, None), (8, proofs[7]), (3, proofs[3])):
        assert reader.check.is_before(APPROVED, 3, 4)
        reader.check.look_back(record(said[number]), said[number], [(HEADER, proof)] if proof else [])
    assert not reader.check.is_before(APPROVED, 3, 5) and not reader.check.is_before(APPROVED, 2, 4)
    assert ["proof-repeated", "proof-repeated", "taken"] == [reader.take(said[n], proofs[n]) for n in (3, 4, 5)]
    assert not reader.check.refused - Counter({"proof-repeated": 2})


def test_only_who_does_not_know_looks_back_and_not_for_ever(reader: Reader) -> None:
    """As far as LOOK_BACK offsets, and as there are records."""
    begin = reader.check.begin
    assert [9000 - LOOK_BACK, 8500, 9000, 3] == [
        begin(APPROVED, 3, offset, first) for offset, first in ((9000, 0), (9000, 8500), (9000, 9500), (3, 3))
    ]
    reader.check.resume(APPROVED, 3, "sidestep-evidence=7")
    assert 9000 == begin(APPROVED, 3, 9000, 0)


def test_where_no_proof_is_demanded_only_what_has_one_is_checked(tmp_path: Path, decide: VerdictSigner) -> None:
    """While a set-up is switched over: unsigned is taken, forged is not."""
    reader = Reader(keys_file(tmp_path / "verdict-keys.toml", decide), required=False)
    one = values(1)[0]
    proof = decide.proofs(APPROVED, 3, [one])[0]
    assert ["taken", "proof-wrong"] == [reader.take(one, None), reader.take(one + b" ", proof)]


def test_a_signature_is_verified_once_for_all_that_it_is_for(reader: Reader, decide: VerdictSigner) -> None:
    """What failed is not kept, and what held only up to a bound."""
    said = values(ROOTS_MOST + 10)
    for value, proof in zip(said[:64], decide.proofs(APPROVED, 3, said[:64]), strict=True):
        reader.take(value, proof)
        reader.take(value + b" ", proof)
    assert 1 == len(reader.check._held)
    for value in said[64:]:
        reader.take(value, decide.proofs(APPROVED, 3, [value])[0])
    assert len(reader.check._held) <= ROOTS_MOST
    assert reader.check.refused == {"proof-wrong": 64}


def test_a_flood_of_forgeries_is_a_line_a_minute(
    reader: Reader, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each reason; with the place and how many there were, and without anything that the forger wrote."""
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    forged = values(1)[0]
    with caplog.at_level(logging.ERROR):
        for _ in range(100):
            reader.take(forged, None)
        reader.take(forged, b"1;mallory@example.org;0;1;QQ==")
        clock[0] += TOLD_SECONDS
        reader.take(forged, None)
    assert ["proof-missing, 1 so", "proof-key-unknown, 1 so", "proof-missing, 101 so"] == [
        record.getMessage().partition("(")[2].partition(" far")[0] for record in caplog.records
    ]
    assert all("email-approved/3@77" in line and "@example" not in line for line in caplog.messages)


def test_two_keys_count_while_one_takes_the_others_place(tmp_path: Path, decide: VerdictSigner) -> None:
    """Readers have both before Decide signs with the new one."""
    second = signer(tmp_path, "decide-2027", OTHER)
    reader = Reader(keys_file(tmp_path / "verdict-keys.toml", decide, second))
    one, two = values(2)
    assert "taken" == reader.take(one, decide.proofs(APPROVED, 3, [one])[0])
    assert "taken" == reader.take(two, second.proofs(APPROVED, 3, [two])[0])


@pytest.fixture
def looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each question, not once a second."""
    monkeypatch.setattr(verdict_keys, "LOOK_SECONDS", 0.0)


@pytest.mark.usefixtures("looks_always")
@pytest.mark.parametrize(("key_id", "code"), [("decide-2027", "proof-key-unknown"), ("decide-2026", "proof-wrong")])
def test_a_key_that_is_taken_out_counts_no_longer(
    tmp_path: Path, decide: VerdictSigner, key_id: str, code: str
) -> None:
    """Not under its id if another one has that, and not for a signature that was verified before, once the file has
    read the same twice."""
    file = keys_file(tmp_path / "verdict-keys.toml", decide)
    reader = Reader(file)
    said = values(2)
    proofs = decide.proofs(APPROVED, 3, said)
    assert "taken" == reader.take(said[0], proofs[0])
    keys_file(file, signer(tmp_path, key_id, OTHER))
    for _ in range(2):
        reader.check.renew()
    assert code == reader.take(said[1], proofs[1])


SPOILT = ("", "[keys]\n", "keys = 1\n", "[keys", '[keys]\nx = 1\n', '[keys]\nx = "abc"\n', '[keys]\n"a;b" = "x"\n',
          '[keys]\nx = "é"\n', "[other]\n", "\xff")  # fmt: skip


@pytest.mark.usefixtures("looks_always")
@pytest.mark.parametrize("text", [*SPOILT, None])
def test_a_file_that_cant_be_used_means_nobody(tmp_path: Path, decide: VerdictSigner, text: str | None) -> None:
    """Empty, spoilt or gone: reading ends with an error, and goes on once the file is right again. None at a start."""
    file = keys_file(tmp_path / "verdict-keys.toml", decide)
    keys = VerdictKeys(file)
    file.unlink() if text is None else file.write_bytes(text.encode("latin-1"))
    keys.now()
    with pytest.raises(CredentialsError, match=r"verdict-keys\.toml.*sidestep verdict-keys check"):
        keys.now()
    with pytest.raises(CredentialsError, match=r"verdict-keys\.toml"):
        VerdictKeys(file)
    keys_file(file, decide)
    with pytest.raises(CredentialsError):
        keys.now()
    assert [b"decide-2026"] == list(keys.now())


def test_a_file_that_others_can_write_means_nobody(tmp_path: Path, decide: VerdictSigner) -> None:
    """They would say whose verdicts count; to read it is everybody's right."""
    file = keys_file(tmp_path / "verdict-keys.toml", decide)
    assert [b"decide-2026"] == list(read_verdict_keys(file))
    for mode in (0o664, 0o646):
        file.chmod(mode)
        with pytest.raises(CredentialsError, match="chmod go-w"):
            read_verdict_keys(file)
    os.truncate(file, 2_000_000)
    file.chmod(0o600)
    with pytest.raises(CredentialsError, match="1 MiB"):
        read_verdict_keys(file)


@pytest.mark.parametrize("text", ["", "hmac-sha-256:" + SEED[8:], SEED + "00", "ed25519:" + "00" * 32])
def test_a_signer_takes_ed25519_alone(tmp_path: Path, text: str) -> None:
    """Whoever can check an HMAC can forge it. The error does not quote the key, nor does the signer show it."""
    with pytest.raises(CredentialsError, match=r"sidestep verdict-keys new|must hold one secret") as caught:
        signer(tmp_path, seed=text)
    assert SEED[8:] not in str(caught.value)
    assert repr(signer(tmp_path)) == "VerdictSigner('decide-2026')"
    with pytest.raises(CredentialsError, match="can't name a key"):
        VerdictSigner("a;b", tmp_path / "decide-2026.key")
