"""Dead letters give back the record that they were made of, and say why one can't be sent back."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.redrive.letter import DeadLetter, LetterGroup, RedriveRules, letter_in_topic, read_letter
from sidestep.streams.redrive.writer import batches, redriven_headers
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.collective_letter import collective_letter
from sidestep.streams.runtime.dead_letters import HEADERS_MAX, HEADERS_OCTETS, PART_MAX, dead_letter
from sidestep.topics.headers import Header
from sidestep.topics.replay_codec import StoredRecord
from sidestep.topics.signing import HEADER, HmacSeal, header_text, signature_of, signed_prefix, signed_rest
from tests.kafka_records import delivered

TP = Partition("email-intents", 2)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(["reason", "topic", "headers"])
OWN = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=20)), max_size=5)
RULES = RedriveRules({"email-intents": 4, "email-intents.shop": 1}, (), 3, 0)


def letter_of(
    key: bytes | None = b"k",
    value: bytes | None = b"v",
    headers: list[Header] | None = None,
    *,
    tp: Partition = TP,
) -> DeadLetter:
    """As a stage writes it, and as it is read."""
    dead = dead_letter(
        delivered(7, value, tp=tp, key=key, headers=headers or []), "not-json", "why", "email-dead-letters"
    )
    kept = tuple((name, said.encode() if isinstance(said, str) else said) for name, said in dead["headers"])
    written, keyed = dead["value"], dead["key"]
    assert not isinstance(keyed, str)
    found = read_letter(StoredRecord("email-dead-letters", 1, 5, 9, keyed, written, kept))
    assert found is not None
    return found


@given(st.none() | st.binary(max_size=9), st.none() | st.binary(max_size=9), OWN)
def test_the_record_comes_back(key: bytes | None, value: bytes | None, headers: list[Header]) -> None:
    """Octet for octet, headers in their order and those that stand there twice; none of a stranger's is taken for one
    of ours."""
    own = [header for header in headers if header[0] != "redriven"]
    letter = letter_of(key, value, own)
    assert (key, value, tuple(own)) == (letter.key, letter.value, letter.headers)
    assert ("not-json", "why", "email-intents/2/7", 0) == (
        letter.reason,
        letter.text,
        str(letter.origin),
        letter.redriven,
    )
    assert [*own, ("redriven", b"1")] == redriven_headers(letter)


def test_it_is_counted_how_often_a_record_comes_back() -> None:
    """By a header that is there once."""
    letter = letter_of(headers=[("redriven", b"2"), ("a", b"b")])
    assert 2 == letter.redriven
    assert [("a", b"b"), ("redriven", b"3")] == redriven_headers(letter)
    assert [0, 0] == [letter_of(headers=[("redriven", said)]).redriven for said in (b"x", None)]


@pytest.mark.parametrize(
    "headers", [[("a", b"x" * HEADERS_OCTETS)], [("a", b"")] * (HEADERS_MAX + 1), [("a" * (HEADERS_OCTETS + 1), None)]]
)
def test_headers_beyond_all_measure_are_not_kept(headers: list[Header]) -> None:
    """And that is said; how often it was sent back still is."""
    letter = letter_of(headers=[*headers, ("redriven", b"2")])
    assert (None, 2) == (letter.headers, letter.redriven)
    assert [("redriven", b"3")] == redriven_headers(letter)


def test_letters_of_earlier_versions_can_be_read() -> None:
    """Their records' headers are not known."""
    said = [("reason", b"x"), ("text", b""), ("topic", b"email-intents"), ("partition", b"0"), ("offset", b"1")]
    letter = read_letter(StoredRecord("email-dead-letters", 0, 0, 0, None, b"v", tuple(said)))
    assert letter is not None and letter.headers is None
    assert read_letter(StoredRecord("email-dead-letters", 0, 0, 0, None, b"v", tuple(said[1:]))) is None


