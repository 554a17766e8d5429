"""Stories of services, sources and campaigns: what happened to them lately, and over a representative volume. Pure."""

from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.patterns import Sight
from sidestep.streams.watch.state import WatchState, story_key
from sidestep.streams.watch.tables import StoryRow
from sidestep.streams.watch.thresholds import Windows
from sidestep.streams.watch.usual import Usual

FEW = 2
"""Fewer intents in a window begin no story, unless something bad comes back: whoever makes up a source for each intent
would fill the ledger."""
SOURCE, CAMPAIGN, PROVIDER = "source", "campaign", "provider"
"""Kinds of stories besides those of services."""


def tell(state: WatchState, key: bytes, start: int, counts: Counts, span: int, windows: Windows) -> StoryRow:
    """Add a window to a story. `span`: seconds for which its windows are kept one by one."""
    row = state.stories.get(key) or StoryRow(start)
    row.last_seen = start
    row.recent = [(when, counted) for when, counted in row.recent if when > start - span]
    row.recent.append((start, counts))
    row.asked_for = min(windows.new, row.asked_for + counts.intents)
    row.story.add(counts)
    while row.story.intents >= windows.representative:
        row.story.halve()
    state.stories.put(key, row)
    return row


def within(row: StoryRow, start: int, seconds: int) -> Counts:
    """What the windows of the last so many seconds held, with the one that starts at `start`."""
    counts = Counts()
    for when, counted in row.recent:
        if when > start - seconds:
            counts.add(counted)
    return counts


def lately(row: StoryRow, start: int, windows: Windows) -> tuple[Counts, Counts]:
    """The short and the long time that sources, campaigns and providers are looked at for."""
    return within(row, start, windows.short), within(row, start, windows.source_long)


def sight_of(
    told: StoryRow, spans: tuple[Counts, ...], start: int, usual: Usual, windows: Windows, reported: bool
) -> Sight:
    """A source or a campaign, at the end of a window that it was in; `spans`: see `lately`."""
    return Sight(spans, usual, reported, whole=told.story if is_new(told, start, windows) else None)


def is_new(row: StoryRow, start: int, windows: Windows) -> bool:
    """Whether a source or campaign has not been there for long enough to say what it is like."""
    return row.asked_for < windows.new or start - row.first_seen < windows.long


def hears_of_deliveries(row: StoryRow) -> bool:
    """Whether a service is told what was delivered, at least of most."""
    story = row.story
    return 2 * story.answered >= story.approved and story.delivered > 0


def _worth_it(counts: Counts) -> bool:
    return counts.intents >= FEW or counts.hard_bounces + counts.complaints + counts.traps > 0


def stories_of(
    state: WatchState, service: str, start: int, kind: str, named: dict[str, Counts], windows: Windows
) -> list[tuple[str, StoryRow]]:
    """Add a window to the stories of all its sources (or campaigns), in the order of their names."""
    span = windows.source_long
    keys = [(name, story_key(service, kind, name)) for name in sorted(named)]
    return [
        (name, tell(state, key, start, named[name], span, windows))
        for name, key in keys
        if _worth_it(named[name]) or state.stories.get(key) is not None
    ]
