"""A circuit breaker: after some failures in a row nobody is asked for a while, then one question tries again.

Pure: the time is handed in, in seconds, of any clock as long as it is always the same one.
"""

from typing import Literal

CircuitState = Literal["closed", "open", "half-open"]


class Circuit:
    """The circuit of a service or operator. A question that was let through reports back: `succeeded` or `failed`."""

    def __init__(self, failures: int, retry_after: float) -> None:
        """`failures` in a row open it; `retry_after` seconds later one question is let through."""
        self._failures = failures
        self._retry_after = retry_after
        self._in_a_row = 0
        self._waiting_since = 0.0
        self._trying = False
        self.opened_at: float | None = None
        """When the circuit was opened, anew after each attempt that failed; None while it is closed."""

    @property
    def state(self) -> CircuitState:
        """The state: `open` also while the next question would be let through, `half-open` while it is under way."""
        if self.opened_at is None:
            return "closed"
        return "half-open" if self._trying else "open"

    def allows(self, now: float) -> bool:
        """May a question be sent? Exactly one is let through when an open circuit's time is up.

        A question that was let through and never reports back is given up after `retry_after`, and another one may try.
        """
        if self.opened_at is None:
            return True
        if 0 <= now - self._waiting_since < self._retry_after:  # a clock that was set back must not keep it shut
            return False
        self._waiting_since = now
        self._trying = True
        return True

    def succeeded(self, now: float) -> None:
        """A question was answered: the circuit closes, also by a late answer to a question from before it opened."""
        self._in_a_row = 0
        self._trying = False
        self.opened_at = None

    def failed(self, now: float) -> None:
        """A question failed. Late failures of questions from before it opened do not put off the next attempt."""
        self._in_a_row += 1
        if self._trying or (self.opened_at is None and self._in_a_row >= self._failures):
            self._trying = False
            self.opened_at = self._waiting_since = now
