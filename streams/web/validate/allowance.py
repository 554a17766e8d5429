"""How many addresses each token may still ask about: the generic cell rate algorithm, one cell an address. Pure."""

from sidestep.streams.gcra import earliest, furthest
from sidestep.streams.web.validate.problems import over_burst, over_rate
from sidestep.streams.web.validate.tokens import Token


class Allowances:
    """One theoretical arrival time a token name; names come from the tokens file, so their number is bounded."""

    def __init__(self) -> None:
        self._tats: dict[str, int] = {}

    def take(self, token: Token, count: int, now_us: int) -> None:
        """All of `count` addresses or none of them. Raises Problem: 422 where waiting would not help, otherwise 429.

        `now_us`: microseconds of a clock that only goes forward.
        """
        if count > token.burst:
            raise over_burst(count, token.burst)
        rate = token.rate
        # the rate may have been changed in the file since: what an old, slower one led to does not bind the new one
        tat = self._tats[token.name] = min(self._tats.get(token.name, 0), furthest(rate, now_us))
        last = max(tat, now_us) + (count - 1) * rate.interval_us
        wait_us = earliest(rate, last) - now_us
        if wait_us > 0:
            raise over_rate(-(-wait_us // 1_000_000))
        self._tats[token.name] = last + rate.interval_us
