"""How many dead letters the producers in quarantine of a partition may have of their own now: so many a second, and
those of a second at once. Pure."""


class LetterAllowance:
    """Of one partition. Times are seconds of a clock that only goes forward."""

    def __init__(self, rate: int, now: float):
        """`rate`: letters a second."""
        self._rate = rate
        self._left, self._at = float(rate), now

    def take(self, wanted: int, now: float) -> int:
        """How many of the wanted ones there may be."""
        self._left = min(self._left + (now - self._at) * self._rate, self._rate)
        self._at = now
        taken = min(wanted, int(self._left))
        self._left -= taken
        return taken
