"""Real bounces of many MTAs and providers: their reason and hardness, against what people found them to mean."""

import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from sidestep.streams.screen.feedback.parse import parse
from tests.screen.feedback.collected import as_we_read_them

BOUNCES = Path(__file__).parents[4] / "shared" / "data" / "bounces"
EXPECTED = BOUNCES / "expected.json"
REASON_SHARE, HARD_SHARE = 0.97, 0.99
MILLISECONDS_MAX = 50

Wanted = dict[str, Any]
Found = tuple[str, bool]
"""Reason, and whether it is hard."""

needs_data = pytest.mark.skipif(not EXPECTED.exists(), reason=f"no bounces at {BOUNCES}")


def compared(name: str, wanted: list[Wanted]) -> list[tuple[str, Wanted, Found | None]]:
    """Each expected outcome with the one found for it; a surplus one shows as a missing expectation."""
    found = [(outcome.reason, outcome.hard) for outcome in parse((BOUNCES / name).read_bytes())]
    rows: list[tuple[str, Wanted, Found | None]] = []
    for want in sorted(wanted, key=lambda want: (want["reason"], want["hard"]) not in found):
        exact = (want["reason"], want["hard"])
        taken = exact if exact in found else next(iter(found), None)
        if taken:
            found.remove(taken)
        rows.append((name, want, taken))
    return rows + [(name, {"reason": "(none)", "hard": not hard}, (reason, hard)) for reason, hard in found]


@needs_data
def test_reasons_and_hardness_of_real_bounces() -> None:
    """At least 97 % have the right reason and 99 % the right `hard`; the rest is listed."""
    expected = json.loads(EXPECTED.read_text())
    rows = [row for name, wanted in expected.items() for row in compared(name, as_we_read_them(name, wanted))]
    reasons = sum(found is not None and want["reason"] == found[0] for _, want, found in rows)
    hard = sum(found is not None and want["hard"] == found[1] for _, want, found in rows)
    rest = [
        f"{name}: {want['reason']} -> {found}" for name, want, found in rows if not found or want["reason"] != found[0]
    ]
    print(f"\nreason {reasons / len(rows):.1%}, hard {hard / len(rows):.1%} of {len(rows)}", *rest, sep="\n")
    assert reasons / len(rows) >= REASON_SHARE, rest
    assert hard / len(rows) >= HARD_SHARE, rest


@needs_data
def test_no_real_bounce_takes_long() -> None:
    """50 ms of processor time at most for each; the best of three, because the machine is shared."""
    slow = {}
    for file in sorted(BOUNCES.glob("*.eml")):
        octets = file.read_bytes()
        best = min(elapsed(octets) for _ in range(3))
        if best * 1000 > MILLISECONDS_MAX:
            slow[file.name] = best
    assert {} == slow


def elapsed(octets: bytes) -> float:
    """Processor seconds for one message."""
    start = process_time()
    parse(octets)
    return process_time() - start
