"""Messages that are remembered: bounded in time and in number."""

import pytest

from sidestep.streams.web.receive.incoming import CannotTell, Refused
from sidestep.streams.web.receive.replays import Replays


def test_a_message_is_remembered_for_its_time() -> None:
    """Not published again until then; what came under its id with other content is refused."""
    replays = Replays()
    assert replays.claim(b"1", b"a", 0, 600)
    replays.published(b"1")
    assert not replays.claim(b"1", b"a", 599, 600)
    with pytest.raises(Refused):
        replays.claim(b"1", b"b", 599, 600)
    assert replays.claim(b"1", b"b", 600, 600)


def test_what_is_not_published_may_come_again() -> None:
    """And whoever comes meanwhile waits."""
    replays = Replays()
    assert replays.claim(b"1", b"a", 0, 600)
    with pytest.raises(CannotTell):
        replays.claim(b"1", b"a", 1, 600)
    replays.release(b"1")
    assert replays.claim(b"1", b"a", 2, 600)


def test_a_flood_pushes_nothing_out() -> None:
    """Where no more can be remembered, the next message has to wait: a replay never gets in by way of a flood."""
    replays = Replays(most=3)
    for number in range(3):
        assert replays.claim(b"%d" % number, b"a", number, 600)
        replays.published(b"%d" % number)
    with pytest.raises(CannotTell):
        replays.claim(b"3", b"a", 3, 600)
    assert not replays.claim(b"0", b"a", 3, 600)
    assert replays.claim(b"3", b"a", 600, 600) and len(replays) == 3
