"""The glossary keeps up with the tree: each noun once, in order, and where it says it is."""

import ast
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from sidestep.topics.catalog import BY_NAME

ROOT = Path(__file__).parents[1]
TWICE = {"Publisher": "a service's, and the stages' own, which knows partitions"}
"""Class names that two modules define, and why. A protocol may be called as what it stands for."""

MODULES = [path for folder in ("schemas", "topics", "streams") for path in sorted((ROOT / folder).rglob("*.py"))]
PRONOUNS = "It|Its|They|Their|Them|Those|These|Whoever|Both"

GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ROWS = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in GLOSSARY.splitlines() if "| `" in line]
NOUNS = [row[0] for row in ROWS]


def classes(path: Path) -> list[ast.ClassDef]:
    """Classes that a module defines itself."""
    return [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]


def declared(path: Path) -> set[str]:
    """Classes and other names that a module defines itself."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)} | {node.name for node in classes(path)}


def faults(where: str) -> list[str]:
    """What a cell of the last column names and the tree does not have."""
    found: list[str] = []
    module: Path | None = None
    for name in re.findall(r"`([^`]+)`", where):
        if "/" in name:
            module = ROOT / name
            found += [] if module.exists() else [name]
        elif name[0].isupper():
            known = module is not None and module.is_file() and name in declared(module)
            found += [] if known else [f"{name} in {module}"]
        else:
            found += [] if name in BY_NAME else [name]
    return found


@pytest.mark.parametrize("row", ROWS, ids=NOUNS)
def test_a_noun_lives_where_the_glossary_says(row: tuple[str, ...]) -> None:
    """Each folder, module, class and topic of the last column exists, and something is named at all."""
    noun, meaning, where = row
    assert noun and len(meaning) > 15
    assert "`" in where
    assert [] == faults(where)


def test_the_glossary_is_in_order_and_has_each_noun_once() -> None:
    """Alphabetical, whatever the case: two meanings of one noun would stand side by side."""
    assert len(NOUNS) > 80
    assert [] == [pair for pair in pairwise(NOUNS) if pair[0].lower() >= pair[1].lower()]


def test_a_class_name_means_one_thing() -> None:
    """Whoever looks a class up finds one, unless there is a reason for two."""
    found = [
        node for path in MODULES for node in classes(path) if "Protocol" not in "".join(map(ast.unparse, node.bases))
    ]
    count = Counter(node.name for node in found if not node.name.startswith("_"))
    assert TWICE.keys() == {name for name, times in count.items() if times > 1}


def test_a_docstring_begins_with_its_subject() -> None:
    """Not with a pronoun, whose noun a reader would have to look for."""
    opened = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (text := ast.get_docstring(node) or "")
    ]
    assert [] == [line for line in opened if re.match(rf"[^:]+: (?:{PRONOUNS})\b", line)]


def test_the_readme_leads_to_the_glossary() -> None:
    """A newcomer finds it."""
    assert "(docs/glossary.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
