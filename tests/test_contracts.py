"""Each import contract of pyproject.toml fails when somebody breaks it, directly or through another module."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS = [contract["name"] for contract in PYPROJECT["tool"]["importlinter"]["contracts"]]

OFFENCES = {
    "Decide is pure, but for its judge and the policy's file": [
        ("streams/decide/fold.py", "import time"),
        ("streams/decide/rules/case.py", "import random"),
        ("streams/gcra.py", "import asyncio"),
    ],
    "Stages do not know each other": [
        ("streams/screen/keys.py", "import sidestep.streams.decide.state"),
        ("streams/decide/judge.py", "import sidestep.streams.screen.keys"),
    ],
    "Watch is pure, but for its judge": [("streams/watch/batch.py", "import time")],
    "Release is pure, but for its releaser": [("streams/release/fold.py", "import time")],
    "A stage knows neither who wires it nor who observes it, nor the web": [
        ("streams/decide/judge.py", "import sidestep.streams.observe.metrics"),
        ("streams/screen/screener.py", "import sidestep.streams.web.listen"),
    ],
    "The runtime knows nothing about email": [
        ("streams/runtime/store.py", "import sidestep.schemas.intents"),
        ("streams/runtime/kafka.py", "import sidestep.topics.catalog"),
    ],
    "What is observed holds for every role": [("streams/observe/labels.py", "import sidestep.streams.decide.policy")],
    "The contract knows no Kafka client, Kafka's clients know no worker": [
        ("schemas/codec.py", "import sidestep.topics.catalog"),
        ("topics/plan.py", "import sidestep.streams.errors"),
    ],
    "Services that use the contract do not load the workers": [("topics/plan.py", "import click")],
}
"""Contract -> imports that break it: a file and the line that is added to it."""
EACH = [(name, *offence) for name, offences in OFFENCES.items() for offence in offences]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the product that can be spoilt; importable instead of the installed one."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ("streams", "topics", "schemas"):
        shutil.copytree(ROOT / room, tmp_path / "sidestep" / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def linted(tree: Path) -> dict[str, bool]:
    """Whether each contract is kept, by its name."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    env = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    return {
        name: any(line.startswith(f"{name} KEPT") for line in lines)
        for name in CONTRACTS
        if any(line.startswith(name) for line in lines)
    }


def test_every_contract_has_an_offence() -> None:
    """A new contract is tried as well."""
    assert set(CONTRACTS) == OFFENCES.keys()


def test_they_are_kept_as_long_as_nothing_is_added(tree: Path) -> None:
    """The copy is what `make lint` looks at."""
    assert dict.fromkeys(CONTRACTS, True) == linted(tree)


@pytest.mark.slow
@pytest.mark.parametrize(("contract", "file", "line"), EACH, ids=[f"{file}: {line}" for _, file, line in EACH])
def test_an_offence_is_found(tree: Path, contract: str, file: str, line: str) -> None:
    """By its contract, whatever else is broken with it."""
    spoilt = tree / "sidestep" / file
    spoilt.write_text(f"{spoilt.read_text('utf-8')}\n{line}\n", "utf-8")
    assert not linted(tree)[contract]
