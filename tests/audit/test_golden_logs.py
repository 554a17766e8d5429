"""The golden log of each engine: every version says of it what the engine has always said, on any machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sidestep.schemas import Evidence, PolicyRecord
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.audit.folds import FOLDS, KINDS
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.runtime.readable import UNREADABLE
from tests.audit.golden_log import FOLDER, GoldenLog

WHAT_TO_DO = (
    "the fold of engine {engine} says something else about its golden log. If that is meant: raise ENGINE in "
    "streams/decide/engine.py, then python -m tests.audit.golden_log. If a release has shipped this engine, keep its "
    "fold before that: docs/decisions/063-folds-lie-side-by-side.md"
)
ROOT = Path(__file__).parents[2]


def of_kind(engine: str) -> list[Evidence | None]:
    """The records of a golden log; None for what can't be read."""
    found: list[Evidence | None] = []
    for value in GoldenLog(engine).values():
        try:
            found.append(decode_evidence(value))
        except UNREADABLE:
            found.append(None)
    return found


def test_every_engine_has_its_golden_log() -> None:
    """And there are no others: an engine whose fold is gone has no log."""
    engines = {path.name.split(".")[0].removeprefix("engine-") for path in FOLDER.iterdir()}
    assert set(FOLDS) == engines, "python -m tests.audit.golden_log makes that of a new engine"


@pytest.mark.parametrize("batch", [7, 2000])
@pytest.mark.parametrize("engine", FOLDS)
def test_an_engine_says_what_it_has_always_said(engine: str, batch: int) -> None:
    """Verdicts, tallies, rows and ids, octet by octet, however the log is cut."""
    log = GoldenLog(engine)
    assert log.said() == log.fold(batch), WHAT_TO_DO.format(engine=engine)


def test_the_golden_log_has_records_of_every_kind() -> None:
    """Otherwise it would not be worth much: signed and claimed, under two secrets, tests, and what nobody can read."""
    records = of_kind(ENGINE)
    assert KINDS == {type(record) for record in records} - {type(None)}, "a kind is missing in Days of golden_log.py"
    assert 4 <= records.count(None)
    policies = {record.version for record in records if isinstance(record, PolicyRecord)}
    assert 6 <= len(policies)
    for field in ("proved", "claimed", "former", "test", "reused", "listed", "mailbox", "metadata", "source", "token"):
        assert any(getattr(record, field, None) for record in records), field


ELSEWHERE = {
    "another hash seed": {"PYTHONHASHSEED": "4711", "LC_ALL": "C"},
    "another place": {"PYTHONHASHSEED": "0", "LC_ALL": "C.utf8", "TZ": "Pacific/Chatham", "PYTHONUTF8": "0"},
    "no optimising": {
        "PYTHONHASHSEED": "random",
        "LC_ALL": "tr_TR.UTF-8",
        "TZ": "America/St_Johns",
        "PYTHONOPTIMIZE": "1",
    },
}
"""What must make no difference. A locale that is not there is as C."""


def pythons() -> list[str]:
    """The one that runs this, and the newest one that `make newest` has made an environment for."""
    made = sorted(ROOT.glob("build/newest-*/installed"))[-1:]
    return [sys.executable, *(str(stamp.with_name("bin") / "python") for stamp in made)]


@pytest.mark.parametrize("python", pythons())
def test_neither_hash_seed_nor_locale_nor_time_zone_makes_a_difference(python: str) -> None:
    """The same octets; on the newest Python as well: `make newest` runs all of this there."""
    folding = [
        subprocess.Popen(
            [python, "-m", "tests.audit.golden_log", "--fold", ENGINE],
            cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True,
        )
        for settings in ELSEWHERE.values()
    ]  # fmt: skip
    said = [(process.communicate(timeout=60)[0], process.returncode) for process in folding]
    assert [(GoldenLog(ENGINE).said(), 0)] * len(said) == [(json.loads(text), status) for text, status in said]


def test_a_golden_log_that_was_changed_is_found() -> None:
    """One octet of one number: the digests look at all of it."""
    log = GoldenLog(ENGINE)
    values = log.values()
    at = next(index for index, value in enumerate(values) if b'"attempt":2' in value)
    changed = msgspec.json.decode(values[at])
    assert changed["attempt"] == 2
    values[at] = msgspec.json.encode({**changed, "attempt": 3})
    log.values = lambda: values  # type: ignore[method-assign]
    assert log.said() != log.fold()
