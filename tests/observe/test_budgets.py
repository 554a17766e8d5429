"""The budgets of memory, as a scrape shows them."""

from sidestep.streams.observe.budgets import SHARED, Held
from sidestep.streams.observe.metrics import Metrics


def test_each_budget_is_shown_beside_what_is_taken_of_it() -> None:
    """As it is when somebody asks."""
    metrics, taken = Metrics(), [7]
    metrics.budgets.show("screen", "records", lambda: Held(taken[0], 100))
    metrics.budgets.show(SHARED, "block-cache", lambda: Held(3, 50))
    taken[0] = 9
    shown = {
        (family.name, sample.labels["role"], sample.labels["what"]): sample.value
        for family in metrics.families()
        if "_memory_" in family.name
        for sample in family.samples
    }
    assert {
        ("sidestep_memory_octets", "screen", "records"): 9,
        ("sidestep_memory_budget_octets", "screen", "records"): 100,
        ("sidestep_memory_octets", "all", "block-cache"): 3,
        ("sidestep_memory_budget_octets", "all", "block-cache"): 50,
    } == shown
