"""The rate limit on questions to one service or operator: GCRA, the clock in seconds. Pure."""

from sidestep.streams.gcra import Rate, advance, earliest, furthest


class RateLimit:
    """A rate limit on questions; `rate` comes from `gcra.parse_rate`."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._tat_us = 0

    def take(self, now: float) -> bool:
        """May one more question go now (seconds)? Only one that may is counted."""
        now_us = int(now * 1_000_000)
        # a clock that was set back must not stop everything
        self._tat_us = min(self._tat_us, furthest(self._rate, now_us))
        if earliest(self._rate, self._tat_us) > now_us:
            return False
        self._tat_us = advance(self._rate, self._tat_us, now_us)
        return True
