"""`make evaluate`: plays everything, and writes docs/evaluation.md, its plots and, if wanted, the figures as JSON."""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import click

from tests.evaluate.figures import summary
from tests.evaluate.play import Played, play
from tests.evaluate.variants import BASELINES, Variant, variants

DOCS = Path(__file__).parents[2] / "docs"
UNTUNED = 101
"""The seed, if none is named: nothing was tuned on it."""
PROCESSES = 2


@click.command()
@click.option("--seed", type=int, default=UNTUNED, envvar="EVALUATE_SEED", show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), envvar="EVALUATE_JSON", help="Figures go there.")
@click.option(
    "--scale", type=click.FloatRange(0.02, 5), default=1.0, show_default=True, help="So many times the people."
)
@click.option("--docs", type=click.Path(path_type=Path), default=DOCS, help="Where the page goes.  [default: docs/]")
@click.option("--processes", type=click.IntRange(1), default=min(PROCESSES, os.cpu_count() or 1), show_default=True)
def main(seed: int, json_file: Path | None, scale: float, docs: Path, processes: int) -> None:
    """Judge Sidestep's judgement, and that of three baselines, on simulated companies."""
    from tests.evaluate.plots import draw
    from tests.evaluate.report import report

    began = time.monotonic()
    played = list(_play(variants(seed), scale, processes))
    by_name = {name: _of(played, name) for name in dict.fromkeys(each.variant.name for each in played)}
    protectors = [(name, by_name[name]) for name in ("Sidestep", *BASELINES)]
    ablation, sensitivity = ([*_group(played, "usual"), *_group(played, it)] for it in ("ablation", "sensitivity"))
    draw(docs / "evaluation", protectors, ablation, sensitivity)
    minutes = (time.monotonic() - began) / 60
    (docs / "evaluation.md").write_text(report(seed, scale, protectors, ablation, sensitivity, minutes), "utf-8")
    figures = summary(by_name["Sidestep"]) | {"baselines": {name: summary(by_name[name]) for name in BASELINES}}
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    click.echo(json.dumps(figures, indent=2))
    click.echo(f"{docs / 'evaluation.md'} is written; {minutes:.1f} minutes")


def _play(wanted: list[Variant], scale: float, processes: int) -> Iterator[Played]:
    """Each in a process of its own, so many at once; who is ready is told."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        running = {pool.submit(play, variant, scale): variant for variant in wanted}
        for number, done in enumerate(as_completed(running), 1):
            played = done.result()
            variant = running[done]
            text = f"{number:2}/{len(wanted)}  {variant.name}, seed {variant.seed}: {played.seconds:.0f} s"
            click.echo(f"{text}, {1e6 * played.seconds / played.offered:.0f} µs an offer", err=True)
            yield played


def _of(played: list[Played], name: str) -> list[Played]:
    return sorted((each for each in played if each.variant.name == name), key=lambda each: each.variant.seed)


def _group(played: list[Played], group: str) -> list[tuple[str, list[Played]]]:
    """In the order in which they are defined, whichever was ready first."""
    order = [variant.name for variant in variants(0) if variant.group == group]
    names = {each.variant.name: each for each in played if each.variant.group == group}
    return [(name, [names[name]]) for name in order]


if __name__ == "__main__":
    sys.exit(main())
