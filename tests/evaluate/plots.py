"""The plots of docs/evaluation.md, as PNG files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # before pyplot is imported: there is no screen
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from sidestep.streams.simulate.mailboxes import TRAPS
from tests.evaluate.figures import (
    avoided,
    dropped,
    good,
    precision_recall,
    reliability,
    share,
)
from tests.evaluate.play import Played

COLOURS = ("#1b6e4b", "#c44536", "#e09f3e", "#5c7a99")
Named = Sequence[tuple[str, list[Played]]]
"""Runs by the name that a plot gives them."""


def draw(folder: Path, protectors: Named, ablation: Named, sensitivity: Named) -> list[Path]:
    """All of them; where they are. The first protector is Sidestep."""
    folder.mkdir(parents=True, exist_ok=True)
    sidestep = protectors[0][1]
    drawn = []
    plots: tuple[tuple[str, float, Callable[[Axes], None]], ...] = (
        ("traps-avoided", 3.6, lambda axes: _avoided(axes, protectors)),
        ("good-mail", 3.2, lambda axes: _good(axes, protectors)),
        ("precision-recall", 4.2, lambda axes: _precision_recall(axes, sidestep)),
        ("calibration", 4.2, lambda axes: _calibration(axes, sidestep)),
        ("ablation", 4.2, lambda axes: _compared(axes, ablation)),
        ("sensitivity", 3.2, lambda axes: _compared(axes, sensitivity)),
    )
    for name, height, paint in plots:
        figure, axes = plt.subplots(figsize=(7.5, height), dpi=110, layout="constrained")
        paint(axes)
        axes.spines[["top", "right"]].set_visible(False)
        figure.text(0.995, 0.005, "simulated labels", ha="right", va="bottom", size=7, color="#888888")
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        plt.close(figure)
        drawn.append(folder / f"{name}.png")
    return drawn


def _avoided(axes: Axes, protectors: Named) -> None:
    width = 0.8 / len(protectors)
    for number, (name, played) in enumerate(protectors):
        values = [100 * (avoided(played, (kind,)) or 0.0) for kind in TRAPS]
        places = [at - 0.4 + (number + 0.5) * width for at in range(len(TRAPS))]
        bars = axes.bar(places, values, width * 0.92, label=name, color=COLOURS[number])
        axes.bar_label(bars, fmt="%.0f", size=7)
    axes.set_xticks(range(len(TRAPS)), TRAPS)
    axes.set_ylim(0, 105)
    axes.set_ylabel("% of trap messages not sent")
    axes.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.2), frameon=False)


def _good(axes: Axes, protectors: Named) -> None:
    names = [name for name, _ in protectors][::-1]
    left, bars = [0.0] * len(names), None
    for colour, what, said in (
        ("#c44536", "dropped", "dropped for good"),
        ("#e09f3e", "unsent", "never sent"),
        ("#5c7a99", "blocked", "refused by providers that block us"),
    ):
        fates = [good(played) for _, played in protectors][::-1]
        values = [100 * share(getattr(each, what), each.offered) for each in fates]
        bars = axes.barh(names, values, left=left, color=colour, label=said)
        left = [a + b for a, b in zip(left, values, strict=True)]
    if bars is not None:
        axes.bar_label(bars, [f" {value:.2f}" for value in left], size=8)
    axes.set_xlabel("% of good mail that did not arrive")
    axes.legend(fontsize=8, frameon=False)


def _precision_recall(axes: Axes, played: list[Played]) -> None:
    points = precision_recall(played)
    axes.plot([it.recall for it in points], [it.precision for it in points], drawstyle="steps-post", color=COLOURS[0])
    for step in (0.95, 0.8, 0.5):
        at = next((it for it in reversed(points) if it.risk >= step), None)
        if at is not None:
            axes.plot([at.recall], [at.precision], "o", color=COLOURS[1])
            axes.annotate(
                f"risk ≥ {step}", (at.recall, at.precision), xytext=(6, 6), textcoords="offset points", size=8
            )
    axes.set_xlabel("recall: of all trap messages, those stopped from this risk on")
    axes.set_ylabel("precision: of those, traps")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)


def _calibration(axes: Axes, played: list[Played]) -> None:
    bins = reliability(played)
    axes.plot([0, 1], [0, 1], "--", color="#aaaaaa", linewidth=1, label="said = seen")
    most = max(each.messages for each in bins)
    sizes = [20 + 380 * each.messages / most for each in bins]
    axes.plot([each.said for each in bins], [each.seen for each in bins], color=COLOURS[0], linewidth=1)
    axes.scatter([each.said for each in bins], [each.seen for each in bins], sizes, color=COLOURS[0], alpha=0.6)
    for each in bins:
        axes.annotate(f"{each.messages:,}", (each.said, each.seen), xytext=(4, 6), textcoords="offset points", size=7)
    axes.set_xlabel("risk that was said")
    axes.set_ylabel("share of traps among them")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(fontsize=8, frameon=False)


def _compared(axes: Axes, compared: Named) -> None:
    rows = list(compared)[::-1]
    names = [name for name, _ in rows]
    values = [100 * (avoided(played, TRAPS) or 0.0) for _, played in rows]
    bars = axes.barh(names, values, color=[COLOURS[0] if name == names[-1] else COLOURS[3] for name in names])
    lost = [100 * dropped(good(played)) for _, played in rows]
    axes.bar_label(
        bars, [f" {a:.1f} % · good mail dropped {b:.2f} %" for a, b in zip(values, lost, strict=True)], size=8
    )
    axes.set_xlim(0, 160)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("% of all trap messages not sent")
