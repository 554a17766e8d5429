"""Posts kill, ask, restart and count; folders change hands. Their workers here are small processes of Python's own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixture_types import WaitUntil
from tests.guarantees.harness.workers import WorkerProcess
from tests.soak import crew
from tests.soak.checker import Exit
from tests.soak.crew import Post
from tests.soak.worker_faults import WORKER_FAULTS

HEEDS = "import signal, time; signal.signal(15, lambda *_: exit(0)); print('up', flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
FAILS = "print('up', flush=True); exit(3)"


class Stand(WorkerProcess):
    """A process that runs `code`, with a file in its data folder."""

    def __init__(self, code: str, data: Path):
        self.data = data
        data.mkdir(exist_ok=True)
        (data / "life").touch()
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.process.stdout.readline()


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Callable[[str], Post]]:
    """post(code): a post whose workers run it, started."""
    made: list[Post] = []

    def make(code: str) -> Post:
        made.append(Post(0, lambda data, _: Stand(code, data), tmp_path, tmp_path, lambda _: True))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.kill()


def test_ends_are_counted_with_their_cause(post: Callable[[str], Post], monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, asked to leave, and deaf to that."""
    monkeypatch.setattr(crew, "TERM_SECONDS", 0.5)
    heeding, deaf = post(HEEDS), post(DEAF)
    heeding.kill()
    heeding.start()
    heeding.leave()
    deaf.leave()
    assert [Exit(0, -9, "kill", True), Exit(0, 0, "term", True)] == heeding.exits
    assert [Exit(0, -9, "hung", True)] == deaf.exits


def test_who_ends_by_itself_is_started_again(
    post: Callable[[str], Post], monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    """As a supervisor does."""
    monkeypatch.setattr(crew, "AGAIN_SECONDS", 0.0)
    failing, well = post(FAILS), post(HEEDS)

    def thrice() -> bool:
        failing.look_after()
        return len(failing.exits) == 3

    wait_until(thrice)
    well.look_after()
    assert [Exit(0, 3, "", True)] * 3 == failing.exits
    assert [] == well.exits


def test_a_folder_of_an_earlier_life_comes_back(post: Callable[[str], Post]) -> None:
    """The first time there is none; then the two change places at each kill."""
    here = post(HEEDS)
    for life in ("first", "second"):
        (here.data / life).touch()
        WORKER_FAULTS["kill-older"](here, 0.0, lambda _: None)
    assert {"first", "life"} == {path.name for path in here.data.iterdir()}
    assert {"second", "life"} == {path.name for path in here.shelf.iterdir()}


def test_an_emptied_folder_is_empty(post: Callable[[str], Post]) -> None:
    """But for what the next worker makes."""
    here = post(HEEDS)
    (here.data / "first").touch()
    WORKER_FAULTS["kill-empty"](here, 0.0, lambda _: None)
    assert ["life"] == [path.name for path in here.data.iterdir()]
