"""A log is folded by the fold that has judged it: an old one beside the present one, and each for its stretch."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sidestep.schemas import Verdict
from sidestep.schemas.codec import decode, encode
from sidestep.streams.audit import Replayer
from sidestep.streams.audit.audit_partition import PartitionAuditor, Span
from sidestep.streams.audit.findings import PartitionAudit
from sidestep.streams.audit.folds import FOLDS, KINDS, Begun, Fold, Folds, stretches
from sidestep.streams.audit.kept import Kept
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.judge import Judge
from sidestep.streams.decide.tables import ENGINES
from sidestep.streams.errors import UnknownEngine
from tests.audit.conftest import golden_lines
from tests.audit.test_audit_partition import replaced
from tests.audit.world_log import PARTITIONS, Copy, audited_world, copy_of, judge_in_batches
from tests.decide.world import World

ROOT = Path(__file__).parents[2]
LOG = golden_lines("log")
LEDGER = "email-ledger-changelog"


def script(name: str) -> ModuleType:
    """A script of .ci as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHANGES = {
    "engine.py": ("ENGINE = ", 'ENGINE = "test"\n_RAISED = '),
    # a mailbox is given a second chance
    "rules/history.py": (
        "    count = case.recipient.hard_bounces\n",
        "    if (count := case.recipient.hard_bounces) < 2:\n        return None\n",
    ),
    # and the row of a domain has a field more
    "tables.py": ("known: ComesFirst | None = None\n", "known: ComesFirst | None = None\n    more: int = 7\n"),
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The package of another fold, made as docs/decisions/063 says; one rule and one row of it are changed. With the
    judge that a worker of its version has."""
    folder = tmp_path_factory.mktemp("engines")
    package = "kept_engine"
    script("keep_engine").keep(folder / package, package)
    decide = ROOT / "streams" / "decide"
    for name in ("judge.py", "tally_places.py", "place.py"):
        text = (decide / name).read_text("utf-8").replace("sidestep.streams.decide", package)
        (folder / package / name).write_text(text, "utf-8")
    for name, (old, new) in CHANGES.items():
        path = folder / package / name
        assert 1 == path.read_text("utf-8").count(old), name
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    sys.path.insert(0, str(folder))
    yield package
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def folds(room: str) -> Folds:
    """Both."""
    tables = importlib.import_module(f"{room}.tables")
    other = Fold.of(importlib.import_module(f"{room}.batch"), tables.TABLES)
    return {**FOLDS, other.engine: other}


def judged_by(room: str, world: World) -> None:
    """From here on a worker of this version has the partition."""
    world.judge = importlib.import_module(f"{room}.judge").Judge(world.ledger, PARTITIONS)


def audited(log: Copy, folds: Folds) -> PartitionAudit:
    """What a version with these folds finds."""
    return PartitionAuditor(log.log(), Span(), folds=folds).audit()


def engines_of(log: Copy) -> list[str]:
    """What the verdicts name, in the order of their evidence."""
    values = [kept.value for name in ("email-approved", "email-rejected") for kept in log.topics[name]]
    verdicts = sorted((decode(Verdict, value) for value in values), key=lambda it: it.evidence.offset)
    return [verdict.versions.engine for verdict in verdicts]


@pytest.fixture(scope="module")
def old_log(room: str) -> Copy:
    """All of it was judged by the other fold."""
    world = audited_world()
    judged_by(room, world)
    judge_in_batches(world, LOG, 7)
    return copy_of(world)


@pytest.fixture(scope="module")
def upgraded_log(room: str) -> Copy:
    """A third of it each by the present fold, the other one, and the present one once more: somebody went back."""
    world = audited_world()
    for number, start in enumerate(range(0, len(LOG), len(LOG) // 3 + 1)):
        if number == 1:
            judged_by(room, world)
        else:
            world.judge = Judge(world.ledger, PARTITIONS)
        judge_in_batches(world, LOG[start : start + len(LOG) // 3 + 1], 7)
    return copy_of(world)


def test_the_other_fold_is_another(old_log: Copy, judged_log: Copy) -> None:
    """Otherwise nothing here would show anything: its verdicts and its rows are others."""
    assert {"test"} == set(engines_of(old_log)) and {ENGINE} == set(engines_of(judged_log))
    unversioned = [
        [
            (kept.value or b"").replace(b'"engine":"test"', b'"engine":"%b"' % ENGINE.encode())
            for kept in log.topics[name]
        ]
        for log in (old_log, judged_log)
        for name in ("email-approved", "email-rejected")
    ]
    assert unversioned[:2] != unversioned[2:]
    rows = [{kept.key: kept.value for kept in log.topics[LEDGER]} for log in (old_log, judged_log)]
    assert rows[0][b"dexample.com"] != rows[1][b"dexample.com"]


def test_the_log_of_an_old_engine_is_proved_by_the_old_engine(old_log: Copy, folds: Folds) -> None:
    """Verdicts, tallies, rows and ids."""
    audit = audited(old_log, folds)
    assert ([], {"proved"}) == (audit.findings, {outcome for counts in audit.counts.values() for outcome in counts})


def test_where_there_is_no_old_engine_it_is_refused_by_name(old_log: Copy) -> None:
    """And says who says so."""
    with pytest.raises(
        UnknownEngine, match=rf"by {LEDGER}/0/\d+, the log was judged by engine test, this version folds"
    ):
        audited(old_log, FOLDS)
    with pytest.raises(UnknownEngine, match=f"engine test, this version folds by engine {ENGINE}: use the version"):
        Replayer(0, engine="test")


def test_a_log_that_lived_through_an_upgrade_is_proved(upgraded_log: Copy, folds: Folds) -> None:
    """Each stretch by its fold, with the rows that the one before it has left."""
    engines = engines_of(upgraded_log)
    assert [ENGINE, "test", ENGINE] == [engine for at, engine in enumerate(engines) if engines[at - 1 : at] != [engine]]
    audit = audited(upgraded_log, folds)
    assert ([], len(engines)) == (audit.findings, audit.proved)
    with pytest.raises(UnknownEngine, match="was judged by engine test"):
        audited(upgraded_log, FOLDS)


@pytest.mark.parametrize("batch", [1, 10, 2000])
def test_a_replay_goes_by_each_engine_in_its_stretch(upgraded_log: Copy, folds: Folds, batch: int) -> None:
    """However it is cut; without being told it goes by one."""
    third = len(LOG) // 3 + 1
    replayer = Replayer(0, folds=folds)
    replayer.fold_by([Begun(0, ENGINE), Begun(third, "test"), Begun(2 * third, ENGINE)])
    steps = list(replayer.replay(enumerate(LOG), batch))
    said = {encode(verdict) for step in steps for verdict in step.verdicts}
    assert {kept.value for name in ("email-approved", "email-rejected") for kept in upgraded_log.topics[name]} == said
    rows = {kept.key: kept.value for kept in upgraded_log.topics[LEDGER] if kept.key and kept.key[0]}
    assert {key: value for key, value in rows.items() if value is not None} == dict(replayer.tables.keyed.items(b""))


def test_who_says_another_offset_of_an_upgrade_is_found(upgraded_log: Copy, folds: Folds) -> None:
    """The fold notes it itself."""
    third = len(LOG) // 3 + 1
    key, other = (ENGINES.prefix + offset.to_bytes(8, "big") for offset in (third, third + 9))

    def moved(kept: list[Kept]) -> list[Kept]:
        return [record._replace(key=other) if record.key == key else record for record in kept]

    assert audited(upgraded_log.spoil(LEDGER, moved), folds).faults
    at = next(kept.offset for kept in upgraded_log.topics[LEDGER] if kept.key == key)
    present = replaced(at, b"\xa4test", b"\xa1" + ENGINE.encode())
    assert audited(upgraded_log.spoil(LEDGER, present), folds).faults


def test_verdicts_tell_where_the_ledger_does_not() -> None:
    """Versions before this table noted no engine; one verdict alone that names another was changed."""
    folds = dict.fromkeys(("1", "2"), FOLDS[ENGINE])
    two = Begun(40, "2", "a row")
    verdicts = [Begun(7, "1", "approved"), Begun(3, "0", "rejected")]
    assert [Begun(0, "1", "approved"), two] == stretches([two], verdicts, folds)
    assert [two] == stretches([two], [Begun(40, "1"), Begun(44, "0")], folds)
    assert [Begun(0, ENGINE)] == stretches([], [], folds)
    with pytest.raises(UnknownEngine, match="rejected was judged by engine 0, this version folds by engine 1, 2"):
        stretches([two], verdicts[1:], folds)


def test_an_old_engine_passes_over_kinds_that_it_does_not_know(folds: Folds) -> None:
    """As its workers do, who make dead letters of them."""
    tick = LOG[-1]
    assert b'"kind":"tick"' in tick
    deaf = {
        "test": Fold(
            **{**vars(folds["test"]), "kinds": frozenset(kind for kind in KINDS if kind.__name__ != "TickRecord")}
        )
    }
    (step,) = Replayer(0, engine="test", folds=deaf).replay(enumerate([LOG[0], tick]))
    assert ([0], 2, 1) == ([offset for offset, _ in step.records], step.read, step.last)
