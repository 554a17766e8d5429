"""Workers with their rights and nothing more, on a Kafka that allows nothing else; and what others try against them."""

import json
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError

from sidestep.schemas import Reaction
from sidestep.schemas.codec import encode
from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.errors import RightsError
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.roles import ROLES, held_up
from sidestep.streams.runtime.manifest import HEADER, MARKER, Manifest, Place, Wrote
from sidestep.streams.runtime.offsets import Ends, Offsets
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.hold_writer import write_hold
from sidestep.streams.screen.holds import hold_record
from sidestep.streams.screen.operator_writer import OperatorWriter
from sidestep.streams.settings import Settings
from sidestep.topics.catalog import CATALOG, CONTROL, EVIDENCE
from sidestep.topics.connection import Connection
from sidestep.topics.errors import TopicsError
from sidestep.topics.subscribe import Subscription
from sidestep.topics.verdicts import Verdicts
from tests.fixture_types import WaitUntil
from tests.guarantees.harness.traffic import ZONES
from tests.guarantees.test_held_up import hang
from tests.release.test_fold import verdict
from tests.runtime.raw_transactions import Part, without_verification, write_transaction
from tests.secure.attempts import Attempts
from tests.secure.deployment import SERVICE, Deployment, new_topics
from tests.secure.refusals import refusals
from tests.watch.scene import tally

ATTACKERS = (SERVICE, "mailer", "dashboard", "auditor")
BURST = {"unknown-burst": Reaction("hold-service", 3600)}


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


def test_roles_people_and_readers_do_their_work_and_are_refused_nothing(deployment: Deployment) -> None:
    """Each as its own principal: intents, verdicts, holds, commands of operators, dashboards, auditors. The witness is
    the authorizer's log: no client asks for more than it has, not even for what it could do without."""
    at = deployment.as_principal
    with refusals(deployment.kafka) as refused:
        assert "send" == deployment.verdict_of_a_new_intent("dashboard").action
        with Verdicts(at("mailer"), group="mailer", topics=["email-approved"]) as approved:
            assert approved.batch(10, 10) and not approved.skipped
        with Subscription(at("auditor"), ["email-evidence"], group="auditor/eu") as log:
            assert log.batch(10, 10)
        for arguments in (
            ("hold", "list"), ("hold", "add", "news", "--until", "1h", "--reason", "test"), ("hold", "release", "news"),
            ("suppress", "list"), ("trap", "list"), ("model", "show"), ("anomalies",), ("topics", "check"),
            ("deferred", "list"),
            ("acls", "check", "--service", "shop"), ("tail", "--topic", "email-dead-letters", "--timeout", "0.1"),
        ):  # fmt: skip
            result = deployment.command("operator", *arguments)
            assert (0, arguments) == (result.exit_code, arguments), result.output
        assert set() == refused()
        Attempts(at(SERVICE)).write(["email-evidence"])
        assert (SERVICE, "DESCRIBE", "Topic:LITERAL:email-evidence") in refused(), "the witness is awake"
    assert {} == deployment.failures()


def test_what_cannot_be_read_is_set_aside_by_each_stage(deployment: Deployment) -> None:
    """Rubbish of a service, and, if somebody could write it there, in the log and among the tallies."""
    with refusals(deployment.kafka) as refused:
        deployment.write(SERVICE, "email-intents", b"rubbish")
        deployment.write("admin", "email-evidence", b"rubbish")
        deployment.write("admin", "email-tallies", b"rubbish")
        missing, deadline = {"email-intents", "email-evidence", "email-tallies"}, time.monotonic() + 20
        with Subscription(deployment.as_principal("operator"), ["email-dead-letters"], start="earliest") as letters:
            while missing and time.monotonic() < deadline:
                missing -= {(letter.headers["topic"] or b"").decode() for letter in letters.batch(10, 1)}
        assert set() == missing
        assert set() == refused()
    assert {} == deployment.failures()


def test_an_operator_sends_dead_letters_back_and_replays_what_was_missed(
    deployment: Deployment, tmp_path: Path
) -> None:
    """With his own rights. What is still unreadable dies again, and says how often it has come."""
    with refusals(deployment.kafka) as refused:
        with Subscription(deployment.as_principal("operator"), ["email-dead-letters"]) as letters:
            deployment.write(SERVICE, "email-intents", b"rubbish again")
            assert letters.batch(1, 20)
            file = tmp_path / "intents.records"
            for arguments in (
                ("dead-letters", "list"), ("dead-letters", "redrive", "--topic", "email-intents"),
                ("replay", "email-intents", "--to", str(file)), ("replay", str(file), "--to", "email-intents"),
            ):  # fmt: skip
                result = deployment.command("operator", *arguments)
                assert (0, arguments) == (result.exit_code, arguments), result.output
            deadline, times = time.monotonic() + 20, set[bytes | None]()
            while b"1" not in times and time.monotonic() < deadline:
                times |= {letter.headers.get("header.redriven") for letter in letters.batch(10, 1)}
        assert b"1" in times
        assert set() == refused()
    assert {} == deployment.failures()


