"""Services with topics of their own, on a real broker with real workers: what they say counts, what others say there
does not, and topics may be added while others work."""

from collections import Counter
from pathlib import Path

import pytest

from sidestep.topics import admin
from sidestep.topics.catalog import DEAD_LETTERS
from sidestep.topics.own_topics import own_topic
from sidestep.topics.publish import Publisher
from tests.guarantees.harness.records import Key, read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.workers import wait_for
from tests.guarantees.test_signatures import SECONDS, intents, proved_by

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def registry(folder: Path, *services: str) -> Path:
    """A signers file in which these services have topics of their own, and nobody has a key."""
    path = folder / "signers.toml"
    path.write_text("".join(f'[topics."email-intents.{name}"]\nservices = ["{name}"]\n' for name in services), "utf-8")
    path.chmod(0o600)
    return path


def publish(system: System, own: str, label: str, count: int, service: str = "") -> set[Key]:
    """Intents in the topic of one service, in its name or another's; their keys."""
    said = intents(label, count, service or own)
    with Publisher(system.connection, own=own) as publisher:
        for each in said:
            publisher.intent(each)
    return {(each.service, each.id, 1, each.to) for each in said}


def test_services_are_proved_by_topics_of_their_own(system: System) -> None:
    """A worker that started before a topic was named goes on beside one that reads it, and partitions may be another
    number. What is taken out of the file is nobody's from then on."""
    for name, partitions in (("shop", 2), ("billing", 3)):
        admin.create(system.connection, partitions, topics=[own_topic(f"email-intents.{name}")])
    first = system.start("screen", signers=registry(system.folder, "shop")).await_ready()
    decide = system.start("decide").await_ready()
    expected = publish(system, "shop", "s", 40)
    publish(system, "shop", "stolen", 7, "billing")
    publish(system, "", "unsigned", 5, "shop")
    system.verdicts.await_all(expected, SECONDS)

    registry(system.folder, "shop", "billing")
    wait_for(lambda: first.metric("sidestep_own_topics_unread") == {"": 1.0}, SECONDS, "the first worker says so")
    second = system.start("screen", signers=system.folder / "signers.toml").await_ready()
    expected |= publish(system, "billing", "b", 30) | publish(system, "shop", "t", 40)
    system.verdicts.await_all(expected, SECONDS)
    assert 0 == first.leave()
    expected |= publish(system, "shop", "u", 20) | publish(system, "billing", "c", 20)
    system.verdicts.await_all(expected, SECONDS)

    registry(system.folder, "billing")
    wait_for(lambda: "signers file was read again" in second.said, SECONDS, "the file is read")
    publish(system, "shop", "revoked", 9)
    wanted = {"service-not-the-signers": 7, "signature-missing": 5, "topic-nobodys": 9}

    def reasons() -> Counter[str]:
        letters = read(system.connection, DEAD_LETTERS.name)
        return Counter((dict(letter.headers() or ())["reason"] or b"").decode() for letter in letters)

    wait_for(lambda: reasons().total() >= sum(wanted.values()), SECONDS, "dead letters", every=0.5)
    assert wanted == reasons()
    assert expected == set(system.verdicts.seen) and set(system.verdicts.seen.values()) == {1}
    assert {"topic:email-intents.shop": 100, "topic:email-intents.billing": 50} == Counter(proved_by(system))
    assert [second.leave(), decide.leave()] == [0, 0]
