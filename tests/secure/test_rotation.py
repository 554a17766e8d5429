"""Certificates and secrets are renewed under load: no verdict is lost, none is late, and the old ones are needed no
more."""

import datetime
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from sidestep.schemas import EmailIntent
from sidestep.streams.local.development_ca import DevelopmentCA, write_private
from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.topics.access import Access
from tests.guarantees.harness.records import Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess, wait_for
from tests.secure.conftest import STAGES, MakeAccess, secured, start
from tests.secure.token_server import TokenServer

TICK = 0.05
SETTLED_SECONDS = 5.0
LATE_SECONDS = 1.0
"""By which a verdict may be later than the latest was before."""
FIRST_LASTS = datetime.timedelta(seconds=45)
LIFE_SECONDS = 15
"""Of a token."""
ROTATIONS = 6
"""At most: the machine has other things to do as well, so the best one counts, and no more are made than it takes."""


ShortTokens = tuple[dict[str, Access], list[WorkerProcess]]


class Clock:
    """Publishes a little all the time, and knows how long each verdict took."""

    def __init__(self, system: System):
        self._system = system
        self._traffic = Traffic()
        self._sent: dict[Key, float] = {}
        self._decode = msgspec.json.Decoder(EmailIntent).decode

    def during(self, seconds: float, label: str) -> float:
        """Publish for so long, wait for all verdicts; how long the slowest took. Fails the test where one is missing or
        comes twice."""
        sent: dict[Key, float] = {}
        slowest = 0.0
        end = time.monotonic() + seconds
        while time.monotonic() < end or sent:
            assert time.monotonic() < end + 60, f"{label}: {len(sent)} verdicts are missing"
            if time.monotonic() < end:
                self._publish(sent, label)
            for verdict in self._system.verdicts.poll(TICK):
                began = sent.pop((verdict.service, verdict.id, verdict.attempt, verdict.to), None)
                slowest = max(slowest, time.monotonic() - began if began is not None else 0.0)
        assert self._system.verdicts.repeated() == [], label
        return slowest

    def _publish(self, sent: dict[Key, float], label: str) -> None:
        records = self._traffic.plain(20, label)
        for _, _, value in records:
            intent = self._decode(value)
            sent[intent.service, intent.id, intent.attempt, intent.to] = time.monotonic()
        self._system.feed.send(records)


def _rotate(clock: Clock, workers: list[WorkerProcess], renew: Callable[[], None], told: str) -> None:
    """Renew under load, until nobody was late; each time all workers take it up, and all verdicts are there once."""
    clock.during(3, "warming up")
    usual = clock.during(SETTLED_SECONDS, "before")
    late = []
    for number in range(1, ROTATIONS + 1):
        renew()
        late.append(clock.during(SETTLED_SECONDS, f"rotation-{number}") - usual)
        _await_said(workers, told, number)
        if late[-1] <= LATE_SECONDS:
            break
    assert min(late) <= LATE_SECONDS, f"late by {late}, usual {usual:.2f}"
    print(f"usual {usual:.2f} s; later by {', '.join(f'{each:.2f}' for each in late)}")


def _await_said(workers: list[WorkerProcess], words: str, times: int) -> None:
    wait_for(lambda: all(each.said.count(words) >= times for each in workers), 20, f"all have said: {words}")


@pytest.fixture
def own_secure(tmp_path: Path, authority: DevelopmentCA, provider: TokenServer) -> Iterator[SecureKafka]:
    """A broker that this test may stop."""
    with SecureKafka(tmp_path / "kafka", authority, provider.issuer, java=quick_start()) as broker:
        yield broker


@pytest.mark.slow
def test_certificates_are_renewed_under_load(own_secure: SecureKafka, authority: DevelopmentCA, tmp_path: Path) -> None:
    """And when the first ones have expired, a broker that comes back lets everybody in with those of now."""
    accesses = {role: own_secure.by_certificate(role) for role in STAGES}
    begins = datetime.datetime.now(datetime.UTC)
    for role in STAGES:
        authority.issue(role, begins=begins, lasts=FIRST_LASTS)
    for system in secured(own_secure, tmp_path):
        workers = [start(system, role, accesses[role]) for role in STAGES]
        for worker in workers:
            worker.await_ready()
        clock = Clock(system)

        def renew() -> None:
            for role in STAGES:
                authority.issue(role)

        _rotate(clock, workers, renew, "clients are made anew")
        wait_for(
            lambda: datetime.datetime.now(datetime.UTC) > begins + FIRST_LASTS,
            60,
            "the first certificates have expired",
        )
        own_secure.stop()
        own_secure.start()
        clock.during(3, "after the broker came back")
        assert [] == [worker.role for worker in workers if not worker.alive]


