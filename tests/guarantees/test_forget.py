"""A person is forgotten under running workers: the row goes, the check says so before and after, and an audit proves
all that remains."""

import time

import pytest
from click.testing import CliRunner, Result

from sidestep.schemas import Bounce, EmailIntent
from sidestep.streams.audit.run import audit
from sidestep.streams.cli import main
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.publish import Publisher
from tests.guarantees.harness.records import Key, read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import HASH_KEY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SECONDS = 60.0
JANE, TOM = f"jane@{GOOD[0]}", f"tom@{GOOD[0]}"


def run(system: System, *arguments: str) -> Result:
    """A command as an operator runs it, with the secret of the workers."""
    environment = {"SIDESTEP_HASH_KEY": HASH_KEY}
    return CliRunner().invoke(main, [*arguments, "--broker", str(system.connection)], env=environment)


def send(system: System, *intents: EmailIntent) -> None:
    """Intents, until they have their verdicts."""
    with Publisher(system.connection) as publisher:
        for intent in intents:
            publisher.intent(intent)
    expected: set[Key] = {(each.service, each.id, 1, each.to) for each in intents}
    system.verdicts.await_all(expected, SECONDS)


def checked(system: System, code: int) -> str:
    """What the check says once it ends so: Decide comes to a record in its time."""
    deadline = time.monotonic() + SECONDS
    while (done := run(system, "forget", JANE, "--check")).exit_code != code:
        assert time.monotonic() < deadline, done.output
    return done.output


def bounce(system: System) -> None:
    """A report about jane's message comes, and somebody of her partition is judged after it."""
    with Publisher(system.connection) as publisher:
        publisher.bounce(
            Bounce(recipient=JANE, id="late", service="shop", reason="userunknown", hard=True, scope="recipient")
        )
    deadline = time.monotonic() + SECONDS
    while not any(b'"feedback"' in (record.value() or b"") for record in read(system.connection, EVIDENCE.name)):
        assert time.monotonic() < deadline
    send(system, EmailIntent(id="after", to=TOM, service="shop"))


def test_a_person_is_forgotten_under_running_workers(system: System) -> None:
    """What stops mail to her stays; a report that was under way brings nothing back; all of the log is proved."""
    workers = [system.start(role).await_ready() for role in ("screen", "decide", "watch")]
    others = [EmailIntent(id=f"{n}", to=f"p{n}@{GOOD[n % len(GOOD)]}", service="shop") for n in range(40)]
    send(system, EmailIntent(id="first", to=JANE, service="shop"), *others)
    assert "LEFT" in checked(system, 1)
    assert 0 == run(system, "suppress", "add", JANE, "--reason", "asked for it", "--by", "ann").exit_code
    told = run(system, "forget", JANE, "--by", "ann")
    assert (0, True) == (told.exit_code, "email-evidence" in told.output), told.output
    assert "only what stops mail" in checked(system, 0)
    bounce(system)
    assert "only what stops mail" in checked(system, 0)
    assert 0 == run(system, "forget", JANE, "--by", "ann", "--drop-suppression").exit_code
    send(system, EmailIntent(id="last", to=TOM, service="shop"))
    assert "rows: none" in checked(system, 0)
    assert [0, 0, 0] == [worker.leave() for worker in workers]
    report = audit(system.connection)
    assert [] == [finding for each in report.partitions for finding in each.findings]
    assert report.right
    assert "proved=43/43" == report.line()
