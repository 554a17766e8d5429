"""Offsets is asked from many threads at once, and each of them has an answer, or hears that there is none."""

import gc
import socket
import threading
from collections.abc import Iterator

import pytest

from sidestep.streams.runtime import offsets as module
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError

PLACE = Place("email-evidence", 0)


@pytest.fixture
def frozen() -> Iterator[Connection]:
    """A broker that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Connection(f"127.0.0.1:{server.getsockname()[1]}")


def test_who_goes_over_to_another_client_leaves_nobody_waiting(
    frozen: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one thread has asked is answered, though another has had the client made anew meanwhile: librdkafka never
    answers for a client that nobody holds any more."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 2.0)
    asked, said = Offsets(frozen), list[SidestepError]()

    def ask() -> None:
        try:
            asked.starts([PLACE])
        except SidestepError as error:
            said.append(error)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    threads[0].join(0.5)  # both wait for an answer by then
    asked._begin_anew(asked._admins, 0.0)
    gc.collect()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert 2 == len(said)
