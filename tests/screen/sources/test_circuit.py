"""The circuit breaker: when nobody is asked, who may try, and what closes it again."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.sources.circuit import Circuit


def opened(failures: int = 3, retry_after: float = 60.0, now: float = 1000.0) -> Circuit:
    circuit = Circuit(failures, retry_after)
    for _ in range(failures):
        circuit.failed(now)
    return circuit


def test_failures_in_a_row_open_it() -> None:
    """Fewer than the limit do not; the limit does, and it tells since when."""
    circuit = Circuit(3, 60.0)
    circuit.failed(1.0)
    circuit.failed(2.0)
    assert ("closed", True, None) == (circuit.state, circuit.allows(2.0), circuit.opened_at)
    circuit.failed(3.0)
    assert ("open", False, 3.0) == (circuit.state, circuit.allows(3.0), circuit.opened_at)


def test_a_success_starts_the_count_anew() -> None:
    """Failures that are not in a row never open it."""
    circuit = Circuit(2, 60.0)
    for now in range(10):
        circuit.failed(now)
        assert circuit.allows(now)
        circuit.succeeded(now)


def test_exactly_one_is_let_through_when_the_time_is_up() -> None:
    """The second one waits for what becomes of the first."""
    circuit = opened()
    assert not circuit.allows(1059.9)
    assert [True, False, False] == [circuit.allows(1060.0) for _ in range(3)]
    assert "half-open" == circuit.state


def test_what_the_one_reports_decides() -> None:
    """A success closes it; a failure opens it for another full time, whatever the limit."""
    circuit = opened()
    assert circuit.allows(1060.0)
    circuit.failed(1061.0)
    assert ("open", 1061.0) == (circuit.state, circuit.opened_at)
    assert [False, True] == [circuit.allows(1120.9), circuit.allows(1121.0)]
    circuit.succeeded(1122.0)
    assert ("closed", True, None) == (circuit.state, circuit.allows(1122.0), circuit.opened_at)


def test_one_that_never_reports_back_is_given_up() -> None:
    """A cancelled attempt must not keep it shut for ever."""
    circuit = opened()
    assert circuit.allows(1060.0)
    assert [False, True, False] == [circuit.allows(1119.0), circuit.allows(1120.0), circuit.allows(1120.0)]


def test_late_failures_do_not_put_off_the_next_attempt() -> None:
    """Questions from before it opened time out one after the other."""
    circuit = opened(now=1000.0)
    circuit.failed(1030.0)
    assert circuit.allows(1060.0)


def test_a_clock_that_was_set_back_does_not_keep_it_shut() -> None:
    """Wall clocks jump; an hour back must not be an hour of silence."""
    assert opened(now=10_000.0).allows(6_400.0)


@given(st.lists(st.sampled_from(["ask", "fail", "succeed", "wait"]), max_size=60), st.integers(1, 4))
def test_it_never_stays_shut(events: list[str], failures: int) -> None:
    """Whatever happened, a question is let through after the time at the latest, and then a success closes it."""
    circuit, now = Circuit(failures, 10.0), 0.0
    for event in events:
        now += 11.0 if event == "wait" else 0.5
        if event == "ask":
            circuit.allows(now)
        elif event in ("fail", "succeed"):
            (circuit.failed if event == "fail" else circuit.succeeded)(now)
        assert (circuit.state == "closed") == (circuit.opened_at is None)
    assert circuit.allows(now + 10.0)
    circuit.succeeded(now + 10.0)
    assert "closed" == circuit.state
