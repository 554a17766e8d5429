"""What people see while topics grow."""

from typing import Protocol


class Show(Protocol):
    """What people see of it."""

    def step(self, what: str, total: int = 0) -> None:
        """A step begins, of so many records; 0: nobody knows."""

    def done(self, records: int) -> None:
        """So many of them are done."""

    def say(self, text: str) -> None:
        """Something to know meanwhile."""
