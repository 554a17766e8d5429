"""The collector of cyclic garbage, fitted to batches."""

import gc

YOUNG = 200_000
"""Containers made before the youngest are looked at. A batch makes some ten thousand and drops them again without any
cycle among them; Python's own 700 would look at each batch a dozen times, and find nothing."""
MIDDLE = 20
OLD = 50
"""Collections of the younger generation before the older one is looked at."""


def fit_batches() -> None:
    """Call it when everything that stays is loaded: it is never walked again. What becomes garbage later still is
    collected, a thousand times less often.

    Measured (docs/benchmarks.md): a tenth of Decide's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
