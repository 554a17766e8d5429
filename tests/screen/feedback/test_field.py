"""Reports and webhook bodies as people met them, from a folder beside the project, and what a postmaster makes of each.

Half of them were misread once.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import parse

FIELD = Path(__file__).parents[4] / "shared" / "data" / "field"
EXPECTED = FIELD / "expected.json"
CASES: list[dict[str, Any]] = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else []

Wanted = dict[str, list[Any]]
"""The values that are right for each field of an outcome."""


def fits(outcome: Outcome, wanted: Wanted) -> bool:
    """Whether every field of an outcome has one of its right values."""
    return all(getattr(outcome, field) in values for field, values in wanted.items())


def faults(found: list[Outcome], wanted: list[Wanted]) -> list[str]:
    """What is missing and what is too much, each wanted outcome taken once; [] if all is right."""
    rest = list(found)
    missing = []
    for want in wanted:
        taken = next((outcome for outcome in rest if fits(outcome, want)), None)
        if taken is None:
            missing.append(f"missing {want}")
        else:
            rest.remove(taken)
    return missing + [f"found {outcome}" for outcome in rest]


def case_faults(case: dict[str, Any]) -> list[str]:
    """What is wrong with the outcomes of a case's files; [] if nothing is."""
    found = [parse((FIELD / name).read_bytes()) for name in case["files"]]
    wrong = [
        fault for outcomes, want in zip(found, case.get("expect", ()), strict=False) for fault in faults(outcomes, want)
    ]
    if case.get("never_hard"):
        wrong += [f"hard: {outcome}" for outcomes in found for outcome in outcomes if outcome.hard]
    if source := case.get("known_source"):
        wrong += [f"not {source}'s: {outcomes}" for outcomes in found if all(one.source != source for one in outcomes)]
    return wrong


@pytest.mark.skipif(not CASES, reason=f"no cases at {FIELD}")
@pytest.mark.parametrize("case", CASES, ids=[case["slug"] for case in CASES])
def test_what_people_met_is_read_right(case: dict[str, Any]) -> None:
    """Every outcome of every file."""
    assert [] == case_faults(case), case["right"]
