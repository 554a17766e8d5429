"""Workers with their rights and nothing more, on a Kafka that allows nothing else; and what others try against them."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin import AdminClient

from sidestep.schemas import EmailIntent, Verdict
from sidestep.streams.app import Worker
from sidestep.streams.cli import main
from sidestep.streams.errors import RightsError
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.roles import ROLES, held_up
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.screen.hold_writer import write_hold
from sidestep.streams.screen.holds import hold_record
from sidestep.streams.screen.operator_writer import OperatorWriter
from sidestep.streams.settings import Settings
from sidestep.topics import admin
from sidestep.topics.catalog import CATALOG, CONTROL, EVIDENCE
from sidestep.topics.connection import Connection
from sidestep.topics.errors import TopicsError
from sidestep.topics.publish import Publisher
from sidestep.topics.subscribe import Subscription, Verdicts
from tests.fixture_types import WaitUntil
from tests.guarantees.harness.traffic import ZONES
from tests.guarantees.test_held_up import hang
from tests.secure.attempts import Attempts
from tests.secure.refusals import refusals

SERVICE = "service-shop"
ATTACKERS = (SERVICE, "mailer", "dashboard", "auditor")
DOMAIN = "d0.example"


class Deployment:
    """A worker of each role with its own principal's certificate, in a thread; others connect by `as_principal`."""

    def __init__(self, kafka: SecureKafka, folder: Path, name_servers: str):
        self.kafka = kafka
        self._sent = 0
        common: dict[str, Any] = {"web_port": 0, "session_timeout": 6, "hash_key": "5a" * 31 + "01", "dns_canaries": ""}
        settings = {
            role: Settings(
                **asdict(kafka.by_certificate(role)), data_dir=str(folder / role), name_servers=name_servers, **common
            )
            for role in ROLES
        }
        self.workers = {role: Worker(settings[role], [role]) for role in ROLES}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="workers")

    def as_principal(self, name: str) -> Connection:
        """The connection of a client with this principal's certificate."""
        return self.kafka.by_certificate(name).connect()

    def command(self, principal: str, *arguments: str) -> Result:
        """A sidestep command in a principal's shell."""
        environment = self.kafka.by_certificate(principal).environment()
        return CliRunner().invoke(main, arguments, env=environment)

    def verdict_of_a_new_intent(self, principal: str = "dashboard", service: str = "shop") -> Verdict:
        """An intent that `principal` hears the verdict of."""
        self._sent += 1
        mine = f"intent-{self._sent}"
        with Verdicts(self.as_principal(principal)) as verdicts, Publisher(self.as_principal(SERVICE)) as publisher:
            publisher.intent(EmailIntent(id=mine, to=f"a{self._sent}@{DOMAIN}", service=service))
            publisher.flush()
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                for verdict in verdicts.batch(100, 0.2):
                    if isinstance(verdict, Verdict) and verdict.id == mine:
                        return verdict
        raise AssertionError(f"no verdict; workers: {self.failures()}")

    def failures(self) -> dict[str, Exception]:
        """What has ended workers."""
        return {role: worker.failure for role, worker in self.workers.items() if worker.failure is not None}

    def start(self) -> None:
        """Workers join their groups."""
        self._thread.start()

    def stop(self) -> None:
        """All workers leave."""
        for worker in self.workers.values():
            self._loop.call_soon_threadsafe(worker.stop)
        self._thread.join(40)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.gather(*(worker.run() for worker in self.workers.values()), return_exceptions=True)


