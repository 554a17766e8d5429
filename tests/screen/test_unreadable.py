"""An intent that breaks the contract: its service hears so, once, and of the fault alone; the id stays free."""

import json
from typing import Any

import pytest

from sidestep.schemas import IntentEvidence, Verdict
from sidestep.schemas.codec import MAX_RECORD
from sidestep.schemas.reading import Sender, read_sender
from tests.decide.world import World
from tests.screen.test_screen_signed import everybody, signed
from tests.screen.test_screener import Desk, intent, run

BROKEN = intent("o-1", "jane@fast.example", created_at="26.11.2026 10:00")
MENDED = intent("o-1", "jane@fast.example", created_at="2025-11-26T10:00:00Z")


def _said(verdict: Verdict) -> tuple[str, int, str, list[str]]:
    return verdict.id, verdict.attempt, verdict.action, [rule.id for rule in verdict.rules]


def test_a_service_hears_what_is_wrong_with_its_intent() -> None:
    """Beside the dead letter; the same intent, mended, is judged under the same id."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        world = World()
        await at.screener.screen(at.batch(BROKEN, MENDED))
        refused, judged = world.append(*sorted(at.press.evidence(), key=lambda one: not one.unreadable))
        assert ("o-1", 1, "drop", ["unreadable"]) == _said(refused)
        assert refused.rules[0].text.startswith(
            "This intent breaks the contract: created_at = '26.11.2026 10:00' is neither Unix seconds nor RFC 3339."
        )
        assert ("", "shop", None, "rejected") == (refused.to, refused.service, refused.metadata, refused.decision)
        assert ("o-1", 1, "send", []) == _said(judged)
        assert [BROKEN] == [letter["value"] for letter in at.press.dead()]

    run(scenario)


def test_the_same_octets_are_answered_once() -> None:
    """However often they come: published in a loop, or read again after Screen was killed."""

    async def scenario(at: Desk) -> None:
        for _ in range(3):
            await at.screener.screen(at.batch(BROKEN, intent("o-1", attempt=0), MENDED, MENDED))
        records = [one for one in at.press.evidence() if one.unreadable]
        assert 6 == len(records)
        verdicts = World().append(*records)
        assert [["unreadable"]] * 2 == [_said(verdict)[3] for verdict in verdicts]

    run(scenario)


def test_a_worker_of_before_drops_it_as_no_address() -> None:
    """It passes over the field that it does not know: nothing may be sent to nobody."""
    seen: list[IntentEvidence] = []

    async def scenario(at: Desk) -> None:
        await at.screener.screen(at.batch(BROKEN, MENDED))
        seen.extend(one for one in at.press.evidence() if one.unreadable)

    run(scenario)
    (evidence,) = seen
    evidence.unreadable = ""
    (verdict,) = World().append(evidence)
    assert ("o-1", 1, "drop", ["address-syntax"]) == _said(verdict)


def test_nobody_hears_of_what_nobody_is_proved_to_have_said() -> None:
    """Where services sign: a forged record leads to no verdict, a signed one does, and says who has proved it."""

    async def scenario(at: Desk) -> None:
        forged = [(name, b"1;shop-1;1;x") for name, _ in signed(BROKEN)]
        await at.screener.screen(at.batch(BROKEN, BROKEN, BROKEN, headers=[(), forged, signed(BROKEN)]))
        assert [("o-1", "shop-1", False)] == [(it.id, it.proved, it.claimed) for it in at.press.evidence()]

    run(scenario, signers=everybody, share=1.0)


def test_a_signer_hears_only_of_its_own_service() -> None:
    """Billing's name in shop's record is shop's fault, and not told to billing."""

    async def scenario(at: Desk) -> None:
        theirs = intent("o-1", service="billing", created_at="?")
        await at.screener.screen(at.batch(theirs, headers=[signed(theirs)]))
        assert [] == at.press.evidence()

    run(scenario, signers=everybody, share=1.0)


@pytest.mark.parametrize(
    ("fields", "sender"),
    [
        ({"created_at": "?"}, Sender("1", "shop")),
        ({"to": 7}, Sender("1", "shop")),
        ({"attempt": 2, "test": True, "campaign": 1}, Sender("1", "shop", 2, True)),
        ({"attempt": "2", "test": 1}, Sender("1", "shop")),
        ({"attempt": 1001}, Sender("1", "shop")),
        ({"id": "\x1f"}, None),
        ({"id": ""}, None),
        ({"id": 7}, None),
        ({"service": "shop (claimed)"}, None),
        ({"service": "s" * 101}, None),
        ({"metadata": "x" * MAX_RECORD}, None),
    ],
    ids=str,
)
def test_who_can_be_told(fields: dict[str, Any], sender: Sender | None) -> None:
    """Id and service keep to the contract, whatever the rest does."""
    octets = json.dumps({"id": "1", "to": "jane@example.com", "service": "shop"} | fields).encode()
    assert sender == read_sender(octets)


@pytest.mark.parametrize("octets", [None, b"", b"{", b"[]", b"\xff", b'{"id":"1","service":"s","x":' + b"[" * 60_000])
def test_nobody_can_be_told_of_what_is_no_json(octets: bytes | None) -> None:
    """Never another exception."""
    assert read_sender(octets) is None
