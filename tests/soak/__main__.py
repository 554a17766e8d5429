"""python -m tests.soak: see --help."""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from sidestep.streams.local.embedded_jars import read_lock
from tests.guarantees.harness.proxy import Proxy
from tests.guarantees.harness.small_disk import SmallDisk, mounted
from tests.soak.brokers import OneBroker, ThreeBrokers
from tests.soak.checker import Outcome
from tests.soak.plan import BY_NAME, LINK, choose
from tests.soak.progress import Progress
from tests.soak.run import Options, Soak

PINNED = "pinned"
DISK = "1g"
"""Size of a worker's disk: in memory, as far as it is used."""
OTHER = Path(__file__).parents[1] / "guarantees" / "harness"
"""Locks of other Kafkas than the one that ships: kafka-VERSION.lock."""


def main(arguments: list[str]) -> int:
    """The exit code: 0 when every intent has its one verdict and nothing else is wrong."""
    given = _parser().parse_args(arguments)
    try:
        choose(given.only, given.without, frozenset())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix=f"sidestep-soak-{given.seed}-"))
    progress = Progress(sys.stdout)
    with contextlib.ExitStack() as stack:
        outcome = _run(_soak(given, folder, progress, stack), folder, progress)
    if outcome.fine:
        shutil.rmtree(folder)
    progress.say(str(outcome))
    return 0 if outcome.fine else 1


def _soak(given: argparse.Namespace, folder: Path, progress: Progress, stack: contextlib.ExitStack) -> Soak:
    """One as it was asked for, with as many of the faults as can be had here."""
    disks = _disks(stack, folder, given.workers, progress)
    have = {"cluster" if given.cluster else "proxy"} | ({"disk"} if disks else set())
    kinds = choose(given.only, given.without, frozenset(have))
    touched = any(kind.about == LINK for kind in kinds)
    links = [stack.enter_context(Proxy()) for _ in range(given.workers if touched else 0)]
    lock = None if given.kafka == PINNED else read_lock(OTHER / f"kafka-{given.kafka}.lock")
    brokers = ThreeBrokers(folder / "kafka", lock) if given.cluster else OneBroker(folder / "kafka", lock, links)
    options = Options(given.seconds, given.seed, given.rate, given.workers, tuple(kinds), given.patience)
    return Soak(options, folder, progress, brokers, links, disks)


def _disks(stack: contextlib.ExitStack, folder: Path, count: int, progress: Progress) -> list[SmallDisk]:
    """One for each worker; none where mounting is not permitted."""
    try:
        return [stack.enter_context(mounted(folder / f"disk{number}", DISK)) for number in range(count)]
    except OSError as error:
        progress.say(f"no disk will be full: small ones can't be mounted here ({error})")
        return []


def _run(soak: Soak, folder: Path, progress: Progress) -> Outcome:
    fine = False
    try:
        outcome = soak.run()
        fine = outcome.fine
        for failure in outcome.failures:
            progress.say(failure)
        return outcome
    finally:
        soak.close()
        if not fine:
            soak.keep()
            progress.say(f"logs and data are kept: {folder}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180, help="how long there are load and faults")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same faults")
    parser.add_argument("--rate", type=int, default=1500, help="plain intents a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kafka", choices=(PINNED, *sorted(_others())), default=PINNED)
    parser.add_argument("--cluster", action="store_true", help="three brokers; their network can't be touched")
    parser.add_argument("--patience", type=float, default=120, help="seconds without a verdict: it has stalled")
    parser.add_argument("--only", type=_names, default=[], metavar="FAULT,…", help=", ".join(BY_NAME))
    parser.add_argument("--without", type=_names, default=[], metavar="FAULT,…", help="all but these")
    return parser


def _others() -> set[str]:
    return {path.stem.removeprefix("kafka-") for path in OTHER.glob("kafka-*.lock")}


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
