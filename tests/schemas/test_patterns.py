"""What the patterns of the contract and of files that people write let in: whole texts, the same in all languages."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import sidestep.schemas
import sidestep.streams
import sidestep.topics
from sidestep.schemas import Bounce
from sidestep.schemas.codec import MODELS, ContractError, decode
from sidestep.schemas.generate import schema_text

PACKAGES = (sidestep.schemas, sidestep.topics, sidestep.streams)
STATUS = {"recipient": "ada@example.org", "kind": "bounce"}


def patterns_in(value: Any) -> Iterator[str]:
    """Of a JSON Schema: those that a validator would use. A property may be called `pattern` as well."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from [inside] if name == "pattern" and isinstance(inside, str) else patterns_in(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from patterns_in(inside)


def patterns_of_code() -> Iterator[tuple[str, str]]:
    """(file, pattern) of every Meta(pattern=…) of the product."""
    for package in PACKAGES:
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "pattern" and isinstance(node.value, ast.Constant):
                    yield path.name, str(node.value.value)


@pytest.mark.parametrize("name", MODELS)
def test_patterns_of_the_contract_take_whole_texts_only(name: str) -> None:
    """In Python `$` lets one line break through, which no other language's JSON Schema does."""
    for pattern in patterns_in(msgspec.json.schema(MODELS[name])):
        assert pattern.removeprefix("(?a)").startswith("^"), pattern
        assert pattern.endswith(r"\Z"), pattern


@pytest.mark.parametrize("name", MODELS)
def test_patterns_of_the_schema_files_are_everybodys(name: str) -> None:
    r"""ECMA-262 knows neither \Z nor flags in a pattern, RE2 no look-ahead: ^ and $ are what all have."""
    for pattern in patterns_in(json.loads(schema_text(name))):
        assert pattern.startswith("^"), pattern
        assert pattern.endswith("$"), pattern
        assert not re.search(r"\\[AZz]|\(\?[^:]", pattern), pattern


def test_patterns_of_files_take_whole_texts_only() -> None:
    """Names of doors and sources become parts of URLs and names of folders."""
    found = list(patterns_of_code())
    assert {name for name, _ in found} >= {"feedback.py", "doors.py", "file.py"}
    assert [each for each in found if not each[1].endswith(r"\Z")] == []


@pytest.mark.parametrize("status", ["5.1.1\n", "\n", "5.1.1 ", "5.1.1\r\n", "5.\u0661.1", "5.1.1\n5.1.1"])
def test_a_status_is_a_status_and_nothing_else(status: str) -> None:
    """What it is classified by; digits of other scripts are none of RFC 3463's."""
    with pytest.raises(ContractError, match="status"):
        decode(Bounce, json.dumps({**STATUS, "status": status}).encode())


@pytest.mark.parametrize("status", ["", "5.1.1", "4.200.999"])
def test_a_status_as_the_rfc_writes_it_is_read(status: str) -> None:
    """An absent one is an empty one."""
    assert decode(Bounce, json.dumps({**STATUS, "status": status}).encode()).status == status
