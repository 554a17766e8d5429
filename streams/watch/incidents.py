"""Incidents: one anomaly for one of them, opened, updated where something that matters has changed, and closed. Pure.

A pattern that another one explains makes no incident of its own (watch.toml, [explains]): bounces follow from a list of
addresses that do not exist. If it was there first, its incident becomes that of the pattern that explains it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sidestep.schemas import Anomaly
from sidestep.streams.watch.features import Features
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.symptom import SEVERITIES, Symptom, sentence
from sidestep.streams.watch.tables import IncidentRow
from sidestep.streams.watch.thresholds import Thresholds

LEARNT_AFTER = 7 * 86_400
"""Seconds: what lasts that long is what is usual from then on."""


class SeenWindow(NamedTuple):
    """What an incident is told with: the window at whose end it is looked at."""

    service: str
    start: int
    end: int
    features: Features
    samples: dict[str, list[str]]


class Told(NamedTuple):
    """An incident that a record has to be written of; `state` as in schemas/anomalies.py."""

    key: bytes
    row: IncidentRow
    state: str


def follow(state: WatchState, seen: SeenWindow, found: Iterable[Symptom], rules: Thresholds) -> list[Told]:
    """Take what was suspected in a window into the service's incidents, what explains others first."""
    told: dict[bytes, Told] = {}
    for symptom in sorted(found, key=lambda one: _rank(one, rules)):
        change = _follow(state, seen, symptom, rules)
        if change is not None and (change.key not in told or change.state != "updated"):
            told[change.key] = change
    return list(told.values())


def _rank(symptom: Symptom, rules: Thresholds) -> tuple[int, bool, str, str, str, str]:
    """Patterns that explain most first; of one pattern those that name a source, then a campaign."""
    explained = len(rules.watch.explains.get(symptom.pattern, ()))
    unnamed = not (symptom.source or symptom.campaign)
    return (
        -explained,
        unnamed,
        symptom.pattern,
        symptom.source and f"\0{symptom.source}",
        symptom.campaign,
        (symptom.provider + symptom.recipient_key),
    )


def _follow(state: WatchState, seen: SeenWindow, symptom: Symptom, rules: Thresholds) -> Told | None:
    known = open_of(state, seen.service)
    for key, row in known:
        if _same(row, symptom):
            return _go_on(state, key, row, seen, symptom)
    for key, row in known:
        if _acts(row, seen) and _explains(row.pattern, row, symptom.pattern, symptom, rules):
            return _merge(state, key, row, seen, symptom)
    for key, row in known:
        if _explains(symptom.pattern, symptom, row.pattern, row, rules):
            return _become(state, key, row, seen, symptom)
    return _open(state, seen, symptom)


def _acts(row: IncidentRow, seen: SeenWindow) -> bool:
    """Whether it explains what shows now. A budget stays broken for days: that says nothing about today's volume."""
    return seen.start <= max(row.acted, row.held_until) + row.lasts


def open_of(state: WatchState, service: str) -> list[tuple[bytes, IncidentRow]]:
    """The incidents of a service, in the order in which they were opened."""
    return [(key, row) for key, row in sorted(state.incidents.by_key.items()) if row.service == service]


def _same(row: IncidentRow, symptom: Symptom) -> bool:
    """An incident of a source may tell of a campaign as well, which came to it later."""
    if row.source and row.source == symptom.source and row.pattern == symptom.pattern:
        return True
    ours = (row.pattern, row.source, row.campaign, row.provider, row.recipient_key)
    return ours == (
        symptom.pattern, symptom.source, symptom.campaign, symptom.provider, symptom.recipient_key
    )  # fmt: skip


def _explains(
    cause: str, by: IncidentRow | Symptom, effect: str, what: IncidentRow | Symptom, rules: Thresholds
) -> bool:
    """A pattern of a source explains itself in the whole service and in a campaign, and others as the file says."""
    if by.recipient_key != what.recipient_key or by.provider not in ("", what.provider):
        return False
    if what.source not in ("", by.source) and (by.source or by.campaign):
        return False
    if cause == effect:
        widely = bool(what.provider and not by.provider)
        named = bool(by.source and not what.source) or bool(by.campaign and not what.source and not what.campaign)
        return widely or named
    return effect in rules.watch.explains.get(cause, ())


def _open(state: WatchState, seen: SeenWindow, symptom: Symptom) -> Told:
    symptom = symptom._replace(source=symptom.source or symptom.blamed)
    row = IncidentRow(
        service=seen.service,
        pattern=symptom.pattern,
        severity=symptom.severity,
        score=symptom.score,
        text=sentence(symptom, seen.service),
        opened_at=seen.start,
        fired=seen.end,
        window_start=seen.start,
        source=symptom.source,
        campaign=symptom.campaign,
        provider=symptom.provider,
        recipient_key=symptom.recipient_key,
        told=symptom.bad,
        quiet=symptom.quiet,
        most=symptom.surely_bad,
        acted=seen.end,
        lasts=symptom.quiet,
    )
    _show(row, seen, symptom)
    key = _new_key(state, row)
    state.incidents.put(key, row)
    return Told(key, row, "opened")