@pytest.fixture
def short_tokens(
    secure_system: System, access_by: Callable[[str], MakeAccess], provider: TokenServer
) -> Iterator[ShortTokens]:
    """How each role is let in, and a ready worker of each, with tokens that last for seconds."""
    before, provider.life = provider.life, LIFE_SECONDS
    accesses = {role: access_by("oauth")(role) for role in STAGES}
    workers = [start(secure_system, role, accesses[role]) for role in STAGES]
    yield accesses, [worker.await_ready() for worker in workers]
    provider.life = before


@pytest.mark.slow
def test_a_secret_is_changed_under_load(
    secure_system: System, short_tokens: ShortTokens, provider: TokenServer
) -> None:
    """The provider knows the new one from one moment to the next; tokens last for seconds."""
    by_token, workers = short_tokens
    clock = Clock(secure_system)
    clock.during(3, "warming up")
    usual = clock.during(SETTLED_SECONDS, "before")
    for role in STAGES:
        write_private(Path(by_token[role].oauth_client_secret_file), f"new secret of {role}".encode())
        provider.clients[role] = f"new secret of {role}"
    before = len(provider.asked)
    late = [clock.during(LIFE_SECONDS, "after-1") - usual]
    while len(late) < 2 or (min(late) > LATE_SECONDS and len(late) < ROTATIONS):
        late.append(clock.during(LIFE_SECONDS, f"after-{len(late) + 1}") - usual)
    print(f"usual {usual:.2f} s; later by {', '.join(f'{each:.2f}' for each in late)}")
    assert len(provider.asked) - before >= len(late) * len(STAGES)
    assert min(late) <= LATE_SECONDS, f"late by {late}, usual {usual:.2f}"
    assert [] == [worker.role for worker in workers if not worker.alive]


@pytest.mark.slow
def test_a_provider_that_is_away(secure_system: System, short_tokens: ShortTokens, provider: TokenServer) -> None:
    """For longer than tokens last: Kafka lets nobody in any more; once the provider is back, all go on."""
    _, workers = short_tokens
    clock = Clock(secure_system)
    clock.during(3, "before")
    provider.away = True
    try:
        before = len(provider.asked)
        wait_for(lambda: len(provider.asked) > before, 30, "somebody asks")
        time.sleep(LIFE_SECONDS)  # no token outlives that
    finally:
        provider.away = False
    clock.during(3, "after")
    assert [] == [worker.role for worker in workers if not worker.alive]


@pytest.mark.slow
def test_a_slip_in_a_rotation_stops_nobody(
    secure_system: System, secure_kafka: SecureKafka, authority: DevelopmentCA, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A certificate of another authority is not taken up: the old one goes on, and the log says why, until the right
    one is there."""
    access = secure_kafka.by_certificate("screen")
    accesses = {role: secure_kafka.by_certificate(role) for role in STAGES}
    workers = [start(secure_system, role, accesses[role]) for role in STAGES]
    for worker in workers:
        worker.await_ready()
    clock = Clock(secure_system)
    foreign = DevelopmentCA(tmp_path_factory.mktemp("foreign")).issue("screen")
    write_private(Path(access.tls_key), foreign.key.read_bytes())
    write_private(Path(access.tls_certificate), foreign.certificate.read_bytes())
    screen = workers[0]
    clock.during(3, "foreign")
    wait_for(lambda: "are not accepted, the old ones go on" in screen.said, 30, "the log says so")
    assert "refuses our certificate" in screen.said
    authority.issue("screen")
    clock.during(3, "mended")
    wait_for(lambda: "clients are made anew" in screen.said, 30, "the right one is taken up")
