"""What the mailbox probe remembers: our own history, the last word first, and never an address."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.sources.probe.memory import MailboxHistory

JANE = "jane@lantern.example"
events = st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=12)


def test_the_last_word_counts_whatever_order_it_comes_in() -> None:
    """Feedback arrives late: a bounce of today stands against a delivery of last week that is told tomorrow."""
    history = MailboxHistory()
    assert 0 == history.alive_at(JANE)
    history.note(JANE, 1000)
    assert 1000 == history.alive_at(JANE)
    history.refute(JANE, 2000)
    history.note(JANE, 1500)
    assert 0 == history.alive_at(JANE)
    history.note(JANE, 3000)
    assert 3000 == history.alive_at(JANE)


@given(events)
def test_history_does_not_depend_on_order(told: list[tuple[bool, int]]) -> None:
    """Any order of the same events leads to the same answer."""
    answers = set()
    for order in (told, told[::-1], sorted(told)):
        history = MailboxHistory()
        for alive, at in order:
            (history.note if alive else history.refute)(JANE, at)
        answers.add(history.alive_at(JANE))
    assert 1 == len(answers)


def test_history_is_bounded_and_holds_no_address() -> None:
    """The oldest goes first; what is kept can't be read, and two processes keep different things."""
    history = MailboxHistory(size=2)
    for name in ("a", "b", "a", "c"):
        history.note(f"{name}@lantern.example", 1000)
    kept = [history.alive_at(f"{name}@lantern.example") for name in "abc"]
    assert [1000, 0, 1000] == kept
    assert b"lantern" not in repr(vars(history)).encode()
