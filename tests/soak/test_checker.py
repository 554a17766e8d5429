"""A soak notices what is missing, what came twice and what ended badly."""

import pytest

from tests.guarantees.harness.records import Key
from tests.soak.checker import Account, Exit, Name, Outcome, bad_exits

MIXED: Key = ("shop", "a-1", 1, "u@d1.example")
NAMES: tuple[Name, ...] = (0, 1, 5000, MIXED)


@pytest.fixture
def account() -> Account:
    """Four intents sent and acknowledged."""
    made = Account()
    for name in NAMES:
        made.sent.add(name)
        made.acknowledge(name)
    return made


def test_one_verdict_each_is_fine(account: Account) -> None:
    """Nobody is behind, nothing lost, repeated or strange."""
    for name in NAMES:
        account.judge(name)
    assert (4, 4, 0) == (account.acknowledged, account.verdicts, account.behind)
    assert ([], [], []) == (account.lost(), account.repeated(), account.strange())


@pytest.mark.parametrize("missing", NAMES)
def test_a_missing_verdict_is_noticed(account: Account, missing: Name) -> None:
    """It is behind, then lost."""
    for name in NAMES:
        if name != missing:
            account.judge(name)
    assert account.behind == 1
    assert account.lost() == [missing]


@pytest.mark.parametrize("twice", NAMES)
def test_a_repeated_verdict_is_noticed(account: Account, twice: Name) -> None:
    """Although nobody is behind."""
    for name in (*NAMES, twice):
        account.judge(name)
    assert account.behind == 0
    assert account.verdicts == 5
    assert account.repeated() == [twice]


def test_a_verdict_on_what_nobody_sent_is_noticed(account: Account) -> None:
    """A number that was not reached, a key that nobody knows."""
    account.judge(6000)
    account.judge(("shop", "other", 1, "u@d1.example"))
    assert [6000, ("shop", "other", 1, "u@d1.example")] == account.strange()


def test_a_verdict_may_come_before_the_acknowledgement() -> None:
    """The answer to the publisher was slower than everything else. Published again, it counts once."""
    account = Account()
    account.sent.add(7)
    account.judge(7)
    account.acknowledge(7)
    account.acknowledge(7)
    assert (1, 0, []) == (account.acknowledged, account.behind, account.lost())


def test_what_kafka_did_not_take_may_have_a_verdict_or_none() -> None:
    """The publisher was told nothing: neither is wrong."""
    account = Account()
    account.sent.add(1)
    account.sent.add(2)
    account.judge(1)
    assert (0, [], []) == (account.behind, account.lost(), account.strange())


def test_verdicts_are_counted_anew(account: Account) -> None:
    """All of them are read again in the end; what was counted before plays no part."""
    account.judge(0)
    again = account.anew()
    assert (4, 0, 4) == (again.acknowledged, again.verdicts, again.behind)
    again.judge(0)
    assert again.repeated() == []
    assert again.behind == 3


def test_workers_may_end_as_they_are_told_or_with_what_is_wrong() -> None:
    """Killed, left, or left with an error that says what to do."""
    assert [] == bad_exits(
        [Exit(0, -9, "kill", True), Exit(0, 0, "term", True), Exit(1, 3, "term", False), Exit(1, 3, "", False)]
    )


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (Exit(1, 1, "", False), "worker 1 ended by itself with 1"),
        (Exit(1, 0, "", False), "worker 1 ended by itself with 0"),
        (Exit(0, -11, "", True), "worker 0 ended by itself with -11"),
        (Exit(0, -9, "", True), "worker 0 ended by itself with -9"),
        (Exit(0, -6, "term", True), "worker 0 ended after term with -6"),
        (Exit(0, -9, "hung", True), "worker 0 did not end when it was told to"),
    ],
)
def test_other_ends_are_noticed(end: Exit, sentence: str) -> None:
    """A traceback, a crash in C, memory that was too little, a worker that does not heed SIGTERM."""
    assert [sentence] == bad_exits([end])
    assert [f"{sentence}, 2 times"] == bad_exits([end, end])


def test_a_crash_loop_is_noticed() -> None:
    """Three ends in a row with nothing wrong around it; with something wrong, a worker may end as often as it likes."""
    loop = ["worker 0 ended again and again with nothing wrong around it"]
    assert loop == bad_exits([Exit(0, 3, "", True)] * 3)
    assert [] == bad_exits([Exit(0, 3, "", False)] * 9)
    assert [] == bad_exits([Exit(0, 3, "", True), Exit(1, 3, "", True), Exit(0, 3, "", True)])
    assert [] == bad_exits([Exit(0, 3, "", True), Exit(0, 3, "", True), Exit(0, -9, "kill", True)] * 3)


def test_the_outcome_is_one_line() -> None:
    """As scripts read it."""
    outcome = Outcome(10, 10, 0, 0, 0, 3, 5)
    assert outcome.fine
    assert "acknowledged=10 verdicts=10 stalled=0 lost=0 repeated=0 kills=3 faults=5" == str(outcome)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(10, 10, 1, 0, 0, 3, 5), Outcome(10, 9, 0, 1, 0, 3, 5), Outcome(10, 11, 0, 0, 1, 3, 5),
        Outcome(10, 10, 0, 0, 0, 3, 5, ("worker 1 ended by itself with 1",)),
    ],
    ids=["stalled", "lost", "repeated", "something else"],
)  # fmt: skip
def test_what_is_not_fine(outcome: Outcome) -> None:
    """Each alone is enough."""
    assert not outcome.fine
