"""What is suspected at the end of a window: all patterns, put to a service, its sources and campaigns, or to all
services together. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from sidestep.streams.watch.baselines import advance, last_day, new_baseline, news, usual_volume
from sidestep.streams.watch.budgets import count_day, over_day, over_lately, over_volume
from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.patterns import (
    Sight,
    by_shares,
    forged_records,
    list_bombing,
    reputation_block,
    stray_reports,
    volume_spike,
)
from sidestep.streams.watch.readers import engagement_collapses
from sidestep.streams.watch.state import WatchState, story_key
from sidestep.streams.watch.stories import (
    CAMPAIGN,
    PROVIDER,
    SOURCE,
    hears_of_deliveries,
    is_new,
    lately,
    sight_of,
    stories_of,
    tell,
    within,
)
from sidestep.streams.watch.strangers import strangers
from sidestep.streams.watch.symptom import Symptom
from sidestep.streams.watch.tables import BaselineRow, StoryRow, WindowRow
from sidestep.streams.watch.thresholds import Document, Thresholds
from sidestep.streams.watch.unusual import unusual
from sidestep.streams.watch.usual import KnownSource, Usual

ALL = ""
"""The service that stands for all of them together."""
MOST = 0.6
"""Of the bad ones of a service: a source with so many is the one to fix."""
BAD = {
    "unknown_share": "unknown",
    "dormant_share": "dormant",
    "bounce_share": "hard_bounces",
    "complaint_share": "complaints",
    "expected_traps": "risk",
    "traps": "traps",
}
"""What is counted, by the name of the feature that a pattern goes by."""


class EndedWindow(NamedTuple):
    """A window that has ended, with what is known of its service by now. Times are Unix seconds."""

    start: int
    service: str
    row: WindowRow
    story: StoryRow
    baseline: BaselineRow


def ended(state: WatchState, start: int, service: str, row: WindowRow, rules: Thresholds) -> EndedWindow:
    """Take the window into the story of its service."""
    windows = rules.watch.windows
    story = tell(state, story_key(service), start, row.counts, windows.long, windows)
    return EndedWindow(start, service, row, story, state.baselines.get(service.encode()) or new_baseline(start))


def suspected(state: WatchState, window: EndedWindow, rules: Thresholds) -> list[Symptom]:
    """Everything that the window gives reason to suspect."""
    found = _of_all(state, window, rules) if window.service == ALL else _of_service(state, window, rules)
    return [one for one in found if one is not None]


def _of_service(state: WatchState, window: EndedWindow, rules: Thresholds) -> Iterator[Symptom | None]:
    start, service, row, story, baseline = window
    limits = rules.watch
    for _ in advance(baseline, start, limits.cold):  # once an hour
        yield from engagement_collapses(state, service, start, limits.engagement_collapse)
    short, long = (within(story, start, span) for span in (limits.windows.short, limits.windows.long))
    if row.late <= limits.windows.late * row.counts.intents:
        yield from _by_volume(state, window, short, limits)
    reported = hears_of_deliveries(story)
    sources = stories_of(state, service, start, SOURCE, row.sources, limits.windows)
    spans = {name: lately(told, start, limits.windows) for name, told in sources}
    old = [(name, told) for name, told in sources if not is_new(told, start, limits.windows)]
    known = {name: KnownSource(spans[name][-1], told.story) for name, told in old}
    for name, told in sources:
        usually = Usual(baseline.taught, (known[name],) if name in known else ())
        sight = sight_of(told, spans[name], start, usually, limits.windows, reported)
        yield from by_shares(sight._replace(source=name), limits)
        yield strangers(told, start, name, spans[name][0], limits.unknown_burst)
    usually = Usual(baseline.taught, tuple(known.values()))
    for name, told in stories_of(state, service, start, CAMPAIGN, row.campaigns, limits.windows):
        sight = sight_of(told, lately(told, start, limits.windows), start, usually, limits.windows, reported)
        yield from by_shares(sight._replace(campaign=name), limits)
    whole = [*by_shares(Sight((short, long), usually, reported), limits), *over_volume(story.story, rules.budgets)]
    whole += over_lately(last_day(baseline, row.counts), rules.budgets)
    for one in whole:
        of_all = within(story, start, limits.windows.source_long)
        yield one._replace(blamed=_blamed(one, [(name, held[-1]) for name, held in spans.items()], of_all))


def _by_volume(state: WatchState, window: EndedWindow, short: Counts, limits: Document) -> Iterator[Symptom | None]:
    """Of few intents neither is suspected: how many are usual need not be known."""
    start, service, row, _, baseline = window
    volume = news(baseline, short)
    if volume < limits.volume_spike.intents and row.counts.intents < limits.unusual.intents:
        return
    usual = usual_volume(baseline, start, limits.cold)
    yield volume_spike(volume, usual, limits.volume_spike)
    yield unusual(state, service, row, short, usual, limits)


def _blamed(symptom: Symptom, sources: list[tuple[str, Counts]], whole: Counts) -> str:
    """The source that most of a service's bad ones of late are from; empty: none stands out."""
    field = BAD[symptom.measure]
    total = getattr(whole, field)
    worst = max(sources, key=lambda part: getattr(part[1], field), default=("", Counts()))
    return worst[0] if total and getattr(worst[1], field) >= MOST * total else ""


def _of_all(state: WatchState, window: EndedWindow, rules: Thresholds) -> Iterator[Symptom | None]:
    """What is seen of all services together: what providers think of us, and who is flooded."""
    start, row, limits = window.start, window.row, rules.watch
    for _ in advance(window.baseline, start, limits.cold):
        pass
    count_day(state, start, row.providers, hears_of_deliveries(window.story), rules.budgets)
    yield from over_day(state, rules.budgets)
    yield from list_bombing(row.bombed, limits.list_bombing)
    yield from stray_reports(row.stray, limits.stray_reports)
    yield from forged_records(row.refused, row.counts.intents, limits.forged_records)
    for name, told in stories_of(state, ALL, start, PROVIDER, row.providers, limits.windows):
        found = reputation_block(Sight(lately(told, start, limits.windows), Usual(Counts()), provider=name), limits)
        if found is not None and row.providers[name].blocks < row.counts.blocks:
            found = found._replace(samples="")  # some of them are others'
        yield found