def test_a_signature_still_holds() -> None:
    """What is added counts in none."""
    at = b"%d" % (time.time() * 1000)
    seal = HmacSeal(b"x" * 32, signed_prefix("email-intents", b"shop-1"))
    own: list[Header] = [("content-type", b"application/json"), ("sidestep-more", b"y")]
    mac = seal.seal(signed_rest(at, own, b"v"))
    letter = letter_of(headers=[*own, (HEADER, header_text(b"shop-1", at, mac))])
    assert int(at) == letter.signed_at
    sent = [(name, said) for name, said in redriven_headers(letter) if not isinstance(said, str)]
    found, counting = signature_of(sent)
    assert found is not None
    assert seal.holds(signed_rest(found[1], counting, letter.value or b""), found[2])


def test_what_cannot_be_sent_back_says_why() -> None:
    """Each with what to do instead."""
    assert "" == RULES.obstacle(letter_of())
    assert "stages alone write" in RULES.obstacle(letter_of(tp=Partition("email-evidence", 0)))
    own = letter_of(tp=Partition("email-intents.shop", 0))
    assert "name it with --topic" in RULES.obstacle(own)
    assert "" == RedriveRules(RULES.partitions, ["email-intents.shop"], 3, 0).obstacle(own)
    assert "no such partition" in RULES.obstacle(letter_of(tp=Partition("email-intents", 4)))
    assert "replay the record itself" in RULES.obstacle(letter_of(value=b"x" * (PART_MAX + 1)))
    assert "3 times already" in RULES.obstacle(letter_of(headers=[("redriven", b"3")]))
    old = letter_of(headers=[(HEADER, b"1;shop-1;1000;x")])
    assert "" == RULES.obstacle(old)
    assert "signed too long ago" in RedriveRules(RULES.partitions, (), 3, 1001).obstacle(old)


def test_what_its_service_may_have_sent_anew_is_not_judged_twice() -> None:
    """Of what died too long ago Decide may have forgotten the id."""
    died_at_9 = letter_of()
    assert "" == RedriveRules(RULES.partitions, (), 3, 0, 9).obstacle(died_at_9)
    assert "judged twice" in RedriveRules(RULES.partitions, (), 3, 0, 10).obstacle(died_at_9)


def test_a_batch_has_a_bound() -> None:
    """Of records and octets; one that is larger goes alone."""
    letters = [letter_of(b"", b"x" * size) for size in (1, 1, 1, 5, 20, 1)]
    assert [[1, 1], [1, 5], [20], [1]] == [
        [len(letter.value or b"") for letter in batch] for batch in batches(letters, 2, 10)
    ]


def test_a_collective_letter_stands_for_each_of_its_records() -> None:
    """Counted, and apart: each is the record that was found in the topic, to be judged like any other letter."""
    records = [delivered(offset, b"v", tp=TP, key=b"k") for offset in (7, 8, 11)]
    written = collective_letter(records, "not-json", "why", "email-dead-letters")
    kept = tuple((name, said.encode() if isinstance(said, str) else said) for name, said in written["headers"])
    letter = read_letter(StoredRecord("email-dead-letters", 1, 5, 9, None, None, kept))
    assert letter is not None
    assert (3, [(7, 8), (11, 11)], False) == (letter.records, letter.ranges, letter.cut)
    assert ["email-intents/2/7", "email-intents/2/8", "email-intents/2/11"] == list(map(str, letter.origins()))
    assert "" == RULES.obstacle(letter)
    assert 3 == LetterGroup("not-json", "email-intents").add(letter, 0).letters
    one = letter_in_topic(letter, 8, b"k", b"v", [("a", b"b"), ("redriven", b"2")])
    assert ("email-intents/2/8", b"k", b"v", (("a", b"b"),), 2, 1) == (
        str(one.origin),
        one.key,
        one.value,
        one.headers,
        one.redriven,
        one.records,
    )
    assert letter_in_topic(letter, 8, None, b"v", None).headers is None
    spoilt = tuple((name, b"8-7" if name == "offsets" else said) for name, said in kept)
    assert read_letter(StoredRecord("email-dead-letters", 1, 5, 9, None, None, spoilt)) is None
