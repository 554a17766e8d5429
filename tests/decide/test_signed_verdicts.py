"""Proofs go with verdicts and change nothing about them, whatever the batches; a reader takes all of them."""

from itertools import pairwise
from pathlib import Path

import pytest

from sidestep.schemas import Verdict
from sidestep.schemas.codec import decode
from sidestep.streams.decide.judge import Judge
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, REJECTED
from sidestep.topics.verdict_proof import HEADER
from tests.decide.world import World
from tests.topics.proved import holds, signer

COUNT = 150


def intents() -> list[bytes]:
    """Of several addresses, every third of which takes no mail; one record is spoilt."""
    from sidestep.schemas.codec import encode

    mx = ("yes", "yes", "no")
    made = [encode(World.intent_record(str(n), to=f"a{n}@example.com", mx=mx[n % 3])) for n in range(COUNT)]
    return [*made[:70], b"not evidence", *made[70:]]


def judged(new_world: type[World], size: int, folder: Path | None) -> World:
    """A world after these, in batches of a size; with a folder, the verdicts are signed."""
    world = new_world()
    world.judge = Judge(world.ledger, 4, signer=signer(folder) if folder is not None else None)
    said = intents()
    for start in range(0, len(said), size):
        world.append(*said[start : start + size])
    return world


def signed_of(world: World, topic: str) -> list[tuple[bytes, bytes]]:
    """Values and proofs of what went into a topic, in its order."""
    pairs = []
    for single in world.ledger.singles:
        if single["topic"] == topic:
            proof = dict(single["headers"])[HEADER]  # the last one of a batch has its link besides
            assert isinstance(proof, bytes)
            assert isinstance(single["value"], bytes) and single["key"] == decode(Verdict, single["value"]).id
            pairs.append((single["value"], proof))
    return pairs


@pytest.mark.parametrize("size", [1, 64, COUNT + 1])
def test_signed_verdicts_are_the_same_verdicts(new_world: type[World], tmp_path: Path, size: int) -> None:
    """Octet by octet and in the same order, each with a proof that holds; dead letters and tallies as ever."""
    plain, signed = judged(new_world, 50, None), judged(new_world, size, tmp_path)
    for topic in (APPROVED.name, REJECTED.name):
        pairs = signed_of(signed, topic)
        assert plain.ledger.outputs[topic] == [value for value, _ in pairs]
        assert all(holds(topic, 0, value, proof) for value, proof in pairs)
        assert not signed.ledger.outputs.get(topic)
    assert plain.tally_values() == signed.tally_values()
    letters = [[each["value"] for each in world.ledger.singles if each["topic"] == DEAD_LETTERS.name]
               for world in (plain, signed)]  # fmt: skip
    assert letters == [[b"not evidence"]] * 2


def test_the_same_batches_have_the_same_proofs(new_world: type[World], tmp_path: Path) -> None:
    """A batch that was rolled back and is folded again is the same batch."""
    once, again = judged(new_world, 40, tmp_path), judged(new_world, 40, tmp_path)
    assert once.ledger.singles == again.ledger.singles


def test_the_evidence_of_a_topics_verdicts_goes_up(new_world: type[World], tmp_path: Path) -> None:
    """By that a reader knows one that somebody has written once more (topics/verdict_check.py)."""
    world = judged(new_world, 40, tmp_path)
    for topic in (APPROVED.name, REJECTED.name):
        offsets = [decode(Verdict, value).evidence.offset for value, _ in signed_of(world, topic)]
        assert offsets and all(before < after for before, after in pairwise(offsets))
