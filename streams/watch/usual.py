"""The share that is usual: what a service was taught, and what its sources have always been like. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from sidestep.streams.logistic import sum_of
from sidestep.streams.watch.baselines import usual_share
from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.thresholds import Cold

Count = Callable[[Counts], int]


class KnownSource(NamedTuple):
    """A source that is not new: what it held lately, and its story, which has that, too."""

    lately: Counts
    story: Counts

    @property
    def before(self) -> Counts:
        """What it was like until then. Worked out when asked for: of few windows anything is suspected."""
        counts = Counts()
        counts.add(self.story)
        counts.take(self.lately)
        return counts


class Usual(NamedTuple):
    """Of a service, or of what it sends under one name."""

    taught: Counts
    """Hours without an incident."""
    parts: tuple[KnownSource, ...] = ()
    """What it is made of: who has always been worse than the service is compared with itself."""

    def share(self, bad: Count, of: Count, cold: Cold) -> float:
        """The usual share of bad ones; UNKNOWN where nobody knows."""
        taught = usual_share(bad(self.taught), of(self.taught), cold)
        befores = [(part.lately, part.before) for part in self.parts]
        shares = [(of(lately), usual_share(bad(before), of(before), cold)) for lately, before in befores]
        messages = sum(weight for weight, _ in shares)
        if not messages or max(share for _, share in shares) < 0:
            return taught
        return max(taught, sum_of(weight * max(0.0, taught, share) for weight, share in shares) / messages)