@pytest.fixture(scope="module")
def deployment(secure_kafka: SecureKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """New topics, rights by `sidestep acls apply`, and all workers, who have decided something."""
    with pytest.MonkeyPatch.context() as patch, NameServer(ZONES) as names:
        patch.setattr(held_up, "LOOK_SECONDS", 0.5)
        patch.setattr(held_up, "HELD_UP_SECONDS", 2.0)
        new_topics(secure_kafka.connection)
        made = Deployment(secure_kafka, tmp_path_factory.mktemp("deployment"), ":".join(map(str, names.address)))
        applied = made.command("admin", "acls", "apply", "--service", "shop", "--prune", "--no-quotas")
        assert 0 == applied.exit_code, applied.output
        made.start()
        try:
            made.verdict_of_a_new_intent()
            yield made
        finally:
            made.stop()


def new_topics(connection: Connection) -> None:
    """All of the catalog, empty."""
    client = AdminClient(connection.librdkafka())
    existing = {topic.name for topic in CATALOG} & set(client.list_topics(timeout=10).topics)
    for future in client.delete_topics(list(existing), operation_timeout=30).values() if existing else ():
        future.result(30)
    deadline = time.monotonic() + 20
    while existing & set(client.list_topics(timeout=10).topics) and time.monotonic() < deadline:
        time.sleep(0.05)  # until they are gone
    admin.create(connection)


def test_roles_people_and_readers_do_their_work_and_are_refused_nothing(deployment: Deployment) -> None:
    """Each as its own principal: intents, verdicts, holds, commands of operators, dashboards, auditors. The witness is
    the authorizer's log: no client asks for more than it has, not even for what it could do without."""
    at = deployment.as_principal
    with refusals(deployment.kafka) as refused:
        assert "send" == deployment.verdict_of_a_new_intent("dashboard").action
        with Verdicts(at("mailer"), group="mailer", topics=["email-approved"]) as approved:
            assert {True} == {isinstance(verdict, Verdict) for verdict in approved.batch(10, 10)}
        with Subscription(at("auditor"), ["email-evidence"], group="auditor/eu") as log:
            assert log.batch(10, 10)
        for arguments in (
            ("hold", "list"), ("hold", "add", "news", "--until", "1h", "--reason", "test"), ("hold", "release", "news"),
            ("suppress", "list"), ("trap", "list"), ("model", "show"), ("anomalies",), ("topics", "check"),
            ("acls", "check", "--service", "shop"), ("tail", "--topic", "email-dead-letters", "--timeout", "0.1"),
        ):  # fmt: skip
            result = deployment.command("operator", *arguments)
            assert (0, arguments) == (result.exit_code, arguments), result.output
        assert set() == refused()
        Attempts(at(SERVICE)).write(["email-evidence"])
        assert (SERVICE, "DESCRIBE", "Topic:LITERAL:email-evidence") in refused(), "the witness is awake"
    assert {} == deployment.failures()


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_nobody_takes_the_transactional_ids_of_workers(deployment: Deployment, attacker: str) -> None:
    """Whoever did fenced Decide, and it stopped. Those of earlier versions are no way in, either."""
    ids = [f"sidestep-{name}" for name in ("decide-0", "decide-3", "0", "3", "watch-0", "hold", "screen-0", "decide")]
    assert dict.fromkeys(ids, False) == Attempts(deployment.as_principal(attacker)).take_ids(ids)
    assert "send" == deployment.verdict_of_a_new_intent().action
    assert {} == deployment.failures()


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_nobody_writes_evidence_verdicts_or_changelogs(deployment: Deployment, attacker: str) -> None:
    """What stands there is believed."""
    topics = [topic.name for topic in CATALOG if not {"services", "mailers"} & set(topic.producers)]
    assert 10 == len(topics)
    assert dict.fromkeys(topics, False) == Attempts(deployment.as_principal(attacker)).write(topics)


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_nobody_puts_a_service_on_hold(deployment: Deployment, attacker: str) -> None:
    """Neither with our own command, nor past its look at the topics."""
    now = int(time.time() * 1000)
    record = hold_record("shop", now + 3_600_000, "mine", now)
    with pytest.raises(TopicsError, match="email-control not found"):
        write_hold(deployment.as_principal(attacker), "sidestep", record, lambda step: None)
    with pytest.raises(RightsError, match="sidestep acls check"):
        OperatorWriter(deployment.as_principal(attacker), "sidestep", range(4), "", lambda step: None)
    assert "send" == deployment.verdict_of_a_new_intent().action


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_nobody_joins_or_resets_the_groups_of_workers(
    deployment: Deployment, attacker: str, wait_until: WaitUntil
) -> None:
    """A member would be given partitions and let them lie; a reset has records judged again, or never."""
    connection = deployment.as_principal(attacker)
    topic = {SERVICE: "email-rejected", "mailer": "email-approved"}.get(attacker, "email-approved")
    groups = [f"sidestep-{role}" for role in ROLES]
    assert dict.fromkeys(groups, False) == Attempts(connection).reset(groups, topic)
    assert dict.fromkeys(groups, False) == Attempts(connection).delete_groups(groups)
    consumer = Consumer(connection.librdkafka(**{"group.id": "sidestep-decide", "log_level": 0}))
    consumer.subscribe([topic])
    answer = wait_until(lambda: consumer.poll(0.1), 10)
    consumer.close()
    error = answer.error()
    assert error is not None and KafkaError.GROUP_AUTHORIZATION_FAILED == error.code()
    assert "send" == deployment.verdict_of_a_new_intent().action


def test_a_hold_that_hangs_is_ended_by_watch(
    deployment: Deployment, wait_until: WaitUntil, caplog: pytest.LogCaptureFixture
) -> None:
    """Committed in one partition, its end lost in the others: Decide waits behind it, and may not end it, for that
    means writing. Watch may, and does (docs/decisions/040)."""
    hang(deployment.kafka.connection, "sidestep-hold", "news", Place(CONTROL.name, 0), b"")
    assert "defer" == deployment.verdict_of_a_new_intent(service="news").action
    assert "this worker may not end what hangs there. Watch does" in caplog.text
    places = [Place(EVIDENCE.name, number) for number in range(4)]
    ends = Offsets(deployment.kafka.connection).ends
    wait_until(lambda: all(end.stable >= end.high for end in ends(places).values()))
    assert {} == deployment.failures()
