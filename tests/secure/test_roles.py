"""All roles work, by each way, with the rights of the catalog and no others."""

from collections.abc import Callable

import pytest

from tests.guarantees.harness.drive import Drive
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.secure.conftest import STAGES, MakeAccess, start


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