def _new_key(state: WatchState, row: IncidentRow) -> bytes:
    """The id: what it is of, and when it began; two that begin at once are told apart by their number."""
    name = "/".join(filter(None, (row.service or "all", row.pattern, row.provider, row.source or row.campaign)))
    for number in range(1, 1_000):
        key = f"{row.opened_at}/{name}/{number}".encode()
        if state.incidents.get(key) is None:
            return key
    raise AssertionError("a service has a thousand incidents at once")


def _graver(row: IncidentRow, symptom: Symptom) -> bool:
    names: tuple[str, ...] = SEVERITIES
    return names.index(symptom.severity) > names.index(row.severity)


def _go_on(state: WatchState, key: bytes, row: IncidentRow, seen: SeenWindow, symptom: Symptom) -> Told | None:
    graver = _graver(row, symptom)
    row.fired = row.acted = seen.end
    row.most = max(row.most, symptom.surely_bad)
    doubled = symptom.bad >= 2 * max(1, row.told)
    if graver or doubled:
        row.severity = symptom.severity if graver else row.severity
        row.score, row.text, row.told = symptom.score, sentence(symptom, seen.service), symptom.bad
        row.window_start = seen.start
        _show(row, seen, symptom)
    state.incidents.put(key, row)
    return Told(key, row, "updated") if graver or doubled else None


def _merge(state: WatchState, key: bytes, row: IncidentRow, seen: SeenWindow, symptom: Symptom) -> Told | None:
    """An incident lasts as long as what follows from it; its figures tell of that as well."""
    graver = _graver(row, symptom)
    row.fired, row.quiet, row.most = seen.end, max(row.quiet, symptom.quiet), max(row.most, symptom.surely_bad)
    if symptom.quiet <= row.lasts:
        row.acted = seen.end
    if symptom.seen > row.features.get(symptom.measure, 0.0):
        row.features = {**row.features, symptom.measure: symptom.seen}  # records in hand have the dictionary before
    if symptom.campaign and not row.campaign:
        row.campaign = symptom.campaign
    if graver:
        row.severity, row.window_start = symptom.severity, seen.start
    state.incidents.put(key, row)
    return Told(key, row, "updated") if graver else None


def _become(state: WatchState, key: bytes, row: IncidentRow, seen: SeenWindow, symptom: Symptom) -> Told:
    graver = _graver(row, symptom)
    row.pattern, row.source, row.quiet = symptom.pattern, symptom.source, max(row.quiet, symptom.quiet)
    row.campaign, row.provider = symptom.campaign or row.campaign, symptom.provider
    row.severity = symptom.severity if graver else row.severity
    row.score, row.text, row.told = symptom.score, sentence(symptom, seen.service), symptom.bad
    row.fired, row.window_start, row.most = seen.end, seen.start, max(row.most, symptom.surely_bad)
    row.acted, row.lasts = seen.end, symptom.quiet
    _show(row, seen, symptom)
    state.incidents.put(key, row)
    return Told(key, row, "updated")


def _show(row: IncidentRow, seen: SeenWindow, symptom: Symptom) -> None:
    row.features = {**row.features, **seen.features, symptom.measure: symptom.seen}
    if symptom.usual >= 0:
        row.expected = {**row.expected, symptom.measure: symptom.usual}
    row.samples = seen.samples.get(symptom.samples, []) or row.samples


def over(row: IncidentRow) -> int:
    """The second at which it is over, unless its pattern comes again before."""
    return max(row.fired, row.held_until) + row.quiet


def taints(row: IncidentRow, start: int) -> bool:
    """Whether its hours teach nothing of what is usual."""
    return start - row.opened_at < LEARNT_AFTER


def anomaly_of(told: Told, at: int, rules: Thresholds) -> Anomaly:
    """The record of an incident, as it stands."""
    key, row, state = told
    closed, length = state == "closed", rules.watch.windows.length
    return Anomaly(
        id=key.decode(),
        subject="service" if row.service or not row.provider else "domain",
        name=row.service or row.provider,
        pattern=row.pattern,
        text=row.text,
        severity=row.severity,  # type: ignore[arg-type]  # a row's text is one of them
        score=row.score,
        features=row.features,
        window_start=row.fired - length if closed else row.window_start,
        window_end=row.fired if closed else row.window_start + length,
        at=at,
        source=row.source,
        state=state,  # type: ignore[arg-type]  # likewise
        expected=row.expected,
        opened_at=row.opened_at,
        closed_at=row.fired if closed else 0,
        campaign=row.campaign,
        provider=row.provider,
        recipient_key=row.recipient_key,
        samples=row.samples,
        held_until=row.held_until,
        model=rules.version,
    )
