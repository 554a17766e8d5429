"""Work on several partitions at a time, each in a process of its own: they share nothing but the cluster."""

import multiprocessing
import signal
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, TypeVar

from sidestep.streams.runtime.collector import fit_batches
from sidestep.streams.runtime.malloc import bound_malloc_arenas
from sidestep.topics.errors import SidestepError

Done = TypeVar("Done")
Done_co = TypeVar("Done_co", covariant=True)
Told = Callable[[int], None]
"""Hears of so many records more."""


class PartitionWork(Protocol[Done_co]):
    """What is done with one partition; a process gets it by its name, so it is a class of a module."""

    @property
    def partition(self) -> int:
        """Number of the partition."""

    def __call__(self, told: Told) -> Done_co:
        """Do it, here. Raises SidestepError."""


def side_by_side(
    work: Sequence[PartitionWork[Done]],
    processes: int,
    told: Told,
    failed: type[SidestepError],
    keep: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """What comes of each, in their order; at most so many at a time. `keep` hears of each as soon as it is done.

    Raises what one of them has failed with, `failed` where a process has ended by itself.
    """
    if len(work) <= 1 or processes == 1:
        return [_done_here(each, told, keep) for each in work]
    waiting, running = list(enumerate(work)), dict[Pipe, tuple[int, BaseProcess]]()
    done: dict[int, Done] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                number, each = waiting.pop(0)
                pipe, process = _start(each)
                running[pipe] = number, process
            for ready in wait(list(running)):
                pipe = ready  # type: ignore[assignment]  # what is waited for
                number, process = running[pipe]
                said = _said(pipe, work[number].partition, failed)
                if isinstance(said, int):
                    told(said)
                    continue
                keep(said)
                done[number] = said
                running.pop(pipe)[1].join()
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()
    return [done[number] for number in range(len(work))]


def _done_here(work: PartitionWork[Done], told: Told, keep: Callable[[Done], None]) -> Done:
    done = work(told)
    keep(done)
    return done


def _start(work: PartitionWork[Any]) -> tuple[Pipe, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # librdkafka's threads survive no fork
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _child(work: PartitionWork[Any], pipe: Pipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them: who has started this one ends it
    bound_malloc_arenas()
    fit_batches()
    try:
        pipe.send(work(pipe.send))
    except SidestepError as error:
        pipe.send(error)


def _said(pipe: Pipe, partition: int, failed: type[SidestepError]) -> Any:
    """What a process has said next: records read, or in the end what came of it. Raises what it has failed with."""
    try:
        said = pipe.recv()
    except EOFError:
        raise failed(
            f"the process that folded partition {partition} has ended by itself: is there enough memory, and room in "
            f"{tempfile.gettempdir()}? TMPDIR names another folder"
        ) from None
    if isinstance(said, SidestepError):
        raise said
    return said


def added_up(told: Callable[[int, int], None], total: int) -> Told:
    """Of records that are told one after the other, how many that are now, and of how many."""
    done = 0

    def add(records: int) -> None:
        nonlocal done
        done += records
        told(min(done, total), total)

    return add
