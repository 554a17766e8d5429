"""Ticks: which partitions of the log need to be told that a second is over, because nothing else will tell them; and
what was refused meanwhile, which stands in no evidence. Pure.

Decide's time is that of the log, so a second without a successor would stay open, and its tallies with it. A tick goes
where there was traffic and has been none since the second ended; busy partitions need none.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

MOST = 64
"""Principals and reasons that a tick tells of: as many as Decide tells apart in a second."""


class Ticks:
    """Partitions of email-evidence by the second in which they were last written to."""

    def __init__(self) -> None:
        self._written: dict[int, int] = {}
        self._refused: Counter[str] = Counter()

    def wrote(self, partitions: Iterable[int], now: float) -> None:
        """Evidence went there, stamped `now` (Unix seconds) at the latest."""
        self._written.update(dict.fromkeys(partitions, int(now)))

    def refuse(self, records: Mapping[str, int]) -> None:
        """So many records were refused for who says them, by PRINCIPAL/REASON."""
        self._refused.update(records)

    def refused(self) -> dict[str, int]:
        """What was refused since it was last asked, the MOST frequent."""
        found, self._refused = self._refused, Counter()
        return dict(found.most_common(MOST))

    def due(self, now: float) -> list[int]:
        """Partitions whose last second with evidence is over; each is told once."""
        second = int(now)
        due = [partition for partition, written in self._written.items() if written < second]
        for partition in due:
            del self._written[partition]
        return due
