"""How many intents may go now: a rate, of which a second's worth at once. Pure."""

SECOND_US = 1_000_000


class ReleasePace:
    """Of one partition. A backlog after an outage is spread by it, and no flood."""

    def __init__(self) -> None:
        self._spent_us = 0

    def room(self, interval_us: int, now_us: int) -> int:
        """Intents that may go now, one in `interval_us` microseconds."""
        return max(0, (now_us - self._begin(interval_us, now_us)) // interval_us)

    def spend(self, intents: int, interval_us: int, now_us: int) -> None:
        """So many have gone."""
        self._spent_us = self._begin(interval_us, now_us) + intents * interval_us

    def _begin(self, interval_us: int, now_us: int) -> int:
        """A clock that was set back gives nothing away, and takes a second at the most."""
        burst = max(SECOND_US, interval_us)
        return min(max(self._spent_us, now_us - burst), now_us)
