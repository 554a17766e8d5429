"""Writes the contract as JSON Schema 2020-12, for services that are not written in Python.

python -m sidestep.schemas.generate [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from sidestep.schemas.anomalies import Anomaly
from sidestep.schemas.evidence import Evidence
from sidestep.schemas.feedback import Bounce, Engagement
from sidestep.schemas.intents import EmailIntent
from sidestep.schemas.tallies import Tally
from sidestep.schemas.verdicts import Verdict

FOLDER = Path(__file__).parent / "json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MODELS: dict[str, Any] = {
    "email-intent": EmailIntent,
    "bounce": Bounce,
    "engagement": Engagement,
    "evidence": Evidence,
    "verdict": Verdict,
    "tally": Tally,
    "anomaly": Anomaly,
}


def schema_text(name: str) -> str:
    """The JSON Schema of one of MODELS, as the text of its file."""
    schema = {"$schema": DIALECT, "$id": f"urn:sidestep:{name}", **msgspec.json.schema(MODELS[name])}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


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


def main(arguments: list[str]) -> int:
    """Exit status: 1 if --check finds something stale."""
    if arguments == ["--check"]:
        for path in stale():
            print(f"{path.name} is stale: make schemas", file=sys.stderr)
        return 1 if stale() else 0
    if arguments:
        print("usage: python -m sidestep.schemas.generate [--check]", file=sys.stderr)
        return 2
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
