"""docs/evaluation.md: what was played, in words and tables. Pure."""

from collections import Counter
from collections.abc import Iterator

from sidestep.streams.simulate.mailboxes import TRAPS
from tests.evaluate.figures import (
    avoided,
    calibration_error,
    detections,
    dropped,
    false_anomalies,
    good,
    good_elsewhere,
    of_bad_lists,
    precision_recall,
    reliability,
    share,
    summary,
    total,
)
from tests.evaluate.play import Fates, Played
from tests.evaluate.plots import Named
from tests.evaluate.variants import APART, SMALLER, TUNED_ON, WORLDS

AIMS = {
    "avoided_recycled": ("recycled traps avoided", 0.95, True),
    "avoided_typo": ("typo traps avoided", 0.95, True),
    "avoided_pristine": ("pristine traps avoided", 0.70, True),
    "good_dropped": ("good mail dropped or never sent", 0.005, False),
    "detect_windows_median": ("windows of a minute until an incident is told, median", 3, False),
    "false_anomalies_per_service_month": ("false anomalies per service and month", 1, False),
}
"""Figure -> what it is, the aim, and whether it is the least."""

ABLATION = """Sidestep with rules off, or with weights of 0, from the first day on. A signal that changes little here
may be the only one in another world."""
OTHER_WORLDS = "The same company with other assumptions: which are true, nobody can know."
NOBODY = ("dead", "abandoned", "unread")
OTHERS = ("unasked", "unwanted", "abandoned", "dead", "unread", "stranger", "disposable")


def report(seed: int, scale: float, protectors: Named, ablation: Named, sensitivity: Named, minutes: float) -> str:
    """The page."""
    return "\n".join(_lines(seed, scale, protectors, ablation, sensitivity, minutes)) + "\n"


def _lines(
    seed: int, scale: float, protectors: Named, ablation: Named, sensitivity: Named, minutes: float
) -> Iterator[str]:
    sidestep = protectors[0][1]
    yield from _head(seed, scale, sidestep, minutes)
    yield from _aims(sidestep)
    yield from _traps(protectors)
    yield from _good(protectors)
    yield from _risk(sidestep)
    yield from _compared("What each signal adds", "ablation", ablation, ABLATION)
    yield from _incidents(sidestep)
    yield from _compared("In other worlds", "sensitivity", sensitivity, OTHER_WORLDS)
    yield from _missed(sidestep)


def _head(seed: int, scale: float, sidestep: list[Played], minutes: float) -> Iterator[str]:
    seeds = ", ".join(str(seed + number * APART) for number in range(WORLDS))
    messages = sum(fates.offered for each in sidestep for fates in each.fates.values())
    yield "# The evaluation"
    yield ""
    yield "<!-- Written by `make evaluate`: do not edit. -->"
    yield ""
    yield "**All labels are simulated.** No labelled set of spam traps is public: these are figures about an"
    yield "invented company, whose every assumption stands in [simulator](simulator.md). They tell how protectors"
    yield "compare, and which signal is worth what in such a world; they do not tell how many of *your* traps will be"
    yield "avoided."
    yield ""
    yield "    make evaluate                                   # writes this page and its plots"
    yield "    EVALUATE_SEED=7 EVALUATE_JSON=figures.json make evaluate"
    yield ""
    weeks = f"{sidestep[0].weeks:.0f} weeks"
    yield f"{WORLDS} companies (seeds {seeds}; scale {scale:g}), each with two years of history and {weeks} that"
    yield f"are judged: {messages:,} messages. Weights may have been tuned on seeds {TUNED_ON[0]} to {TUNED_ON[-1]},"
    yield "and on no others. Every protector was there from the first day and was offered the same messages. What each"
    yield f"signal adds, and other worlds, are of seed {seed} alone, with {SMALLER:g} times the people. It took"
    yield f"{minutes:.1f} minutes."
    yield ""


def _aims(sidestep: list[Played]) -> Iterator[str]:
    found = summary(sidestep)
    yield "## Against the aims"
    yield ""
    yield "| figure | aim | Sidestep | |"
    yield "|---|---|---|---|"
    for key, (about, aim, least) in AIMS.items():
        value = found[key]
        shown = "not judged yet" if value is None else _shown(key, value)
        reached = "" if value is None else "reached" if (value >= aim if least else value <= aim) else "**missed**"
        yield f"| {about} | {'at least' if least else 'at most'} {_shown(key, aim)} | {shown} | {reached} |"
    yield ""


