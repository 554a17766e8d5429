"""sidestep backtest --follow: beside the workers until a time or a signal, with a line now and then."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from sidestep.streams.backtest.follow import FollowedSoFar, follow
from sidestep.streams.backtest.report import BacktestReport
from sidestep.streams.backtest.words import SAID
from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.decide.policy import Policy
from sidestep.streams.errors import BacktestFailed
from sidestep.streams.settings import Settings

ENDS = (signal.SIGINT, signal.SIGTERM)


def followed(settings: Settings, policy: Policy, text: str, partitions: Sequence[int], until: float) -> BacktestReport:
    """The report, once `until` (Unix seconds) or a signal has come. Raises BacktestFailed where that was before it had
    begun."""
    with _ended_by_signals() as ended, copy_progress("folding the log up to now", 100) as show:
        begun = False

        def told(done: int, total: int) -> None:
            if ended.is_set():
                raise BacktestFailed("ended before the log was folded up to now: there is nothing to report")
            show(100 * done // max(total, 1), done)

        def shown(so_far: FollowedSoFar) -> None:
            nonlocal begun
            if not begun:  # something may have come already, while the log was folded
                click.echo(f"{_clock(time.time())} following: Ctrl-C ends it with the report", err=True)
            begun = True
            if so_far.records:
                click.echo(line(so_far, time.time()), err=True)

        return follow(
            settings.connection, policy, text, partitions, _is_over(ended, until), told, shown, settings.snapshots_url
        )


def line(so_far: FollowedSoFar, now: float) -> str:
    """What has been compared up to now."""
    changed = ", ".join(
        f"{SAID[before]} -> {SAID[after]} {count:,}" for (before, after), count in so_far.otherwise.most_common()
    )
    waiting = f"; {so_far.waiting:,} records wait for verdicts" if so_far.waiting else ""
    otherwise = f"{so_far.otherwise.total():,} otherwise ({changed or 'none'})"
    return f"{_clock(now)} {so_far.verdicts:,} verdicts, {otherwise}{waiting}"


def _clock(now: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(now))


def _is_over(ended: threading.Event, until: float) -> Callable[[], bool]:
    return lambda: ended.is_set() or time.time() >= until


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """Set by SIGINT and SIGTERM, within the block: whatever is in hand goes on to its end."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in ENDS}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
