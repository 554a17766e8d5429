"""Incidents as lines: one record of an incident for `sidestep tail`, the table of `sidestep anomalies`. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from shlex import join

from click import style

from sidestep.schemas import Anomaly
from sidestep.schemas.intents import CLAIMED
from sidestep.streams.terminal import printable

COLOURS = {"notice": "cyan", "warning": "yellow", "critical": "red"}
ALL = "all services"
Holds = Mapping[tuple[str, str], int]
"""By service and source ("": all of it), until when it is on hold, in Unix seconds."""
FORGED = "forged-records"
"""The pattern whose source is a name that somebody claims: nothing of it is to be fixed."""


def anomaly_line(anomaly: Anomaly) -> str:
    """What a record of an incident says, for people."""
    severity = style(f"{anomaly.severity:<8}", fg=COLOURS[anomaly.severity], bold=True)
    held = f"  [on hold until {clock(anomaly.held_until)}]" if anomaly.held_until else ""
    over = f" after {span(anomaly.closed_at - anomaly.opened_at)}" if anomaly.state == "closed" else ""
    return f"{severity} {anomaly.state}{over}: {printable(where(anomaly))}: {printable(anomaly.text)}{held}"


def where(anomaly: Anomaly) -> str:
    """Whose incident it is, and of which pattern: shop, source import: unknown-burst."""
    what = "in the name of" if anomaly.pattern == FORGED else "source"
    source = f", {what} {anomaly.source}" if anomaly.source else ""
    campaign = f", campaign {anomaly.campaign}" if anomaly.campaign and not anomaly.source else ""
    return f"{anomaly.name or ALL}{source}{campaign}: {anomaly.pattern}"


def table(incidents: Iterable[Anomaly], now: float, holds: Holds | None = None) -> Iterator[str]:
    """A line for each, and below it what it is about and how to see one of its messages. `now`: Unix seconds. `holds`:
    those in force; None: they are not known, and what Watch has put on hold is taken for held."""
    found = [(one, printable(where(one).rpartition(": ")[0])) for one in incidents]
    if not found:
        yield "no incident is open"
        return
    names = max(len("whose"), *(len(name) for _, name in found))
    patterns = max(len("pattern"), *(len(one.pattern) for one, _ in found))
    yield f"{'severity':<9} {'pattern':<{patterns}}  {'whose':<{names}}  {'since':<17}  state"
    for one, name in found:
        severity = style(f"{one.severity:<9}", fg=COLOURS[one.severity])
        whose = f"{printable(one.pattern):<{patterns}}  {name:<{names}}"
        yield f"{severity} {whose}  {clock(one.opened_at)}  {_standing(one, now, holds)}"
        yield f"          {printable(one.text)}"
        if one.subject == "service" and one.name and one.samples:
            example = join(["sidestep", "explain", one.name.removesuffix(CLAIMED), one.samples[0]])
            yield f"          one of its messages: {printable(example)}"


def _standing(one: Anomaly, now: float, holds: Holds | None) -> str:
    if one.state == "closed":
        return f"closed {clock(one.closed_at)}"
    return f"open for {span(int(now) - one.opened_at)}{_held(one, now, holds)}"


def _held(one: Anomaly, now: float, holds: Holds | None) -> str:
    if one.held_until <= now:
        return ""
    until = one.held_until if holds is None else max(holds.get((one.name, it), 0) for it in {"", one.source})
    return f", on hold until {clock(until)}" if until > now else ", its hold was released"


def clock(second: int) -> str:
    """Unix seconds -> 2026-10-01 08:00Z."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%MZ")


def span(seconds: int) -> str:
    """A span in one unit: 40 min, 5 h, 3 d."""
    for unit, length in (("d", 86_400), ("h", 3_600)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds) // 60} min"
