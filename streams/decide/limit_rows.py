"""What rows of domains and services keep of limits. Plain values only.

As in tables.py, times are seconds unless named otherwise and fields are stored by position.
"""

from msgspec import Struct


class Slowed(Struct, array_like=True, gc=False):
    """What a domain's server has answered about our speed, and what is left of the limit since. See slow_down.py."""

    per_minute: int
    """Messages in its busiest minute before that."""
    speed: int = 1000
    """Thousandths that were left when it was lowered last; 1000: answers are only counted as yet."""
    lowered_at: int = 0
    until: int = 0
    """From then on it climbs."""
    answered: int = 0
    """When it was taken seriously last, …"""
    said: str = ""
    """… and what it was."""
    counted_from: int = 0
    answers: int = 0
    """Since then, that were not taken seriously yet."""


class WarmUp(Struct, array_like=True, gc=False):
    """The warm-up of a service at an MX provider. See warm_up.py."""

    day: int
    """Since 1970, by UTC: the last one on which something was sent."""
    step: int
    """Days of sending before that one that have counted."""
    sent: int = 0
    """On that day."""
    slot_us: int = 0
    """The next time that was not promised to a deferred intent."""


class ComesFirst(Struct, array_like=True, gc=False):
    """Of a limit that services share: those who come before others. See commons.py."""

    at: int
    """When one of them was there last, to the minute."""
    slot_us: int = 0
    """The next free retry slot promised to one of them, and under which limit."""
    slot_interval_us: int = 0
    others_us: int = 0
    """From then on a message of the others goes whatever these need: they are not to wait for ever."""
