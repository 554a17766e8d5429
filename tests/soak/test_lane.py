"""A lane does its steps one after the other, and heals what it has begun."""

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.fixture_types import WaitUntil
from tests.soak.lane import Lane
from tests.soak.plan import Step


def steps() -> Iterator[Step]:
    """Kills and others, without end."""
    return (Step(("kill", "term")[number % 2], number, 0.0, 0.0) for number in count())


def test_steps_are_done_counted_and_noted(tmp_path: Path, wait_until: WaitUntil) -> None:
    """In the plan's order, until told to stop."""
    done: list[int] = []
    stop = threading.Event()
    lane = Lane(steps(), lambda step: done.append(step.target), tmp_path / "lane.journal", stop, 0.0)
    lane.start()
    wait_until(lambda: len(done) > 9)
    stop.set()
    lane.finish()
    assert list(range(len(done))) == done
    assert (len(done), (len(done) + 1) // 2, "") == (lane.faults, lane.kills, lane.failure)
    assert "kill 0 healed" in (tmp_path / "lane.journal").read_text()


def test_what_a_step_can_not_do_ends_the_soak(tmp_path: Path) -> None:
    """A broker that does not start again, for example: nothing after it would mean anything."""

    def fails(_: Step) -> None:
        raise OSError("no broker")

    stop = threading.Event()
    lane = Lane(steps(), fails, tmp_path / "lane.journal", stop, 0.0)
    lane.start()
    lane.finish()
    assert stop.is_set()
    assert lane.failure == "kill 0: OSError: no broker"


def test_calm_is_when_nothing_has_gone_on(tmp_path: Path) -> None:
    """Neither now nor since the moment asked for."""
    lane = Lane(iter([Step("kill", 0, 0.0, 0.0)]), lambda _: None, tmp_path / "lane.journal", threading.Event(), 0.0)
    lane.start()
    lane.finish()
    assert not lane.calm(0.0)
    assert lane.calm(float("inf"))
