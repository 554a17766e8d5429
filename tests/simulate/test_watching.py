"""Watch over the simulated company is the real one, and time goes on for it."""

from sidestep.schemas import Tally
from sidestep.streams.simulate.watching import SidestepWatching
from tests.watch.scene import START, tally

STORM = [
    tally(START + 10, "crm", source="import", approved=200, never_mailed=200),
    tally(START + 40, "crm", source="import", delivered=100, hard_bounces=100),
]


def test_an_incident_is_told_and_closed_though_nothing_more_comes() -> None:
    """The tick of a simulated minute does what a worker's tick does."""
    watching = SidestepWatching(START)
    watching.take(STORM, START + 60.0)
    assert [] == watching.anomalies
    watching.take([], START + 120.0)
    assert ("bounce-storm", "opened") in [(it.pattern, it.state) for it in watching.anomalies]
    watching.take([], START + 86_400.0)
    assert "closed" in [it.state for it in watching.anomalies]


def test_what_was_before_its_time_is_no_incident() -> None:
    """But what the policy wants done is heard, whenever it was said."""
    watching = SidestepWatching(START + 1_000)
    said = Tally(service="", partition=0, second=START, policy="abc")
    watching.take([*STORM, said], START + 60.0)
    watching.take([], START + 5_000.0)
    assert [] == watching.anomalies
