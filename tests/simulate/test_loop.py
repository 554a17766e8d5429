"""The loop is closed: what is heard depends on what was sent, and on nothing that the protector may not see."""

import ast
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.runtime.tables import Row, Table
from sidestep.streams.simulate import sidestep
from sidestep.streams.simulate.assumptions import assumptions
from sidestep.streams.simulate.live_ledger import LiveLedger
from sidestep.streams.simulate.mailboxes import Truth
from sidestep.streams.simulate.plan import SimulationPlan, make_plan
from sidestep.streams.simulate.protect import DROP, SEND, Advice, BounceSuppression, Offer, Protector, Unprotected
from sidestep.streams.simulate.run import Recorder, SimulationRun, look_up_in, run
from sidestep.streams.simulate.sidestep import SidestepProtector
from tests.decide.memory_ledger import MemoryLedger

ROOT = Path(__file__).parents[2]
PLAN = make_plan(assumptions(0.02), 7)
Report = Bounce | Engagement


class Kept(Recorder):
    """Keeps what a company hears."""

    def __init__(self) -> None:
        self.sent: set[tuple[str, str]] = set()
        self.offers: list[Offer] = []
        self.reports: list[tuple[float, Report]] = []
        self.rulings: list[Advice] = []

    def offered(self, offer: Offer, ruling: Advice, hits: Truth) -> None:
        """An offer and its ruling."""
        self.offers.append(offer)
        self.rulings.append(ruling)
        if ruling.action == "send":
            self.sent.add((offer.intent.service, offer.intent.id))

    def heard(self, at: float, report: Report) -> None:
        """A report."""
        self.reports.append((at, report))


class Chosen(Unprotected):
    """Sends what a function says."""

    def __init__(self, sends: Callable[[EmailIntent], bool]):
        self._sends = sends

    def offer(self, offers: Sequence[Offer]) -> list[Advice]:
        """By the intent alone."""
        return [SEND if self._sends(offer.intent) else DROP for offer in offers]


def play(protector: Protector, plan: SimulationPlan = PLAN) -> tuple[SimulationRun, Kept]:
    """A run and what the company saw of it."""
    kept = Kept()
    return run(plan, protector, kept), kept


def test_what_is_not_sent_is_not_heard_of() -> None:
    """No bounce, no open, no complaint of a message that was stopped."""
    done, kept = play(Chosen(lambda intent: intent.id.endswith(("0", "1", "2"))))
    assert 0 < done.sent < done.offered
    assert {(report.service, report.intent_id) for _, report in kept.reports} <= kept.sent
    assert {"bounce", "delivered", "opened"} <= {report.kind for _, report in kept.reports}


def test_nothing_is_heard_where_nothing_is_sent() -> None:
    """Nor does anybody list a company that sends nothing."""
    done, kept = play(Chosen(lambda intent: False))
    assert [] == kept.reports
    assert [] == done.listed
    assert all(course.sent_at == 0 for course in done.courses)


def test_a_message_has_the_same_fate_whoever_protects() -> None:
    """Its bounce comes at the same moment with the same words: what differs between two runs is what was stopped."""
    everything, half = play(Unprotected())[1], play(Chosen(lambda intent: int(intent.id[-1]) % 2 == 0))[1]
    all_dead, half_dead = (_dead(kept) for kept in (everything, half))
    # a provider that listens to a block list may refuse one of them before it looks for the mailbox
    both = all_dead.keys() & half_dead.keys()
    assert len(both) > 0.5 * len(half_dead) > 50
    assert {id: all_dead[id] for id in both} == {id: half_dead[id] for id in both}


def _dead(kept: Kept) -> dict[str, str]:
    """Bounces of mailboxes that do not exist, by intent."""
    return {report.intent_id: repr(report) for _, report in kept.reports if "5.1.1" in repr(report)}


def test_a_bounce_that_was_heard_changes_what_is_sent() -> None:
    """Suppression drops what bounced before, and so less of it bounces."""
    bounces = [
        sum(isinstance(report, Bounce) and report.status == "5.1.1" for _, report in kept.reports)
        for kept in (play(Unprotected())[1], play(BounceSuppression())[1])
    ]
    assert bounces[1] < 0.8 * bounces[0]


def test_time_only_goes_forward() -> None:
    """For whoever listens: offers by offers, reports by reports, and no report before the message."""
    _, kept = play(Unprotected())
    offered = {(offer.intent.service, offer.intent.id): offer.at for offer in kept.offers}
    assert sorted(at for at, _ in kept.reports) == [at for at, _ in kept.reports]
    assert sorted(offer.at for offer in kept.offers) == [offer.at for offer in kept.offers]
    assert all(at >= offered[report.service, report.intent_id] for at, report in kept.reports)


@pytest.mark.parametrize("module", ["sidestep", "watching", "protect", "live_ledger"])
def test_who_protects_cannot_see_the_truth(module: str) -> None:
    """Their modules know the contract, name servers' answers and each other, and nothing of the world."""
    tree = ast.parse((ROOT / "streams/simulate" / f"{module}.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    of_the_world = {name for name in imported if name.startswith("sidestep.streams.simulate")}
    theirs = {f"sidestep.streams.simulate.{name}" for name in ("protect", "live_ledger", "watching")}
    assert of_the_world <= theirs


def test_an_offer_holds_what_a_service_publishes() -> None:
    """An intent of the contract and the time; its id tells nothing but the order."""
    _, kept = play(Unprotected())
    assert {EmailIntent} == {type(offer.intent) for offer in kept.offers}
    assert all(offer.intent.metadata is None and not offer.intent.test for offer in kept.offers)


class Stored(MemoryLedger):
    """A ledger that keeps rows as they are on disk, with the simulation's names for it."""

    def scan(self, table: Table[Row]) -> Iterable[tuple[bytes, Row]]:
        """All rows."""
        return self.rows(table)

    between = staticmethod(LiveLedger.between)  # type: ignore[assignment]  # here a stretch is a scan of everything

    def keep(self, writes: dict[Table[Any], dict[bytes, Any]]) -> None:
        """Write them."""
        for table, rows in writes.items():
            stored = self.stored.setdefault(table.name, {})
            for key, row in rows.items():
                if row is None:
                    stored.pop(key, None)
                else:
                    stored[key] = table.encode(row)


def test_the_ledger_in_memory_judges_like_one_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that live on as objects, and ids that are forgotten after nine days, make no difference to any verdict."""
    small = make_plan(assumptions(0.01), 3)

    def rulings() -> list[Advice]:
        policy = SHIPPED.read_text().replace("messages = 1000", "messages = 10")
        protector = SidestepProtector(look_up_in(small), policy, small.world.time.begins, partitions=2)
        return play(protector, small)[1].rulings

    in_memory = rulings()
    monkeypatch.setattr(sidestep, "LiveLedger", Stored)
    assert rulings() == in_memory
    assert {"send", "drop", "defer"} <= {ruling.action for ruling in in_memory}
