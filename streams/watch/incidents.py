"""Incidents: one anomaly for one of them, opened, updated where something that matters has changed, and closed. Pure.

A pattern that another one explains makes no incident of its own (watch.toml, [explains]): bounces follow from a list of
addresses that do not exist. If it was there first, its incident becomes that of the pattern that explains it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sidestep.schemas import Anomaly
from sidestep.streams.watch.features import Features
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.suspicion import SEVERITIES, Suspicion, sentence
from sidestep.streams.watch.tables import IncidentRow
from sidestep.streams.watch.thresholds import Thresholds
from sidestep.streams.watch.windows import WINDOW

LEARNT_AFTER = 7 * 86_400
"""Seconds: what lasts that long is what is usual from then on."""


class SeenWindow(NamedTuple):
    """What an incident is told with: the window at whose end it is looked at."""

    service: str
    start: int
    features: Features
    samples: dict[str, list[str]]

    @property
    def end(self) -> int:
        """Its end, Unix seconds."""
        return self.start + WINDOW


class Told(NamedTuple):
    """An incident that a record has to be written of; `state` as in schemas/anomalies.py."""

    key: bytes
    row: IncidentRow
    state: str


def follow(state: WatchState, seen: SeenWindow, found: Iterable[Suspicion], rules: Thresholds) -> list[Told]:
    """Take what was suspected in a window into the service's incidents, what explains others first."""
    told: dict[bytes, Told] = {}
    for suspicion in sorted(found, key=lambda one: _rank(one, rules)):
        change = _follow(state, seen, suspicion, rules)
        if change is not None and (change.key not in told or change.state != "updated"):
            told[change.key] = change
    return list(told.values())


def _rank(suspicion: Suspicion, rules: Thresholds) -> tuple[int, bool, str, str, str, str]:
    """Patterns that explain most first; of one pattern those that name a source, then a campaign."""
    explained = len(rules.watch.explains.get(suspicion.pattern, ()))
    unnamed = not (suspicion.source or suspicion.campaign)
    return (
        -explained,
        unnamed,
        suspicion.pattern,
        suspicion.source and f"\0{suspicion.source}",
        suspicion.campaign,
        (suspicion.provider + suspicion.recipient_key),
    )


def _follow(state: WatchState, seen: SeenWindow, suspicion: Suspicion, rules: Thresholds) -> Told | None:
    known = open_of(state, seen.service)
    for key, row in known:
        if _same(row, suspicion):
            return _go_on(state, key, row, seen, suspicion)
    for key, row in known:
        if _explains(row.pattern, row, suspicion.pattern, suspicion, rules):
            return _merge(state, key, row, seen, suspicion)
    for key, row in known:
        if _explains(suspicion.pattern, suspicion, row.pattern, row, rules):
            return _become(state, key, row, seen, suspicion)
    return _open(state, seen, suspicion)


def open_of(state: WatchState, service: str) -> list[tuple[bytes, IncidentRow]]:
    """The incidents of a service, in the order in which they were opened."""
    return [(key, row) for key, row in sorted(state.incidents.by_key.items()) if row.service == service]


def _same(row: IncidentRow, suspicion: Suspicion) -> bool:
    ours = (row.pattern, row.source, row.campaign, row.provider, row.recipient_key)
    return ours == (
        suspicion.pattern, suspicion.source, suspicion.campaign, suspicion.provider, suspicion.recipient_key
    )  # fmt: skip


def _explains(
    cause: str, by: IncidentRow | Suspicion, effect: str, what: IncidentRow | Suspicion, rules: Thresholds
) -> bool:
    """A pattern of a source explains itself in the whole service and in a campaign, and others as the file says."""
    if by.recipient_key != what.recipient_key or by.provider != what.provider:
        return False
    if what.source not in ("", by.source) and (by.source or by.campaign):
        return False
    if cause == effect:
        return bool(by.source and not what.source) or bool(by.campaign and not what.source and not what.campaign)
    return effect in rules.watch.explains.get(cause, ())


