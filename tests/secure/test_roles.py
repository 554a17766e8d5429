"""All roles work, by each way, with the rights of the catalog alone; renewed credentials cost nobody a verdict."""

from collections.abc import Callable
from dataclasses import asdict

import pytest

from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.topics.access import Access
from tests.guarantees.harness.drive import Drive
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess
from tests.secure.conftest import Secret
from tests.secure.token_server import TokenServer

STAGES = ("screen", "decide", "watch")
MakeAccess = Callable[[str], Access]


@pytest.fixture
def access_by(secure_kafka: SecureKafka, provider: TokenServer, secret: Secret) -> Callable[[str], MakeAccess]:
    """access_by(way)(principal): how a principal gets in by a way."""

    def by_password(principal: str) -> Access:
        password = secret(f"{principal}.password", f"password of {principal}")
        secure_kafka.set_passwords({principal: password})
        return secure_kafka.by_password(principal, password)

    def by_token(principal: str) -> Access:
        provider.clients[principal] = f"secret of {principal}"
        return secure_kafka.by_token(principal, secret(f"{principal}.secret", f"secret of {principal}"), provider.url)

    return {"mtls": secure_kafka.by_certificate, "scram": by_password, "oauth": by_token}.__getitem__


def start(system: System, role: str, access: Access) -> WorkerProcess:
    """A worker that is let in so."""
    settings = {name: value for name, value in asdict(access).items() if name != "broker"}
    return system.start(role, broker=access.connect(), **settings)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["mtls", "scram", "oauth"])
def test_all_roles_work_with_their_rights_alone(
    secure_system: System, access_by: Callable[[str], MakeAccess], way: str
) -> None:
    """Every intent has one verdict, and no worker is denied anything."""
    workers = [start(secure_system, role, access_by(way)(role)) for role in STAGES]
    for worker in workers:
        worker.await_ready()
    drive = Drive(secure_system, Traffic(), workers)
    drive.during(3, way)
    drive.settle(60)
    assert secure_system.verdicts.repeated() == []
    for worker in workers:
        assert "AUTHORIZATION" not in worker.said.upper(), worker.said[-3000:]
        assert 0 == worker.leave(), worker.said[-3000:]
