"""Which records a stage can fold: what its judge makes dead letters of, and what an audit passes over. Pure."""

from collections.abc import Iterable
from typing import TypeVar

from msgspec import to_builtins

MOST = 253_402_300_799_999
"""The last millisecond of the year 9999: no field of any record has use for a larger number, nor for one below the
negative of it."""
UNREADABLE = (ValueError, RecursionError, TypeError)
"""What a decoder raises of a record that can't be read."""

ModelT = TypeVar("ModelT")


def check_stamps(stamps: Iterable[int], most: int = MOST) -> None:
    """Raises OverflowError for a stamp that no clock shows: a partition's clock would never go back from there."""
    if max(stamps, default=0) > most:
        raise OverflowError(f"a stamp is beyond {most}")


def within(model: ModelT) -> ModelT:
    """The model itself. Raises ValueError where a number in it is beyond MOST."""
    waiting = [to_builtins(model)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, int) and not -MOST <= value <= MOST:
            raise ValueError(f"{value} is beyond what any number here can be")
    return model
