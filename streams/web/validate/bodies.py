"""Bodies under way: requests of which the head is there and the body not yet, some of each asker."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sidestep.streams.web.validate.problems import too_many_bodies

BODIES_EACH = 128
"""Of one asker. Most bodies come along with their heads; what has come of those that are waited for lies in memory."""


class Bodies:
    """The bodies under way of all askers."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    @contextmanager
    def arriving(self, asker: str) -> Iterator[None]:
        """A body from here to the end of the block. Raises Problem 429 where there are too many."""
        if self._of[asker] >= BODIES_EACH:
            raise too_many_bodies(BODIES_EACH)
        self._of[asker] += 1
        try:
            yield
        finally:
            self._of[asker] -= 1
