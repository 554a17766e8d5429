"""Another policy beside running workers: what it says is compared with verdicts as they appear, however late."""

from collections.abc import Sequence

from sidestep.schemas import Evidence, Verdict
from sidestep.schemas.codec import encode
from sidestep.streams.audit import Replayer, ReplayTables
from sidestep.streams.audit.key_values import InMemory
from sidestep.streams.backtest.messages import Messages
from sidestep.streams.backtest.other_policy import copied, put_in_force
from sidestep.streams.backtest.shadow import PartitionShadow
from sidestep.streams.decide.policy_check import checked
from tests.decide.world import START, feedback, intent, policy, policy_text

TEXT = policy_text({"role-address": "reject"})
BEFORE: list[Evidence] = [policy(), intent("0", to="info@example.com", classes=("role",))]
AFTER: list[Evidence] = [
    intent("1", to="info@example.com", classes=("role",)),
    intent("2", to="x@example.com", mx="no"),
    policy(at=START + 1),
    intent("3", to="sales@example.com", classes=("role",)),
    feedback("opened", "sales@example.com", at=START + 60_000),
    intent("4", to="4@example.com", test=True),
]


def folded(log: Sequence[Evidence]) -> tuple[Replayer, list[Verdict]]:
    """The state after a log, and its verdicts."""
    replayer = Replayer(0)
    steps = list(replayer.replay(enumerate(map(encode, log))))
    return replayer, [verdict for step in steps for verdict in step.verdicts]


def shadow() -> PartitionShadow:
    """One that begins behind BEFORE."""
    tables: ReplayTables = copied(folded(BEFORE)[0].tables, lambda _: InMemory())
    put_in_force(tables, checked(TEXT), TEXT)
    return PartitionShadow(Replayer(0, tables, len(BEFORE)), Messages(InMemory()), checked(TEXT), TEXT)


def test_verdicts_are_compared_as_they_appear() -> None:
    """Those before it began are not; what was fetched again is passed over."""
    log, verdicts = [*BEFORE, *AFTER], folded([*BEFORE, *AFTER])[1]
    whole = shadow()
    whole.fold(enumerate(map(encode, log)))
    whole.settle()
    assert (6, 6, 0) == (whole.records, whole.waiting, whole.verdicts)
    for verdict in verdicts:
        whole.appeared(verdict)
        whole.settle()
    assert (0, 0, 3) == (whole.waiting, whole.ahead, whole.verdicts)
    assert {("send", "drop"): 2} == whole.otherwise
    counts = whole.counts()
    assert (3, 1, 0) == (counts.messages, counts.tests, counts.unjudged)
    assert {
        ("send", "drop", "engaged"): 1,
        ("send", "drop", "unknown"): 1,
        ("drop", "drop", "not-sent"): 1,
    } == counts.fates


def test_it_makes_no_difference_who_comes_first() -> None:
    """Verdicts before the evidence, in the order of their topics."""
    log, verdicts = [*BEFORE, *AFTER], folded([*BEFORE, *AFTER])[1]
    late = shadow()
    for verdict in sorted(verdicts, key=lambda verdict: verdict.decision):
        late.appeared(verdict)
    assert 4 == late.ahead
    for at in range(len(log)):
        late.fold([(at, encode(log[at]))])
        late.settle()
    assert (0, 0, 3) == (late.waiting, late.ahead, late.verdicts)
    assert {("send", "drop"): 2} == late.otherwise


def test_what_has_no_verdict_holds_up_nothing_for_good() -> None:
    """Verdicts behind it have appeared in both topics, so it will have none; what waits in the end is told."""
    verdicts = folded([*BEFORE, *AFTER])[1]
    gap = shadow()
    gap.fold(enumerate(map(encode, [*BEFORE, *AFTER])))
    sent, dropped = verdicts[1], verdicts[2]
    assert ("send", "drop") == (sent.action, dropped.action)
    gap.appeared(dropped)
    gap.settle()
    assert 6 == gap.waiting
    gap.appeared(verdicts[3])
    gap.settle()
    assert (1, 2) == (gap.waiting, gap.verdicts)
    assert 2 == gap.counts().unjudged  # the first, which nobody has judged, and the test that waits
