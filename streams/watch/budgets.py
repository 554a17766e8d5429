"""Budgets in providers' own terms: shares of complaints and bounces, and the mails left until a limit. Pure."""

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import NamedTuple

from sidestep.streams.watch.baselines import UNKNOWN
from sidestep.streams.watch.counts import Counts, share
from sidestep.streams.watch.state import WatchState, story_key
from sidestep.streams.watch.symptom import Severity, Symptom, score_of
from sidestep.streams.watch.tables import BudgetRow
from sidestep.streams.watch.thresholds import Budget, Thresholds

DAY = 86_400
LATELY = 2_000
"""Messages by which it is told what goes on now: at that many they are halved."""
DAYS = 7
"""Days with mail that are remembered."""


class BudgetStanding(NamedTuple):
    """How a budget stands. `mails_left` until its limit, if they fare as the last ones; None: it would never be
    reached."""

    share: float
    mails_left: int | None
    days_to_clear: int
    """Days below the limit that are still missing before the provider listens again; 0: none."""


def count_day(
    state: WatchState, second: int, providers: Mapping[str, Counts], reported: bool, budgets: Mapping[str, Budget]
) -> None:
    """Take a window of all services together into the budgets that go by the day. `reported`: deliveries are."""
    for name, budget in budgets.items():
        if budget.by != "day":
            continue
        found = [providers[provider] for provider in budget.providers if provider in providers]
        mails = sum(counts.reached(reported) for counts in found)
        bad = sum(getattr(counts, budget.bad) for counts in found)
        if mails or bad:
            _count(state, name.encode(), second // DAY, mails, bad)


def _count(state: WatchState, key: bytes, day: int, mails: int, bad: int) -> None:
    row = state.budgets.get(key) or BudgetRow(day)
    if day > row.day:
        row.days = [*row.days, (row.day, row.mails, row.bad)][-DAYS:]
        row.day, row.mails, row.bad = day, 0, 0
    row.mails += mails
    row.bad += bad
    row.last_mails += mails
    row.last_bad += bad
    while row.last_mails >= LATELY:
        row.last_mails, row.last_bad = row.last_mails >> 1, row.last_bad >> 1
    state.budgets.put(key, row)


def standing_of_day(row: BudgetRow, budget: Budget) -> BudgetStanding:
    """Of a budget that goes by the day."""
    left = mails_left(row.mails, row.bad, budget.limit, row.last_mails, row.last_bad)
    return BudgetStanding(share(row.bad, row.mails), left, _days_to_clear(row, budget))


def standing_of_volume(story: Counts, lately: Counts, budget: Budget) -> BudgetStanding:
    """Of a budget over a representative volume. `lately`: the last hour."""
    mails, bad = _figures(story, budget)
    left = mails_left(mails, bad, budget.limit, *_figures(lately, budget))
    return BudgetStanding(share(bad, mails), left, 0)


def mails_left(mails: int, bad: int, limit: float, last_mails: int, last_bad: int) -> int | None:
    """Messages until `bad` of `mails` are a share of `limit`, if they fare as the last ones; None: never."""
    room = limit * mails - bad
    if room <= 0 and (mails or bad):
        return 0
    now = last_bad / last_mails if last_mails else 0.0
    return int(room / (now - limit)) if now > limit else None


def _days_to_clear(row: BudgetRow, budget: Budget) -> int:
    """Days since the last one above the limit, of those that the provider wants."""
    above = [
        day for day, mails, bad in (*row.days, (row.day, row.mails, row.bad)) if mails and bad > budget.limit * mails
    ]
    return max(0, budget.clear_days - (row.day - above[-1])) if above and budget.clear_days else 0


def _figures(counts: Counts, budget: Budget) -> tuple[int, int]:
    mails = counts.mails if budget.bad == "hard_bounces" else counts.arrived
    return mails, getattr(counts, budget.bad)


def over_volume(story: Counts, budgets: Mapping[str, Budget]) -> Iterator[Symptom]:
    """Budgets of a service over its representative volume that are at stake."""
    for budget in budgets.values():
        if budget.by == "volume":
            mails, bad = _figures(story, budget)
            found = _at_stake(budget, mails, bad)
            if found is not None:
                yield found


def over_lately(day: Counts, budgets: Mapping[str, Budget]) -> Iterator[Symptom]:
    """Budgets of a service over the last day that are at stake: most complaints come within one."""
    for budget in budgets.values():
        if budget.by == "lately":
            mails, bad = _figures(day, budget)
            found = _at_stake(budget, mails, bad)
            if found is not None:
                yield found


def over_day(state: WatchState, budgets: Mapping[str, Budget]) -> Iterator[Symptom]:
    """Budgets of the company at a provider that are at stake today."""
    for name, budget in budgets.items():
        row = state.budgets.get(name.encode())
        if budget.by == "day" and row is not None:
            found = _at_stake(budget, row.mails, row.bad)
            if found is not None:
                yield found._replace(provider=name)


def _at_stake(budget: Budget, mails: int, bad: int) -> Symptom | None:
    if bad < budget.at_least or mails < budget.of or not _surely(bad, budget.warn * mails, budget.sure):
        return None
    severity: Severity = "critical" if _surely(bad, budget.limit * mails, budget.sure) else "warning"
    bounces = budget.bad == "hard_bounces"
    return Symptom(
        budget.pattern, severity, score_of(bad / mails, budget.warn), bad, mails, UNKNOWN, budget.text, budget.quiet,
        "bounce_share" if bounces else "complaint_share", "hard-bounce" if bounces else "complaint",
    )  # fmt: skip


def _surely(bad: int, allowed: float, sure: float) -> bool:
    """More than chance makes of what is allowed."""
    return bad > allowed + sure * sqrt(allowed)


def standings(state: WatchState, rules: Thresholds) -> dict[str, BudgetStanding]:
    """How the whole company's budgets stand, by name; empty where all services' tallies go elsewhere."""
    found: dict[str, BudgetStanding] = {}
    story = state.stories.get(story_key(""))
    for name, budget in rules.budgets.items():
        row = state.budgets.get(name.encode())
        if budget.by == "day" and row is not None:
            found[name] = standing_of_day(row, budget)
        elif budget.by == "volume" and story is not None:
            lately = Counts()
            for _, counts in story.recent:
                lately.add(counts)
            found[name] = standing_of_volume(story.story, lately, budget)
    return found
