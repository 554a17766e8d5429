"""sidestep acls apply and check, on a Kafka with an authorizer."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from sidestep.streams.cli import main
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.rights.client_quotas import read_quotas, set_quotas
from sidestep.streams.rights.cluster_acls import ClusterAcls
from sidestep.streams.rights.granted import Granted, as_granted
from sidestep.streams.rights.registry import USER
from sidestep.topics import admin
from sidestep.topics.acls import principals, rights
from sidestep.topics.quotas import quota_of
from tests.fixture_types import WaitUntil

WHOSE = ("--service", "shop,billing")
WANTED = sorted(as_granted(USER + right.principal, right) for right in rights(["shop", "billing"]))
SURPLUS = Granted("User:mailer", "topic", "literal", "email-approved", "WRITE")
STRANGER = Granted("User:connect", "topic", "prefixed", "email-", "ALL")
AS_IT_SHOULD = "all principals have their rights, and no more\n"

Run = Callable[..., Result]


@pytest.fixture
def acls(secure_kafka: SecureKafka) -> Iterator[ClusterAcls]:
    """A cluster with all topics, and without ACLs."""
    admin.create(secure_kafka.connection)
    found = ClusterAcls(secure_kafka.connection)
    found.remove(found.read())
    yield found
    found.remove(found.read())
    # other tests are not to be slowed down by limits
    limited = read_quotas(secure_kafka.connection)
    set_quotas(secure_kafka.connection, {user: dict.fromkeys(limits, 1e12) for user, limits in limited.items()})


@pytest.fixture
def run(secure_kafka: SecureKafka) -> Run:
    """run("apply", …, who="admin"): sidestep acls apply …, in this principal's shell."""

    def invoke(*arguments: str, who: str = "admin") -> Result:
        return CliRunner().invoke(main, ["acls", *arguments], env=secure_kafka.by_certificate(who).environment())

    return invoke


def test_apply_gives_what_is_missing_and_then_nothing(acls: ClusterAcls, run: Run, wait_until: WaitUntil) -> None:
    """Rights and quotas; --dry-run changes nothing; what is there already is not added again."""
    acls.add(WANTED[:3])
    wait_until(lambda: len(acls.read()) == 3)
    planned = run("apply", *WHOSE, "--dry-run")
    assert (0, len(WANTED) - 3) == (planned.exit_code, planned.output.count("to be added: "))
    assert WANTED[:3] == acls.read()
    assert len(WANTED) - 3 == run("apply", *WHOSE).output.count("added: ")
    wait_until(lambda: acls.read() == WANTED)
    wait_until(lambda: run("apply", *WHOSE).output == AS_IT_SHOULD)
    checked = run("check", *WHOSE, who="operator")
    assert (0, AS_IT_SHOULD) == (checked.exit_code, checked.output)


def test_quotas_are_set_and_compared(
    secure_kafka: SecureKafka, acls: ClusterAcls, run: Run, wait_until: WaitUntil
) -> None:
    """As quotas.toml has them, for whoever has some; what differs is advice."""
    run("apply", *WHOSE)
    expected = {name: quota_of(name) for name in principals(["shop", "billing"]) if quota_of(name)}
    wait_until(lambda: expected.items() <= read_quotas(secure_kafka.connection).items())
    set_quotas(secure_kafka.connection, {"mailer": {"request_percentage": 1.0}})
    wait_until(lambda: "User:mailer: lacks the quota request_percentage=50" in run("check", *WHOSE).output)
    assert "limited: mailer: request_percentage=50\n" in run("apply", *WHOSE).output


def test_what_is_too_much_is_told_and_pruned_but_not_that_of_others(
    acls: ClusterAcls, run: Run, wait_until: WaitUntil
) -> None:
    """check leaves with 1; apply takes away by --prune what ours have, and touches nobody else's."""
    acls.add([*WANTED, SURPLUS, STRANGER])
    wait_until(lambda: len(acls.read()) == len(WANTED) + 2)
    found = run("check", *WHOSE, who="operator")
    assert 1 == found.exit_code
    assert "fault   User:mailer: WRITE on topic email-approved is too much\n" in found.output
    assert "fault   User:connect: ALL on topic email-* is allowed\n" in found.output
    assert "too much, taken away by --prune: User:mailer WRITE on topic email-approved\n" in run("apply", *WHOSE).output
    assert SURPLUS in acls.read()
    assert "taken away: User:mailer WRITE on topic email-approved\n" in run("apply", *WHOSE, "--prune").output
    wait_until(lambda: acls.read() == sorted([*WANTED, STRANGER]))
    assert 1 == run("check", *WHOSE, who="operator").exit_code


def test_what_is_missing_is_told(acls: ClusterAcls, run: Run, wait_until: WaitUntil) -> None:
    """With who lacks it, and how it is given."""
    gone = Granted("User:decide", "topic", "literal", "email-approved", "WRITE")
    acls.add([acl for acl in WANTED if acl != gone])
    wait_until(lambda: len(acls.read()) == len(WANTED) - 1)
    found = run("check", *WHOSE, who="operator")
    assert (1, True) == (found.exit_code, "User:decide: WRITE on topic email-approved is missing" in found.output)


def test_what_cannot_be_seen_is_advice(acls: ClusterAcls, run: Run) -> None:
    """With ACLs alone to be read, quotas and super users are not known; what is known is told all the same."""
    acls.add([*WANTED, Granted("User:looker", "cluster", "literal", "kafka-cluster", "DESCRIBE"), SURPLUS])
    result = run("check", *WHOSE, who="looker")
    assert 1 == result.exit_code, result.output
    lines = [line for line in result.output.splitlines() if not line.startswith(" ")]
    assert [
        "fault   User:mailer: WRITE on topic email-approved is too much",
        "advice  brokers: allow.everyone.if.no.acl.found and super.users can't be read",
        "advice  quotas: can't be read",
    ] == lines


@pytest.mark.parametrize("command", ["apply", "check"])
def test_who_may_not_ask_is_told_so(acls: ClusterAcls, run: Run, command: str) -> None:
    """An answer that refuses is not taken for a cluster without ACLs."""
    acls.add(WANTED)
    result = run(command, *WHOSE, who="mailer")
    assert (2, True) == (result.exit_code, "Connect as an administrator" in result.stderr), result.output


@pytest.mark.parametrize("command", ["apply", "check"])
def test_a_kafka_without_authorizer_is_told_apart(kafka: EmbeddedKafka, command: str) -> None:
    """There everybody may do everything, and no ACL changes that."""
    result = CliRunner().invoke(main, ["acls", command, "--broker", kafka.address])
    assert (2, True) == (result.exit_code, "no authorizer, so everybody may do everything" in result.stderr)
