"""Which deferred intents wait: of each the last deferral, until another verdict, and only where the policy says so."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas.verdicts import REFUSALS, FiredRule, LogPosition, Verdict, Versions
from sidestep.streams.decide.policy import Release
from sidestep.streams.decide.standing import Follows
from sidestep.streams.release.fold import Folded, fold
from sidestep.streams.release.tables import DUE, WAITING, DueRow, WaitingRow, due_key, due_of, intent_key
from sidestep.streams.runtime.outgoing import Outgoing
from tests.decide.memory_ledger import MemoryLedger

AT = 1_800_000_000.0
ALL = Release(frozenset({"*"}))


def verdict(action: str = "defer", rule: str = "limit", **fields: Any) -> Verdict:
    """On w-1 of shop: deferred for an hour, unless told otherwise."""
    given: dict[str, Any] = {
        "id": "w-1",
        "to": "ada@shop.example",
        "service": "shop",
        "action": action,
        "decision": "approved" if action == "send" else "rejected",
        "rules": [FiredRule(rule, "A sentence.")],
        "retry_at": AT + 3_600 if action == "defer" else None,
        "decided_at": AT,
        "evidence": LogPosition("email-evidence", 0, 1),
        "versions": Versions("p"),
    }
    return Verdict(**given | fields)


def folded(*verdicts: Verdict, offering: Release = ALL, signs: bool = True) -> Folded:
    return fold(enumerate(verdicts), {}, offering, signs)


def rows(found: Folded) -> dict[bytes, WaitingRow]:
    return {key: row for key, row in found.writes.of(WAITING).items() if row is not None}


def test_a_deferral_waits_until_another_verdict_comes() -> None:
    """A later one takes its place; a final one ends it."""
    first, again = verdict(), verdict(attempt=2, retry_at=AT + 7_200)
    (row,) = rows(folded(first)).values()
    assert WaitingRow(1_800_003_600_000, 0, "shop", 1_800_000_000_000) == row
    (row,) = rows(folded(first, again)).values()
    assert (1_800_007_200_000, 1) == (row.due, row.offset)
    assert {} == rows(folded(first, verdict("drop", attempt=2)))
    assert 1 == folded(first, verdict("drop", attempt=2)).ended


def test_what_else_comes_under_its_id_changes_nothing() -> None:
    """Refusals, tests, and claims where the service was proved; a test itself does not wait."""
    first = verdict(proved="shop-2026")
    for rule in sorted(REFUSALS):
        assert 1 == len(rows(folded(first, verdict("drop", rule, proved="shop-2026"))))
    assert 1 == len(rows(folded(first, verdict("drop", proved="shop-2026", test=True))))
    assert 1 == len(rows(folded(first, verdict("drop"))))
    assert {} == rows(folded(verdict(test=True)))


def test_the_policy_says_whose_intents_wait() -> None:
    """Those that it names and does not exempt; what was proved only where it can be proved again; not for ever."""
    for offering in (Release(), Release(frozenset({"crm"})), Release(frozenset({"*"}), frozenset({"shop"}))):
        assert {} == rows(folded(verdict(), offering=offering))
    assert 1 == len(rows(folded(verdict(), offering=Release(frozenset({"shop"})))))
    assert 1 == len(rows(folded(verdict(), signs=False)))
    assert {"no-key": 1} == folded(verdict(proved="shop-2026"), signs=False).left
    assert {"last-attempt": 1} == folded(verdict(attempt=1000)).left


def test_nothing_is_due_too_early() -> None:
    """Parts of milliseconds are rounded up; absurd times fit into a row."""
    (row,) = rows(folded(verdict(retry_at=AT + 0.0001))).values()
    assert 1_800_000_000_001 == row.due
    for odd in (1e300, -1.0):
        (row,) = rows(folded(verdict(retry_at=odd, decided_at=odd))).values()
        assert WAITING.encode(row)
        assert (row.due, 0) == due_of(due_key(row.due, 0))
    (row,) = rows(folded(verdict(retry_at=None))).values()
    assert 1_800_000_000_000 == row.due


KEYS = st.tuples(st.sampled_from("abc"), st.sampled_from(["defer", "defer", "drop", "refused"]), st.integers(0, 50))


@given(st.lists(KEYS, max_size=40), st.integers(1, 7))
def test_however_verdicts_are_cut_into_batches(history: list[tuple[str, str, int]], size: int) -> None:
    """The rows are the same, in both tables, and they are of whose last verdict was a deferral."""
    made = [
        verdict("defer" if what == "defer" else "drop", "id-reused" if what == "refused" else "limit", id=name,
                retry_at=AT + wait if what == "defer" else None)
        for name, what, wait in history
    ]  # fmt: skip
    batches = [list(enumerate(made))[at : at + size] for at in range(0, len(made), size)]
    known, due, waiting = _run(batches)
    assert (known, due) == _run([list(enumerate(made))] if made else [])[:2]
    last = {name: what for name, what, _ in history if what != "refused"}
    expected = {intent_key(verdict(id=name)) for name, what in last.items() if what == "defer"}
    assert expected == known.keys() == {row.intent for row in due.values()}
    assert len(expected) == waiting
    assert {due_key(row.due, row.offset) for row in known.values()} == due.keys()


def _run(batches: Iterable[list[tuple[int, Verdict]]]) -> tuple[dict[bytes, WaitingRow], dict[bytes, DueRow], int]:
    """The rows of both tables after all of it, and how many wait by what was counted."""
    ledger, waiting = MemoryLedger(), 0
    for batch in batches:
        found = fold(batch, dict(ledger.rows(WAITING)), ALL, True)
        ledger.commit(Outgoing(), found.writes, batch[-1][0])
        waiting += found.change["shop"]
    return dict(ledger.rows(WAITING)), dict(ledger.rows(DUE)), waiting


def test_refusals_are_what_decide_calls_them() -> None:
    """Whoever renames a rule there changes what waits here."""
    assert {Follows.ALREADY_DECIDED.value, Follows.OUT_OF_TURN.value, Follows.ID_REUSED.value} < REFUSALS
