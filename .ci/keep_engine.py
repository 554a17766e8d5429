"""Keeps the present fold beside the next one: before ENGINE is raised, once a released version has shipped it.

    python .ci/keep_engine.py

copies streams/decide/batch.py and whatever of streams/decide it imports into a room of its own, streams/engines/e5
(for engine 5), whose modules import each other and nothing of streams/decide any more. Then add its packages to
pyproject.toml and its line to FOLDS in streams/audit/folds.py; its golden log stays, and tells whether what it shares
with the present fold (contract, tables' codec) still means the same. docs/decisions/063 has the whole of it.
"""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOM = "sidestep.streams.decide"
FIRST = ("batch", "engine", "tables")
"""What an audit calls of a fold."""


def keep(into: Path, package: str, room: Path = ROOT / "streams" / "decide") -> list[Path]:
    """Copy the fold in the folder `room` into `into`, which will be imported as `package`. The files written."""
    written = []
    for name in sorted(closure(room)):
        source = _source(room, name)
        target = into / source.relative_to(room)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text("utf-8").replace(ROOM, package), "utf-8")
        written.append(target)
    for data in sorted(room.rglob("*.toml")):
        target = into / data.relative_to(room)
        if target.parent.is_dir():
            target.write_bytes(data.read_bytes())
            written.append(target)
    return written


def closure(room: Path) -> set[str]:
    """The modules of the room that the fold is made of: "batch", "rules.ladder", … and "" for the room itself."""
    found: set[str] = set()
    waiting = ["", *FIRST]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            parents = name.split(".")[:-1]
            waiting += [".".join(parents[: n + 1]) for n in range(len(parents))]
            waiting += _imported(_source(room, name), room)
    return found


def _imported(source: Path, room: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(ROOM):
            name = (node.module or "")[len(ROOM) :].lstrip(".")
            yield name
            more = (f"{name}.{each.name}".lstrip(".") for each in node.names)  # from package import module
            yield from (each for each in more if _source(room, each).is_file())
        elif isinstance(node, ast.Import):
            yield from (each.name[len(ROOM) + 1 :] for each in node.names if each.name.startswith(ROOM + "."))


def _source(room: Path, name: str) -> Path:
    path = room.joinpath(*name.split(".")) if name else room
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def main() -> None:
    """Keep the fold that is in the tree."""
    spec = importlib.util.spec_from_file_location("engine", ROOT / "streams" / "decide" / "engine.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    name = f"e{module.ENGINE}"
    into = ROOT / "streams" / "engines" / name
    if into.exists():
        sys.exit(f"keep_engine: {into} is there already: raise ENGINE in streams/decide/engine.py")
    written = keep(into, f"sidestep.streams.engines.{name}")
    print(f"keep_engine: {len(written)} files in {into}: add its packages to pyproject.toml, its line to FOLDS in")
    print("streams/audit/folds.py; then raise ENGINE and make the golden logs of the new one")


if __name__ == "__main__":
    main()
