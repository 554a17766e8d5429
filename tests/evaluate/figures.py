"""Figures out of what was played: shares, curves, delays. Pure.

A trap message counts as avoided when it was not sent within the judged time, whatever kept it back. A good message
counts as dropped when it was dropped for good, or deferred until it was of no use any more; one that came late is
counted as delayed, beside that.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from sidestep.schemas import Anomaly
from sidestep.streams.simulate.incidents import Incident
from sidestep.streams.simulate.mailboxes import TRAPS
from tests.evaluate.play import Fates, Played

WINDOW = 60
"""Seconds: what is counted is minutes, in which Watch looks three times."""
LATE = 6 * 3600
"""Seconds after an incident's end in which something that is still reported of it is no false alarm."""
FOLLOWS = 3 * 86400
"""Seconds in which what follows from an incident (complaints after a loop, say) is no false alarm."""
LISTS = ("bounce-storm", "unknown-burst", "dormant-revival", "trap-hits")
"""Incidents of a bad list: each of them may rightly be told as another, or as the budget that it breaks."""
NOT_ASKED = ("dead",)
"""What the risk is not judged by: it bounces, and is no trap."""
STEPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0001)


def avoided(played: Iterable[Played], kinds: Iterable[str]) -> float | None:
    """The share of messages to traps of these kinds that were not sent; None: there were none."""
    found = [fates for each in played for kind in kinds if (fates := each.fates.get(kind)) is not None]
    offered = sum(fates.offered for fates in found)
    return 1 - sum(fates.sent for fates in found) / offered if offered else None


def good(played: Iterable[Played]) -> Fates:
    """Of good mail, everything added up."""
    return total(each.fates.get("good", Fates()) for each in played)


def good_elsewhere(played: Iterable[Played]) -> Fates:
    """Of good mail to whoever is not on a list that is an incident: those are to be held, whoever is on them."""
    found = []
    for each in played:
        bad = _bad_lists(each)
        found += [it for (source, truth), it in each.by_source.items() if truth == "good" and source not in bad]
    return total(found)


def of_bad_lists(played: Sequence[Played]) -> dict[str, dict[str, Fates]]:
    """Of each list that is an incident: what became of its messages, by what they would have hit."""
    found: dict[str, dict[str, Fates]] = {}
    for name in sorted({name for each in played for name in _bad_lists(each)}):
        truths = sorted({truth for each in played for source, truth in each.by_source if source == name})
        found[name] = {truth: total(each.by_source.get((name, truth), Fates()) for each in played) for truth in truths}
    return found


def _bad_lists(played: Played) -> set[str]:
    bad = {incident.source for incident in played.incidents if incident.kind in LISTS and incident.again}
    return bad | {incident.source for incident in played.incidents if incident.kind == "dormant-revival"}


def total(fates: Iterable[Fates]) -> Fates:
    """Added up."""
    found = Fates()
    for each in fates:
        for name in Fates.__struct_fields__:
            setattr(found, name, getattr(found, name) + getattr(each, name))
    return found


def dropped(fates: Fates) -> float:
    """The share that was dropped for good or never sent."""
    return (fates.dropped + fates.unsent) / fates.offered if fates.offered else 0.0


def share(count: float, of: float) -> float:
    """0 of nothing."""
    return count / of if of else 0.0


# -- the risk --------------------------------------------------------------------------------------------------------


class Point(NamedTuple):
    """Who stops everything from this risk on: what part of that are traps, and what part of all traps is that."""

    risk: float
    precision: float
    recall: float
    good: float
    """What part of all good mail it is, too."""


def precision_recall(played: Iterable[Played]) -> list[Point]:
    """By falling risk."""
    by_risk: dict[float, list[int]] = {}
    traps = goods = 0
    for (risk, truth), count in _risks(played).items():
        if truth in NOT_ASKED:
            continue
        counts = by_risk.setdefault(risk, [0, 0, 0])
        counts[0] += count if truth in TRAPS else 0
        counts[1] += count
        counts[2] += count if truth == "good" else 0
        traps += count if truth in TRAPS else 0
        goods += count if truth == "good" else 0
    points, found, stopped, lost = [], 0, 0, 0
    for risk in sorted(by_risk, reverse=True):
        found, stopped, lost = (a + b for a, b in zip((found, stopped, lost), by_risk[risk], strict=True))
        points.append(Point(risk, share(found, stopped), share(found, traps), share(lost, goods)))
    return points