def _open(state: WatchState, seen: SeenWindow, suspicion: Suspicion) -> Told:
    suspicion = suspicion._replace(source=suspicion.source or suspicion.blamed)
    row = IncidentRow(
        service=seen.service,
        pattern=suspicion.pattern,
        severity=suspicion.severity,
        score=suspicion.score,
        text=sentence(suspicion, seen.service),
        opened_at=seen.start,
        fired=seen.end,
        window_start=seen.start,
        source=suspicion.source,
        campaign=suspicion.campaign,
        provider=suspicion.provider,
        recipient_key=suspicion.recipient_key,
        told=suspicion.bad,
        quiet=suspicion.quiet,
    )
    _show(row, seen, suspicion)
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


def _graver(row: IncidentRow, suspicion: Suspicion) -> bool:
    names: tuple[str, ...] = SEVERITIES
    return names.index(suspicion.severity) > names.index(row.severity)


def _go_on(state: WatchState, key: bytes, row: IncidentRow, seen: SeenWindow, suspicion: Suspicion) -> Told | None:
    graver = _graver(row, suspicion)
    row.fired = seen.end
    doubled = suspicion.bad >= 2 * max(1, row.told)
    if graver or doubled:
        row.severity = suspicion.severity if graver else row.severity
        row.score, row.text, row.told = suspicion.score, sentence(suspicion, seen.service), suspicion.bad
        row.window_start = seen.start
        _show(row, seen, suspicion)
    state.incidents.put(key, row)
    return Told(key, row, "updated") if graver or doubled else None


def _merge(state: WatchState, key: bytes, row: IncidentRow, seen: SeenWindow, suspicion: Suspicion) -> Told | None:
    """It lasts as long as what follows from it; its figures tell of that as well."""
    graver = _graver(row, suspicion)
    row.fired = seen.end
    if suspicion.seen > row.features.get(suspicion.measure, 0.0):
        row.features = {**row.features, suspicion.measure: suspicion.seen}  # records in hand have the dictionary before
    if suspicion.campaign and not row.campaign:
        row.campaign = suspicion.campaign
    if graver:
        row.severity, row.window_start = suspicion.severity, seen.start
    state.incidents.put(key, row)
    return Told(key, row, "updated") if graver else None


def _become(state: WatchState, key: bytes, row: IncidentRow, seen: SeenWindow, suspicion: Suspicion) -> Told:
    graver = _graver(row, suspicion)
    row.pattern, row.source, row.quiet = suspicion.pattern, suspicion.source, suspicion.quiet
    row.campaign = suspicion.campaign or row.campaign
    row.severity = suspicion.severity if graver else row.severity
    row.score, row.text, row.told = suspicion.score, sentence(suspicion, seen.service), suspicion.bad
    row.fired, row.window_start = seen.end, seen.start
    _show(row, seen, suspicion)
    state.incidents.put(key, row)
    return Told(key, row, "updated")


def _show(row: IncidentRow, seen: SeenWindow, suspicion: Suspicion) -> None:
    row.features = {**row.features, **seen.features, suspicion.measure: suspicion.seen}
    if suspicion.usual >= 0:
        row.expected = {**row.expected, suspicion.measure: suspicion.usual}
    row.samples = seen.samples.get(suspicion.samples, []) or row.samples


def over(row: IncidentRow) -> int:
    """The second at which it is over, unless its pattern comes again before."""
    return row.fired + row.quiet


def taints(row: IncidentRow, start: int) -> bool:
    """Whether its hours teach nothing of what is usual."""
    return start - row.opened_at < LEARNT_AFTER


def anomaly_of(key: bytes, row: IncidentRow, state: str, at: int, model: str) -> Anomaly:
    """The record of an incident, as it stands."""
    closed = state == "closed"
    return Anomaly(
        id=key.decode(),
        subject="domain" if row.provider else "service",
        name=row.provider or row.service,
        pattern=row.pattern,
        text=row.text,
        severity=row.severity,  # type: ignore[arg-type]  # a row's text is one of them
        score=row.score,
        features=row.features,
        window_start=row.fired - WINDOW if closed else row.window_start,
        window_end=row.fired if closed else row.window_start + WINDOW,
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
        model=model,
    )
