"""What happens to workers and their folders: a function for each kind of fault of that lane."""

import signal
from collections.abc import Callable
from random import Random

from tests.soak.crew import Post
from tests.soak.damage import damage

Wait = Callable[[float], object]
"""Sleeps so many seconds, or less when the soak ends."""


def kill(post: Post, seconds: float, wait: Wait) -> None:
    """The folder stays as it is."""
    _kill(post, seconds, wait, lambda: None)


def kill_empty(post: Post, seconds: float, wait: Wait) -> None:
    """The next worker finds no folder."""
    _kill(post, seconds, wait, post.remove_folder)


def kill_older(post: Post, seconds: float, wait: Wait) -> None:
    """The next worker finds the folder of an earlier life, or none when there is none yet."""
    _kill(post, seconds, wait, post.change_folders)


def kill_damaged(post: Post, seconds: float, wait: Wait) -> None:
    """The next worker finds one of the ledgers damaged."""
    _kill(post, seconds, wait, lambda: damage(post.data, Random(len(post.exits))))


def folder_removed(post: Post, seconds: float, wait: Wait) -> None:
    """While it runs; it may go on or leave."""
    post.remove_folder()
    wait(seconds)


def term(post: Post, seconds: float, wait: Wait) -> None:
    """SIGTERM, and a new one."""
    with post.lock:
        post.leave()
        wait(seconds)
        post.start()


def freeze(post: Post, seconds: float, wait: Wait) -> None:
    """SIGSTOP, later SIGCONT."""
    with post.lock:
        post.signal(signal.SIGSTOP)
        wait(seconds)
        post.signal(signal.SIGCONT)


def _kill(post: Post, seconds: float, wait: Wait, then: Callable[[], object]) -> None:
    with post.lock:
        post.kill()
        then()
        wait(seconds)
        post.start()


WORKER_FAULTS = {
    "kill": kill,
    "kill-empty": kill_empty,
    "kill-older": kill_older,
    "kill-damaged": kill_damaged,
    "folder-removed": folder_removed,
    "term": term,
    "freeze": freeze,
    "freeze-briefly": freeze,
}
