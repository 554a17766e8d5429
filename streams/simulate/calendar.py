"""The calendar of a simulated company: when lists are imported, when mailings go out, when incidents begin. Pure,
seeded."""

from collections.abc import Iterator
from typing import NamedTuple

from sidestep.streams.simulate.assumptions import Assumptions, Mailing
from sidestep.streams.simulate.chance import Chance

DAY = 86400


class Handout(NamedTuple):
    """One mailing of a kind: to whom, from when on. `sources`: of those that have come by then."""

    mailing: Mailing
    number: int
    at: int
    sources: tuple[str, ...]


class Calendar:
    """Days as Unix seconds, by name. The seed moves imports and incidents by a few days."""

    def __init__(self, world: Assumptions, chance: Chance):
        self._world = world
        random, time = chance.of("calendar"), world.time
        jitter = int(world.incidents["jitter"])
        self.imports = {
            name: time.judged_from + (source.day + random.randint(0, jitter)) * DAY
            for name, source in world.sources.items()
            if source.day is not None
        }
        self.incidents = {
            name: time.judged_from + (int(day) + random.randint(0, jitter)) * DAY + random.randrange(7, 18) * 3600
            for name, day in world.incidents.items()
            if name != "jitter"
        }
        self.handouts = sorted(
            (handout for mailing in world.mailings for handout in self._handouts(mailing)), key=lambda it: it.at
        )

    def next(self, campaign: str, after: float) -> int:
        """When the next mailing of a kind begins; the last one, where there is none."""
        times = [handout.at for handout in self.handouts if handout.mailing.campaign == campaign]
        return next((at for at in times if at >= after), times[-1])

    def _handouts(self, mailing: Mailing) -> Iterator[Handout]:
        time = self._world.time
        if mailing.times:
            for source in mailing.sources:
                for number in range(mailing.times):
                    at = self.imports[source] + number * mailing.every * DAY + mailing.hour * 3600
                    if at < time.ends:
                        yield Handout(mailing, number, at, (source,))
            return
        last = min(mailing.until, time.warm_up_days + time.judged_days)
        for number, day in enumerate(range(mailing.from_day, last, mailing.every)):
            at = time.begins + day * DAY + mailing.hour * 3600
            yield Handout(mailing, number, at, tuple(it for it in mailing.sources if self.imports.get(it, 0) < at))
