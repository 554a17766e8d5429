"""Writes the contract as JSON Schema 2020-12, for services that are not written in Python.

python -m sidestep.schemas.generate                      writes schemas/json
python -m sidestep.schemas.generate --check              is it up to date, and does it break no reader or writer?
python -m sidestep.schemas.generate --release VERSION    what is compared with from now on
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec

from sidestep.schemas.codec import MODELS
from sidestep.schemas.compatibility import breaks

FOLDER = Path(__file__).parent / "json"
RELEASED = Path(__file__).parent / "released"
"""The schemas of the last release, in a folder of its version."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text(name: str) -> str:
    """The JSON Schema of one of MODELS, as the text of its file."""
    schema = {"$schema": DIALECT, "$id": f"urn:sidestep:{name}", **msgspec.json.schema(MODELS[name])}
    return json.dumps(_in_ecma(schema), indent=2, ensure_ascii=False) + "\n"


def _in_ecma(schema: Any) -> Any:
    """Patterns as ECMA-262 writes them. There `$` is the end and nothing before it, which Python calls `\\Z`, and `\\d`
    knows ASCII's digits alone, which Python has to be told by `(?a)`."""
    if isinstance(schema, list):
        return [_in_ecma(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: each.removeprefix("(?a)").replace(r"\Z", "$")
        if name == "pattern" and isinstance(each, str)
        else _in_ecma(each)
        for name, each in schema.items()
    }


def path_of(name: str) -> Path:
    """The file of one of MODELS."""
    return FOLDER / f"{name}.schema.json"


def stale() -> list[Path]:
    """Files that are missing, differ from what the models say, or belong to no model."""
    wanted = {path_of(name): schema_text(name) for name in MODELS}
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    return differing + sorted(set(FOLDER.glob("*")) - set(wanted))


def write() -> None:
    """Brings the folder up to date."""
    FOLDER.mkdir(exist_ok=True)
    for path in stale():
        path.unlink(missing_ok=True)
    for name in MODELS:
        path_of(name).write_text(schema_text(name), "utf-8")


def broken() -> list[str]:
    """What the models no longer let others write or read, compared with the last release."""
    found: list[str] = []
    for path in sorted(RELEASED.glob("*/*.schema.json")):
        name, released = path.name.partition(".")[0], json.loads(path.read_text("utf-8"))
        found += breaks(name, released, json.loads(schema_text(name))) if name in MODELS else [f"{name} is gone"]
    return found


def release(version: str) -> None:
    """Keeps the schemas as those of `version`, in place of the last release's."""
    shutil.rmtree(RELEASED, ignore_errors=True)
    (RELEASED / version).mkdir(parents=True)
    for name in MODELS:
        (RELEASED / version / path_of(name).name).write_text(schema_text(name), "utf-8")


def main(arguments: list[str]) -> int:
    """Exit status: 1 if --check finds something stale or broken."""
    match arguments:
        case []:
            write()
        case ["--check"]:
            faults = [f"{path.name} is stale: make schemas" for path in stale()] + broken()
            print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
            return 1 if faults else 0
        case ["--release", version]:
            release(version)
        case _:
            print("usage: python -m sidestep.schemas.generate [--check | --release VERSION]", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
