"""The fold once more: the verdicts, tallies and rows that Decide has made of the same log."""

from pathlib import Path

import pytest
from rocksdict import Cache

from sidestep.schemas import ErasureRecord
from sidestep.schemas.codec import encode
from sidestep.streams.audit import Replayer, ReplayTables
from sidestep.streams.audit.key_values import InMemory, KeyValues
from sidestep.streams.audit.on_disk import OnDisk
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.errors import NoPolicy, UnknownEngine
from tests.audit.conftest import golden_lines
from tests.audit.world_log import Copy
from tests.decide.world import KEYS, START, intent, policy

LOG = list(enumerate(golden_lines("log")))
JANE = "jane@example.com"


@pytest.mark.parametrize("batch", [1, 7, 2000])
def test_the_golden_log_is_folded_to_its_golden_verdicts_and_tallies(batch: int) -> None:
    """Octet by octet, however it is cut."""
    steps = list(Replayer(0).replay(LOG, batch))
    assert golden_lines("verdicts") == [encode(verdict) for step in steps for verdict in step.verdicts]
    tallies = sorted((t for step in steps for t in step.tallies), key=lambda t: (t.second, t.service, t.policy))
    assert golden_lines("tallies") == [encode(tally) for tally in tallies]
    assert len(LOG) == sum(step.read for step in steps)


def test_a_state_on_disk_and_one_in_memory_are_the_same(tmp_path: Path) -> None:
    """Octet by octet."""
    on_disk = [OnDisk(tmp_path / name, Cache(1_000_000)) for name in ("rows", "window")]
    in_memory: list[KeyValues] = [InMemory(), InMemory()]
    for stores in (on_disk, in_memory):
        for _ in Replayer(0, ReplayTables(*stores)).replay(LOG, 10):
            pass
    for disk, memory in zip(on_disk, in_memory, strict=True):
        rows = list(memory.items(b""))
        assert rows and rows == list(disk.items(b""))
        middle = rows[len(rows) // 2][0]
        assert list(memory.items(middle[:1], middle[1:], b"\xff")) == list(disk.items(middle[:1], middle[1:], b"\xff"))
        disk.close()


def test_a_replay_goes_on_from_a_state() -> None:
    """Half of the log, then another replayer with the tables of the first; what it has already is passed over."""
    first = Replayer(0)
    said = [encode(verdict) for step in first.replay(LOG[:60], 10) for verdict in step.verdicts]
    second = Replayer(0, first.tables, start=first.next)
    said += [encode(verdict) for step in second.replay(LOG[50:], 10) for verdict in step.verdicts]
    assert golden_lines("verdicts") == said
    assert first.log_time_ms < second.log_time_ms


def test_a_state_of_before_an_erasure_comes_to_the_same_rows() -> None:
    """As a snapshot has it that is older: the person is in that state, and not in what follows from it."""
    records = [policy(), intent("1"), intent("2", "tom@example.com"), ErasureRecord(KEYS.recipient(JANE), "ops", START)]
    log = list(enumerate(map(encode, records)))
    whole, before = Replayer(0), Replayer(0)
    for replayer, until in ((whole, 4), (before, 3)):
        for _ in replayer.replay(log[:until]):
            pass
    assert _holds(before, JANE)
    after = Replayer(0, before.tables, start=before.next)
    for _ in after.replay(log):
        pass
    assert not _holds(whole, JANE) and not _holds(after, JANE) and _holds(after, "tom@example.com")
    assert list(whole.tables.keyed.items(b"")) == list(after.tables.keyed.items(b""))


def _holds(replayer: Replayer, address: str) -> bool:
    key = KEYS.recipient(address)
    return any(key in octets for item in replayer.tables.keyed.items(b"") for octets in item)


def test_the_state_before_a_record_can_be_had() -> None:
    """In the middle of a batch, while its step is in hand."""
    replayer = Replayer(0)
    records = [policy(), intent("1"), intent("2"), intent("3")]
    for _ in replayer.replay(enumerate(map(encode, records))):
        row = KEYS.recipient("jane@example.com")
        assert [0, 0, 1, 2] == [
            known.unanswered if (known := replayer.before(offset).recipients.get(row)) else 0 for offset in range(4)
        ]


def test_what_decide_makes_dead_letters_of_is_passed_over() -> None:
    """No JSON, no value, a number that no row can keep, a stamp beyond all clocks."""
    values = [encode(policy()), b"{", None, encode(intent("1")), encode(intent("2", at=10**18)), encode(intent("3"))]
    (step,) = Replayer(0).replay(enumerate(values))
    assert ["1", "3"] == [verdict.id for verdict in step.verdicts]
    assert (6, 5) == (step.read, step.last)


def test_another_engine_is_refused_by_name() -> None:
    """Its verdicts would be others."""
    with pytest.raises(UnknownEngine, match=f"engine 0, this version folds by engine {ENGINE}: use the version"):
        Replayer(0, engine="0")


def test_a_log_without_a_policy_is_refused() -> None:
    """With the place of the intent."""
    with pytest.raises(NoPolicy, match="email-evidence/0@7"):
        list(Replayer(0).replay([(7, encode(intent("1", at=START)))]))


def test_rows_are_those_of_the_judges_changelog(judged_log: Copy) -> None:
    """Key by key, octet by octet."""
    replayer = Replayer(0)
    for _ in replayer.replay(LOG, 3):
        pass
    last = {kept.key: kept.value for kept in judged_log.topics["email-ledger-changelog"]}
    for ours in (b"\0marker", b"\0chain"):
        last.pop(ours)
    assert {key: value for key, value in last.items() if value is not None} == dict(replayer.tables.keyed.items(b""))
