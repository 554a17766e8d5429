"""Ticks: which partitions of email-tallies have something open that the time alone would end. Pure.

Watch's time is that of the tallies; where nothing is sent none come, and a window or an incident would stay open. A
tick is a tally with nothing in it but its second.
"""

from collections.abc import Mapping

PATIENCE = 5.0
"""Seconds for which a tally is waited for that would end it as well."""


class WatchTicks:
    """What was ticked already: a tick is on its way, and each ends everything that is due by then."""

    def __init__(self) -> None:
        self._ticked: dict[int, int] = {}

    def partitions(self, due: Mapping[int, int], now: float) -> list[int]:
        """Of partitions, by the second from which on there is something to end: those that need a tick now, each
        once."""
        found = [partition for partition, second in due.items() if second + PATIENCE <= now]
        needing = [partition for partition in found if self._ticked.get(partition, 0) < due[partition]]
        self._ticked.update({partition: int(now) for partition in needing})
        return needing
