"""The network between workers and the broker is cut, slow, or breaks connections: nothing is lost, nothing repeated."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidestep.streams.local.embedded_config import Server, quick_start
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.topics.catalog import LEDGER_CHANGELOG
from tests.guarantees.harness.drive import Drive
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.proxy import LOSSY, Flow, Proxy
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import SESSION_SECONDS, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(420)]

CUT_SECONDS = SESSION_SECONDS + 6
"""Longer than the session: the partitions go to the other worker. Longer than librdkafka waits for an answer."""
SLOW_SECONDS = 4.0
ROLES = ("screen", "decide")
HELD = Flow(held=True)
CHANGELOG = LEDGER_CHANGELOG.name.encode()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Between those workers that are told its address and the broker."""
    with Proxy() as made:
        yield made


@pytest.fixture
def own_kafka(proxy: Proxy, tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker with a second listener, behind the proxy."""
    server = Server(listeners=(proxy.listener("PROXIED"),))
    with EmbeddedKafka(tmp_path / "kafka", java=quick_start(), server=server) as broker:
        yield broker


def test_workers_behind_a_bad_network(own_system: System, proxy: Proxy) -> None:
    """One worker of each role behind a proxy, one at the broker. Cut both ways, requests only, answers only; refused,
    reset, slow, lossy, narrow, and slow for the changelog alone. What was held up by a cut arrives when others own the
    partitions: it must count for nothing."""
    system, traffic = own_system, Traffic(seed=42)
    near = [system.start(role).await_ready() for role in ROLES]
    proxy.both(Flow(delay=0.3))
    far = [system.start(role, broker=proxy.connection) for role in ROLES]
    drive = Drive(system, traffic, (*near, *far))
    drive.until(lambda: all("assigned  role=" in worker.said for worker in far), 60, "all are assigned something")
    proxy.both(HELD)  # while they ask where to begin
    drive.during(CUT_SECONDS + 2, "begin")
    mended(system, drive, proxy, "begin")
    for label, flows in {"both": (HELD, HELD), "requests": (HELD, Flow()), "answers": (Flow(), HELD)}.items():
        proxy.up(flows[0])
        proxy.down(flows[1])
        drive.during(CUT_SECONDS, label)
        mended(system, drive, proxy, label)
    proxy.refuse()
    drive.during(SLOW_SECONDS, "refused")
    proxy.mend()
    for number in range(8):
        proxy.reset()
        drive.during(0.5, f"reset-{number}")
    for label, flow in {
        "slow": Flow(delay=0.5),
        "lossy": LOSSY,
        "narrow": Flow(rate=30_000),
        "slow-changelog": Flow(delay=2.0, slow=is_changelog),
    }.items():
        proxy.both(flow)
        drive.during(SLOW_SECONDS, label)
        mended(system, drive, proxy, label)
    drive.settle(60)
    print(
        f"\n{drive.sent} records; left and started again: near {[w.exits for w in near]}, far {[w.exits for w in far]}"
    )
    # Screen first: a tick that came after the last Decide has left would be judged by nobody. Then one that has it all
    assert [worker.leave() for worker in (near[0], far[0], near[1])] == [0, 0, 0]
    wait_for(
        lambda: far[1].metric("sidestep_partitions_assigned") == {'{role="decide"}': 4} and far[1].ready(), 60, "heir"
    )
    assert far[1].leave() == 0
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [far[1].data])


def mended(system: System, drive: Drive, proxy: Proxy, label: str) -> None:
    """The network is well again, and with it all else: verdicts are there, and who was cut off has its share again."""
    proxy.mend()
    answered = drive.until_answered(60, label)
    shared = drive.until(lambda: [system.sharing(role) for role in ROLES] == [2, 2], 90, f"{label}: all have a share")
    print(f"\n{label}: mended, all verdicts after {answered:.1f} s, all share after {answered + shared:.1f} s")


def is_changelog(frame: bytes) -> bool:
    """A request about the ledger's changelog; those about offsets and outputs go on."""
    return CHANGELOG in frame