def _shown(key: str, value: float) -> str:
    return f"{value:g}" if key.startswith(("detect", "false")) else _percent(value)


def _percent(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"


def _traps(protectors: Named) -> Iterator[str]:
    yield "## Traps avoided"
    yield ""
    yield "![Traps avoided by kind](evaluation/traps-avoided.png)"
    yield ""
    yield "A message to a trap counts as avoided when it was not sent within the judged time, whatever kept it back:"
    yield "dropped, deferred for a confirmation that never came, or held with its source until it was of no use."
    yield ""
    yield f"| | {' | '.join(TRAPS)} | all | days on a block list |"
    yield f"|---|{'---|' * (len(TRAPS) + 2)}"
    offered = total(each.fates.get(kind, Fates()) for each in protectors[0][1] for kind in TRAPS)
    for name, played in protectors:
        cells = [_percent(avoided(played, (kind,))) for kind in TRAPS]
        listed = sum(each.listed_days for each in played) / len(played)
        yield f"| {name} | {' | '.join(cells)} | {_percent(avoided(played, TRAPS))} | {listed:.0f} |"
    counts = [f"{total(each.fates.get(kind, Fates()) for each in protectors[0][1]).offered:,}" for kind in TRAPS]
    yield f"| *messages* | {' | '.join(counts)} | {offered.offered:,} | |"
    yield ""


def _good(protectors: Named) -> Iterator[str]:
    yield "## Good mail stopped"
    yield ""
    yield "![Good mail that did not arrive](evaluation/good-mail.png)"
    yield ""
    yield "Good mail is what a living person has asked for. *Never sent*: deferred, held or metered until it was of no"
    yield "use any more (a newsletter after two weeks, a receipt after three days, a confirmation after one). *Dropped*"
    yield "in the aims is both together. *Late* arrived all the same. *Refused*: sent, and refused by a provider that"
    yield "had had enough of the company: what too little protection costs."
    yield ""
    yield "| | dropped for good | never sent | together | late | refused by providers |"
    yield "|---|---|---|---|---|---|"
    for name, played in protectors:
        fates = good(played)
        cells = (fates.dropped, fates.unsent, fates.dropped + fates.unsent, fates.delayed, fates.blocked)
        yield f"| {name} | {' | '.join(_percent(share(count, fates.offered)) for count in cells)} |"
    yield ""
    stopped: Counter[str] = Counter()
    for each in protectors[0][1]:
        stopped.update({rule: count for (truth, rule), count in each.stopped.items() if truth == "good"})
    named = ", ".join(f"`{rule}` {count:,}" for rule, count in stopped.most_common(6)) or "nobody"
    yield f"Who stopped it, in Sidestep: {named}; of {good(protectors[0][1]).offered:,} good messages."
    yield ""
    elsewhere = good_elsewhere(protectors[0][1])
    yield "Good people are on bad lists, too, and wait when such a list is held. Without the lists that are incidents"
    yield f"{_percent(dropped(elsewhere))} of {elsewhere.offered:,} good messages were dropped or never sent."
    yield ""
    yield from _bad_lists(protectors[0][1])
    yield from _other_mail(protectors)


def _bad_lists(sidestep: list[Played]) -> Iterator[str]:
    yield "Those lists, by what their messages would have hit, and what Sidestep did not send of them. Where nothing is"
    yield "known of its people but that the list is bad, nothing tells them from its traps."
    yield ""
    yield "| list | messages | good | unasked | traps | nobody reads it | good not sent | all others not sent |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, by_truth in of_bad_lists(sidestep).items():
        whole = total(by_truth.values())
        kinds = (("good",), ("unasked",), TRAPS, NOBODY)
        groups = [total(by_truth.get(kind, Fates()) for kind in group) for group in kinds]
        cells = [_percent(share(each.offered, whole.offered)) for each in groups]
        others = total(fates for kind, fates in by_truth.items() if kind != "good")
        lost = _percent(dropped(groups[0]) if groups[0].offered else None)
        yield f"| {name} | {whole.offered:,} | {' | '.join(cells)} | {lost} | {_percent(dropped(others))} |"
    yield ""


def _other_mail(protectors: Named) -> Iterator[str]:
    yield "What was not sent of everything else ([what the words mean](simulator.md#what-a-message-hits)):"
    yield ""
    yield f"| | {' | '.join(OTHERS)} |"
    yield f"|---|{'---|' * len(OTHERS)}"
    for name, played in protectors:
        fates = [total(each.fates.get(kind, Fates()) for each in played) for kind in OTHERS]
        yield f"| {name} | {' | '.join(_percent(dropped(it)) for it in fates)} |"
    yield ""


def _risk(sidestep: list[Played]) -> Iterator[str]:
    points, bins = precision_recall(sidestep), reliability(sidestep)
    yield "## The risk"
    yield ""
    yield "![Precision and recall of the risk](evaluation/precision-recall.png)"
    yield ""
    yield "Of the risk alone, as the verdict says it at the first offer, whatever the rules made of the message. What"
    yield "would have bounced is left out: it is no trap."
    yield ""
    yield "| stopped from this risk on | precision | recall | of good mail |"
    yield "|---|---|---|---|"
    for step in (0.95, 0.8, 0.5, 0.3, 0.1):
        at = next((it for it in reversed(points) if it.risk >= step), None)
        if at is not None:
            yield f"| {step} | {_percent(at.precision)} | {_percent(at.recall)} | {_percent(at.good)} |"
    yield ""
    yield "![Reliability of the risk](evaluation/calibration.png)"
    yield ""
    yield "Calibrated means that of the messages with a risk of 0.3 some 30 % are for traps. The size of a dot is the"
    yield f"number of messages. Expected calibration error: {calibration_error(bins):.3f}."
    yield ""


def _compared(title: str, plot: str, compared: Named, about: str) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield f"![{title}](evaluation/{plot}.png)"
    yield ""
    yield about
    yield ""
    yield f"| | {' | '.join(TRAPS)} | all traps | good mail dropped |"
    yield f"|---|{'---|' * (len(TRAPS) + 2)}"
    for name, played in compared:
        cells = [_percent(avoided(played, (kind,))) for kind in TRAPS]
        cells += [_percent(avoided(played, TRAPS)), _percent(dropped(good(played)))]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _incidents(sidestep: list[Played]) -> Iterator[str]:
    yield "## Incidents"
    yield ""
    watched = [each for each in sidestep if each.anomalies is not None]
    if not watched:
        yield "Not judged yet: nobody watches the tallies of the simulated company. The incidents happen; the truth"
        yield "about them is written; the time until an anomaly, and false anomalies, will stand here."
        yield ""
        return
    yield "From the start of an incident to the first anomaly that tells of it, in windows of a minute:"
    yield ""
    yield f"| incident | service | {' | '.join(f'seed {each.variant.seed}' for each in watched)} | told as |"
    yield f"|---|---|{'---|' * (len(watched) + 1)}"
    told = [{(it.incident.kind, it.incident.source): it for it in detections(each)} for each in watched]
    for key in dict.fromkeys(key for each in told for key in each):
        cells = ["–" if each[key].windows is None else f"{each[key].windows:,}" for each in told]
        names = sorted({each[key].pattern for each in told} - {""})
        service = told[0][key].incident.service or "all"
        yield f"| {key[0]} | {service} | {' | '.join(cells)} | {', '.join(names) or '–'} |"
    yield ""
    wrong = [anomaly for each in watched for anomaly in false_anomalies(each)]
    weeks = sum(each.services * each.weeks for each in watched)
    by_pattern = Counter(anomaly.pattern for anomaly in wrong).most_common()
    yield "An import may be told as any pattern of a bad list; the others only as what they are. What follows from an"
    yield "incident within three days (complaints, a block) is no false anomaly; everything else that was opened is."
    yield ""
    yield f"False anomalies: {len(wrong)} in {weeks:.0f} service-weeks, {share(len(wrong), weeks):.2f} a service-week"
    yield f"({', '.join(f'{name} {count}' for name, count in by_pattern) or 'none'})."
    yield ""


def _missed(sidestep: list[Played]) -> Iterator[str]:
    yield "## Which traps were hit"
    yield ""
    yield "By the source of their addresses:"
    yield ""
    yield f"| source | {' | '.join(TRAPS)} | good mail dropped |"
    yield f"|---|{'---|' * (len(TRAPS) + 1)}"
    sources = sorted({source for each in sidestep for source, _ in each.by_source})
    for source in sources:
        cells = []
        for kind in TRAPS:
            fates = total(each.by_source.get((source, kind), Fates()) for each in sidestep)
            cells.append(f"{fates.sent:,} of {fates.offered:,}" if fates.offered else "")
        lost = dropped(total(each.by_source.get((source, "good"), Fates()) for each in sidestep))
        yield f"| {source} | {' | '.join(cells)} | {_percent(lost)} |"
    yield ""