def test_an_incident_is_told_and_a_service_held(deployment: Deployment, wait_until: WaitUntil) -> None:
    """Watch's transactions: anomaly, control records in the log, their note. The tallies are made up."""
    place, now = partition_of("burst", 4), int(time.time())
    burst: dict[str, Any] = {"approved": 200, "dropped": 150, "unknown": 150, "hard_bounces": 50}
    with refusals(deployment.kafka) as refused:
        for one in (
            tally(now, "", policy="test", reactions=BURST),
            tally(now + 5, "burst", source="import", **burst),
            tally(now + 120, ""),
        ):
            deployment.write("admin", "email-tallies", encode(one), place, one.service.encode())
        with Subscription(deployment.as_principal("dashboard"), ["email-anomalies"], start="earliest") as anomalies:
            assert wait_until(lambda: anomalies.batch(1, 1), 20)[0].value.name == "burst"
        held = deployment.command("operator", "hold", "list", "--json").output
        assert "burst" in {json.loads(line)["service"] for line in held.splitlines()}
        assert set() == refused()
    assert {} == deployment.failures()


def test_a_new_worker_recovers_its_ledger_and_ends_what_hangs(
    deployment: Deployment, wait_until: WaitUntil, caplog: pytest.LogCaptureFixture
) -> None:
    """On another disk, after predecessors whose last transactions were rolled back and hang in one partition. Decide
    may look for what hangs in the log meanwhile, and may not end it there."""
    left = {
        "decide": (Place("email-approved", 1), Place("email-ledger-changelog", 1)),
        "watch": (Place("email-evidence", 1), Place("email-watch-changelog", 1)),
    }
    with refusals(deployment.kafka) as refused:
        for role, (place, changelog) in left.items():
            deployment.end(role)
            leave_hanging(deployment.kafka.connection, f"sidestep-{role}-1", place, changelog)
        places = [place for place, _ in left.values()]
        assert all(end.stable < end.high for end in ends_of(deployment, places))
        for role in left:
            deployment.begin(role)
        assert "send" == deployment.verdict_of_a_new_intent().action
        for role in left:
            wait_until(partial(said, caplog, f"a transaction of sidestep-{role}-1 hung and was rolled back"), 20)
        wait_until(lambda: all(end.stable >= end.high for end in ends_of(deployment, places)), 20)
        assert {("decide", "TransactionalId:LITERAL:sidestep-hold")} >= {(who, what) for who, _, what in refused()}
    assert {} == deployment.failures()


def leave_hanging(connection: Connection, transactional_id: str, place: Place, changelog: Place) -> None:
    """A transaction that was rolled back in the changelog, and whose end is missing in the other place."""
    told = Manifest({place: Wrote(0, 1), changelog: Wrote(0, 1)}).encode()
    parts = {
        place: Part([(b"key", b"value", [])], False),
        changelog: Part([(MARKER, b"7", [(HEADER, told)])], True),
    }
    with without_verification(connection):
        write_transaction(connection, transactional_id, parts, commit=False)


def said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    """By a worker."""
    return text in caplog.text


def ends_of(deployment: Deployment, places: Iterable[Place]) -> Iterable[Ends]:
    """Where committed records and all records end."""
    return Offsets(deployment.kafka.connection).ends(places).values()


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
    assert 11 == len(topics)
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


def test_release_offers_again_and_is_refused_nothing(
    deployment: Deployment, wait_until: WaitUntil, tmp_path: Path
) -> None:
    """What the policy names, as soon as it is in force: read at its place, published in a transaction, judged."""
    policy = tmp_path / "policy.toml"
    policy.write_text(read_policy(Settings()) + '\n[release]\nservices = ["shop"]\n', "utf-8")
    with refusals(deployment.kafka) as refused:
        applied = deployment.command("operator", "policy", "apply", str(policy))
        assert 0 == applied.exit_code, applied.output
        with Verdicts(deployment.as_principal("dashboard")) as verdicts:
            heard: dict[str, int] = {}

            def judged() -> bool:
                # again and again: Release looks at the policy in force every few seconds
                name = f"again-{len(heard)}-{time.monotonic_ns()}"
                deferred = verdict(id=name, to="ada@d0.example", retry_at=time.time(), decided_at=time.time())
                deployment.write("decide", "email-rejected", encode(deferred), partition=1)
                heard.update({one.id: one.attempt for one in verdicts.batch(100, 1.0) if one.action == "send"})
                return bool(heard)

            wait_until(judged, 40)
        assert {2} == set(heard.values())
        assert set() == refused()
    assert {} == deployment.failures()


def test_a_hold_that_hangs_is_ended_by_watch(
    deployment: Deployment, wait_until: WaitUntil, caplog: pytest.LogCaptureFixture
) -> None:
    """Committed in one partition, its end lost in the others: Decide waits behind it, and may not end it, for that
    means writing. Watch may, and does (docs/decisions/040)."""
    hang(deployment.kafka.connection, "sidestep-hold", "news", Place(CONTROL.name, 0), b"")
    assert "defer" == deployment.verdict_of_a_new_intent(service="news").action
    # where Decide is the first to try it is told that it may not, and says so; under load Watch comes first
    assert "a transaction of sidestep-hold hung and was adopted" in caplog.text
    places = [Place(EVIDENCE.name, number) for number in range(4)]
    wait_until(lambda: all(end.stable >= end.high for end in ends_of(deployment, places)))
    assert {} == deployment.failures()