class Bin(NamedTuple):
    """Messages with a risk between two steps: what was said on average, and what part were traps."""

    said: float
    seen: float
    messages: int


def reliability(played: Iterable[Played]) -> list[Bin]:
    """By rising risk; steps without messages are left out."""
    found = []
    risks = _risks(played)
    for low, high in pairwise(STEPS):
        inside = {key: n for key, n in risks.items() if low <= key[0] < high and key[1] not in NOT_ASKED}
        count = sum(inside.values())
        if count:
            said = sum(risk * n for (risk, _), n in inside.items()) / count
            found.append(Bin(said, sum(n for (_, truth), n in inside.items() if truth in TRAPS) / count, count))
    return found


def calibration_error(bins: list[Bin]) -> float:
    """The expected calibration error: how far what was said is from what was seen, by messages."""
    count = sum(each.messages for each in bins)
    return sum(abs(each.said - each.seen) * each.messages for each in bins) / count if count else 0.0


def _risks(played: Iterable[Played]) -> Counter[tuple[float, str]]:
    found: Counter[tuple[float, str]] = Counter()
    for each in played:
        found.update(each.risks)
    return found


# -- incidents -------------------------------------------------------------------------------------------------------


class Detection(NamedTuple):
    """An incident and the first anomaly that tells of it. `windows`: from its start; None: nobody noticed."""

    incident: Incident
    windows: int | None
    pattern: str = ""


def detections(played: Played) -> list[Detection]:
    """One for each incident."""
    found = []
    for incident in played.incidents:
        told = [it for it in played.anomalies or () if concerns(it, incident) and it.pattern in told_as(incident)]
        first = min(told, key=lambda it: it.at, default=None)
        windows = None if first is None else max(1, math.ceil((first.at - incident.start) / WINDOW))
        found.append(Detection(incident, windows, first.pattern if first else ""))
    return found


def told_as(incident: Incident) -> tuple[str, ...]:
    """The patterns by which it is recognised."""
    return (*LISTS, "bounce-budget") if incident.kind in LISTS else (incident.kind,)


def concerns(anomaly: Anomaly, incident: Incident) -> bool:
    """May the anomaly tell of the incident: the same service (or provider), while it lasts or soon after?"""
    who = not incident.service or anomaly.name in ("", incident.service, incident.provider)
    spans = [(incident.start, incident.end), *incident.again]
    if anomaly.pattern != incident.kind:
        spans = [(since, since + FOLLOWS) for since, _ in spans]
    return who and any(since <= anomaly.at <= until + LATE for since, until in spans)


def false_anomalies(played: Played) -> list[Anomaly]:
    """Those opened that tell of nothing that happened."""
    opened = [anomaly for anomaly in played.anomalies or () if anomaly.state == "opened"]
    return [
        anomaly
        for anomaly in opened
        if not any(concerns(anomaly, incident) for incident in played.incidents)
        and not (
            anomaly.pattern == "reputation-block"
            and any(it.since <= anomaly.at <= it.until + LATE for it in played.listed)
        )
    ]


# -- all together ----------------------------------------------------------------------------------------------------


def summary(played: list[Played]) -> dict[str, float | None]:
    """The figures of EVALUATE_JSON, of one protector. Shares from 0 to 1; None: not judged."""
    watched = [each for each in played if each.anomalies is not None]
    windows = [it.windows for each in watched for it in detections(each)]
    found = [count for count in windows if count is not None]
    months = sum(each.services * each.weeks / 4.345 for each in watched)
    return {
        "avoided_recycled": rounded(avoided(played, ("recycled",))),
        "avoided_typo": rounded(avoided(played, ("typo",))),
        "avoided_pristine": rounded(avoided(played, ("pristine",))),
        "avoided_seeded": rounded(avoided(played, ("seeded",))),
        "good_dropped": rounded(dropped(good(played))),
        "good_dropped_elsewhere": rounded(dropped(good_elsewhere(played))),
        "good_delayed": rounded(share(good(played).delayed, good(played).offered)),
        "good_blocked": rounded(share(good(played).blocked, good(played).offered)),
        "detect_windows_median": median(found) if found else None,
        "detected": rounded(share(len(found), len(windows))) if watched else None,
        "false_anomalies_per_service_month": (
            rounded(sum(len(false_anomalies(each)) for each in watched) / months) if watched else None
        ),
    }


def rounded(value: float | None) -> float | None:
    """Four decimals."""
    return None if value is None else round(value, 4)
