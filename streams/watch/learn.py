"""The model of the risk: what the policy's weights don't know, learnt from what became of messages, in log order. Pure.

Logistic regression, online. The log odds of a bad outcome are

    a + policy * (the policy's own log odds) + the shifts of the signals that apply

`a` says how bad outcomes are on the whole; nobody uses it, for silence is no outcome, and outcomes are not what all
messages would come to. `policy` says how much of the policy's weights holds, and the shifts what they lack. All are
normally distributed around what the policy says (a free, policy 1, shifts 0), with a covariance: each outcome moves
them by what it teaches, the less the more is known (a Kalman filter; the step is the exact one along its direction,
so no outcome throws the model off). The one number that decides how fast is how far the policy may be wrong, `spread`.
"""

from collections.abc import Mapping
from math import sqrt

from sidestep.schemas import Learnt, ModelSnapshot, Reliability
from sidestep.streams.logistic import LARGEST, logit, sigmoid, sum_of
from sidestep.streams.watch.tables import TENTHS, ModelRow
from sidestep.streams.watch.thresholds import Learning

ALL, POLICY = 0, 1
"""The first two places of the model: a, and the policy's own log odds. The signals follow as they were met."""
KEPT = 64
"""Signals; beyond that they are left out."""
USUAL = 0.01
"""The policy's log odds are measured from here, so that `a` and `policy` have little to do with each other."""
STEPS = 60
ENOUGH = 1e-9
"""Log odds: Newton's method ends there, mostly after four steps."""
DAY = 86_400


def learn(row: ModelRow, second: int, learnt: Mapping[str, Learnt], learning: Learning) -> None:
    """Take what a tally of that second says, by signals joined by +."""
    if not row.mean:
        row.day = second // DAY
        _extend(row, 0.0, learning.spread_of_all)
        _extend(row, 1.0, learning.spread_of_policy)
    _drift(row, second // DAY, learning)
    for name, found in learnt.items():
        if found.bad + found.good:
            _take(row, [signal for signal in name.split("+") if signal], found, learning)


def _take(row: ModelRow, names: list[str], found: Learnt, learning: Learning) -> None:
    count = found.bad + found.good
    prior = min(0.999, max(0.001, found.expected / (1000 * count)))
    places = {ALL: 1.0, POLICY: logit(prior) - logit(USUAL)}
    for name in names:
        if name not in row.signals and len(row.signals) < KEPT:
            row.signals.append(name)
            row.seen.append([0, 0])
            _extend(row, 0.0, learning.spread)
        if name in row.signals:
            number = row.signals.index(name)
            row.seen[number][0] += found.bad
            row.seen[number][1] += found.good
            places[number + 2] = 1.0
    row.outcomes += count
    bad = found.bad - found.traps + found.traps * learning.trap
    _step(row, places, bad, bad + found.good, learning)


def _step(row: ModelRow, places: dict[int, float], bad: float, of: float, learning: Learning) -> None:
    """Learn from `of` outcomes of messages that are alike, `bad` of which were bad."""
    odds = sum_of(row.mean[place] * x for place, x in places.items())
    _count(row, sigmoid(odds), bad, of, learning)
    toward = [sum_of(spreads[place] * x for place, x in places.items()) for spreads in row.spread]
    doubt = sum_of(toward[place] * x for place, x in places.items())
    after = _settled(odds, doubt, bad, of)
    share = sigmoid(after)
    weight = of * share * (1.0 - share)
    gain = weight / (1.0 + weight * doubt)
    for place, one in enumerate(toward):
        row.mean[place] += one * (after - odds) / doubt
        spreads = row.spread[place]
        for other, two in enumerate(toward):
            spreads[other] -= one * two * gain


def _settled(odds: float, doubt: float, bad: float, of: float) -> float:
    """The log odds that agree best with both: what was known, and the outcomes. Newton's method between two bounds,
    for what is sought grows all the way."""
    least = max(odds + doubt * (bad - of), min(odds, -LARGEST))
    most = min(odds + doubt * bad, max(odds, LARGEST))
    found = odds
    for _ in range(STEPS):
        share = sigmoid(found)
        wrong = found - odds - doubt * (bad - of * share)
        if wrong > 0.0:
            most = found
        else:
            least = found
        step = wrong / (1.0 + doubt * of * share * (1.0 - share))
        found -= step
        if not least <= found <= most:
            found = (least + most) / 2.0
        elif abs(step) < ENOUGH:
            break
    return found


def _count(row: ModelRow, expected: float, bad: float, of: float, learning: Learning) -> None:
    """What was expected before it was learnt from: only so it says whether the model can be believed."""
    tenth = row.tenths[min(TENTHS - 1, int(expected * TENTHS))]
    for column, by in enumerate((expected * of, bad, of)):
        tenth[column] += by
    if sum_of(tenth[2] for tenth in row.tenths) > learning.recent:
        for tenth in row.tenths:
            tenth[:] = [figure / 2.0 for figure in tenth]


def _drift(row: ModelRow, day: int, learning: Learning) -> None:
    """The world changes: what is known gets a little less sure each day, up to what it was at first."""
    days = day - row.day
    if days <= 0:
        return
    row.day = day
    for place, spreads in enumerate(row.spread):
        most = _at_first(place, learning) ** 2
        spreads[place] = max(spreads[place], min(most, spreads[place] + days * learning.drift**2))


def _at_first(place: int, learning: Learning) -> float:
    return (learning.spread_of_all, learning.spread_of_policy)[place] if place <= POLICY else learning.spread


def _extend(row: ModelRow, mean: float, spread: float) -> None:
    for spreads in row.spread:
        spreads.append(0.0)
    row.mean.append(mean)
    row.spread.append([0.0] * (len(row.mean) - 1) + [spread**2])


def doubt(row: ModelRow, learning: Learning) -> None:
    """The policy has changed, and with it what the model is measured by: what is known becomes half a guess."""
    for place, spreads in enumerate(row.spread):
        spreads[place] = max(spreads[place], (_at_first(place, learning) / 2.0) ** 2)


def news(row: ModelRow, learning: Learning) -> ModelSnapshot | None:
    """A snapshot, if the model has learnt from enough and says something else than the last one."""
    found = snapshot(row)
    figures = {"policy": found.policy, **found.shifts}
    by = max(abs(figure - row.told.get(name, 1.0 if name == "policy" else 0.0)) for name, figure in figures.items())
    if row.outcomes < learning.outcomes or by < learning.moved:
        return None
    row.told = figures
    return found


def snapshot(row: ModelRow) -> ModelSnapshot:
    """What the model says now; `row` has learnt something."""
    shifts = list(enumerate(row.signals, POLICY + 1))
    return ModelSnapshot(
        outcomes=row.outcomes,
        policy=round(row.mean[POLICY], 3),
        shifts={name: round(row.mean[place], 3) for place, name in shifts},
        spreads={name: round(sqrt(max(0.0, row.spread[place][place])), 3) for place, name in shifts},
        seen={name: (bad, good) for name, (bad, good) in zip(row.signals, row.seen, strict=True)},
        calibration=tuple(
            Reliability(round(expected / of, 3), round(bad, 1), round(of, 1)) for expected, bad, of in row.tenths if of
        ),
    )
