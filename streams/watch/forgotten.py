"""When rows of services end, of whom nothing has been heard for long. Pure.

Whoever may write intents can make services up: of one that was hardly there, nothing is usual, and what Watch knows of
it is true of every new one. It goes as the first tally of a day comes.
"""

from sidestep.streams.watch.baselines import WEEK, WEEKS
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.tables import BaselineRow, ReadersRow, StoryRow

HOUR = 3600
FORGOTTEN, SMALL_FORGOTTEN = 400 * 86_400, 7 * 86_400
"""Seconds of silence after which a story ends, or what is usual; and a story of fewer than SMALL intents."""
SMALL = 100
HARDLY_FORGOTTEN = WEEK * WEEKS * HOUR
"""Seconds of silence after which no hour of the week is remembered: what is usual for a service of fewer than HARDLY
intents ends then."""
HARDLY = 10


def forget(state: WatchState, second: int) -> None:
    """End the rows of whom nothing has been heard for long. `second`: of log time."""
    stories = state.stories.by_key.items()
    for key in [key for key, row in stories if row.last_seen < second - _story_kept(row)]:
        state.stories.drop(key)
    baselines = state.baselines.by_key.items()
    for key in [key for key, row in baselines if row.hour * HOUR < second - _baseline_kept(row)]:
        state.baselines.drop(key)
        if state.forests.get(key) is not None:
            state.forests.drop(key)
    readers = state.readers.by_key.items()
    for key in [key for key, row in readers if row.hour * HOUR < second - _readers_kept(row)]:
        state.readers.drop(key)


def _story_kept(row: StoryRow) -> int:
    return FORGOTTEN if row.asked_for >= SMALL else SMALL_FORGOTTEN


def _baseline_kept(row: BaselineRow) -> int:
    """Of whom there was more than that, so many at once are news even after a year."""
    intents = max(row.highest, row.peak, row.taught.intents + row.now.intents)
    return FORGOTTEN if intents >= HARDLY else HARDLY_FORGOTTEN


def _readers_kept(row: ReadersRow) -> int:
    """Days with much mail are remembered; of a service that never had one, a day."""
    arrived = row.arrived + sum(number for _, number, _ in row.day)
    return FORGOTTEN if row.days or arrived >= HARDLY else HARDLY_FORGOTTEN
