"""The one table of roles: what is in it can be played, and nobody else knows a role by its name."""

import ast
import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidestep.streams.observe.report import Report
from sidestep.streams.roles import ROLES, load_role
from sidestep.streams.roles.role import Context, Role
from sidestep.streams.settings import Settings
from sidestep.topics.catalog import CATALOG

STREAMS = Path(__file__).parents[2] / "streams"
NAMELESS = [*(STREAMS / "runtime").glob("*.py"), *(STREAMS / "observe").glob("*.py"), STREAMS / "app.py"]
"""Files that hold for every role, also for one to come."""

SCREENS_ALONE = {"dns", "aiosmtplib", "rapidfuzz", "publicsuffixlist", "email_validator", "sidestep.streams.screen"}


def imported_by(role: str) -> set[str]:
    """Names in sys.modules of a new interpreter that has loaded what a worker of this role needs."""
    code = f"import sys, sidestep.streams.app as app\napp.load_role({role!r})\nprint(*sys.modules, sep=chr(10))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def _made(name: str, folder: Path) -> Role:
    partitions = {topic.name: topic.partitions for topic in CATALOG}
    return load_role(name)(Context(Settings(data_dir=str(folder)), partitions, Report(), print, print))


@pytest.mark.parametrize("name", ROLES)
def test_every_role_of_the_table_can_be_made_and_closed(name: str, tmp_path: Path) -> None:
    """Its name is the table's, and it has a pace; nothing is asked of Kafka for that."""

    async def life() -> Role:
        role = _made(name, tmp_path)
        await role.close()
        return role

    role = asyncio.run(life())
    assert name == role.name
    assert 0 < role.pace < 1


def test_a_worker_that_only_decides_does_not_load_screens_libraries() -> None:
    """They take 15 MB, which a worker that only decides has better use for; nor the other way round."""
    assert set() == SCREENS_ALONE & imported_by("decide")
    assert SCREENS_ALONE <= imported_by("screen")
    assert set() == {"rocksdict", "sidestep.streams.decide.judge"} & imported_by("screen")


def test_the_names_alone_can_be_had_without_faust() -> None:
    """`sidestep up --help` asks for them."""
    code = "import sys, sidestep.streams.roles\nprint(*sys.modules, sep=chr(10))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert set() == {"faust", "confluent_kafka", "sidestep.streams.roles.role"} & set(out.split())


@pytest.mark.parametrize("path", NAMELESS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_holds_for_every_role_names_none(path: Path) -> None:
    """No text and no name in them is made of a role's: a third role is a file and a line in the table. Whoever holds
    something releases it: that word is anybody's."""
    named = re.compile(rf"(?:\b|_)(?:{'|'.join(ROLES.keys() - {'release'})})(?:\b|_|s\b|d\b|ed\b)")
    assert [] == [word for word in _words(ast.parse(path.read_text())) if named.search(word)]


def _words(tree: ast.AST) -> Iterator[str]:
    """The texts of a module but for its docstrings, and every name in it."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        for field in ("id", "attr", "arg", "name", "module"):
            if isinstance(word := getattr(node, field, None), str):
                yield word
