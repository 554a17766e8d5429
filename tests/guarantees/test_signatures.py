"""Signed, unsigned, forged and repeated records through a real broker and both workers."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import encode
from sidestep.topics.catalog import DEAD_LETTERS, EVIDENCE, INTENTS, TALLIES
from sidestep.topics.publish import Headers, Publisher
from sidestep.topics.signer import Signer
from tests.guarantees.harness.records import Key, read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import wait_for
from tests.guarantees.test_holds import hold

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
SECONDS = 30.0
FORGED = 5_000
WEEK = 604_800


def signer(folder: Path, service: str, octet: str, ago: float = 0) -> Signer:
    """A service's signer; its lines go into the signers file. `ago`: seconds by which its clock is behind."""
    secret = folder / f"{service}.key"
    secret.write_text(f"hmac-sha-256:{octet}9d3c09d2e5a74b8860c1f2973ad45e0b9c7d61284eaf50b3d81f6e92a40c7b15", "utf-8")
    secret.chmod(0o600)
    return Signer(f"{service}-1", secret, now=lambda: time.time() - ago)


def registry(folder: Path) -> Path:
    """A signers file with both services."""
    path = folder / "signers.toml"
    keys = (f'[keys.{name}-1]\nservices = ["{name}"]\nsecret_file = "{name}.key"\n' for name in ("shop", "billing"))
    path.write_text("".join(keys), "utf-8")
    path.chmod(0o600)
    return path


def intents(label: str, count: int, service: str = "shop") -> list[EmailIntent]:
    """Intents to domains that take mail."""
    return [
        EmailIntent(id=f"{label}-{n}", to=f"{label}{n}@{GOOD[n % len(GOOD)]}", service=service) for n in range(count)
    ]


def test_only_what_a_service_has_signed_gets_a_verdict(system: System) -> None:
    """What others say in its name is kept with a reason each, counted, and stops nobody; a record that is sent again
    gets no second verdict within a week, and is refused after it."""
    shop, billing = signer(system.folder, "shop", "a1"), signer(system.folder, "billing", "b2")
    screen = system.start("screen", signers=registry(system.folder), dead_letter_window=100).await_ready()
    decide = system.start("decide").await_ready()
    said = intents("shop", 40)
    expected: set[Key] = {(each.service, each.id, 1, each.to) for each in said}
    with Publisher(system.connection, signer=shop) as publisher:
        for each in said * 2:
            publisher.intent(each)
        for each in intents("stolen", 7, "billing"):
            publisher.intent(each)
    with Publisher(system.connection, signer=signer(system.folder, "shop", "a1", ago=WEEK + 10)) as publisher:
        for each in said[:3]:
            publisher.intent(each)
    with Publisher(system.connection) as publisher:
        for number, each in enumerate(intents("forged", FORGED, "billing")):
            mac: Headers = {"sidestep-signature": f"1;billing-1;{time.time_ns() // 10**6};{'A' * 43}="}
            publisher.publish_bytes(INTENTS.name, encode(each), each.id, mac if number % 2 else None)
    with Publisher(system.connection, signer=billing) as publisher:
        for each in intents("bill", 10, "billing"):
            publisher.intent(each)
            expected.add((each.service, each.id, 1, each.to))

    system.verdicts.await_all(expected, SECONDS)
    half = FORGED // 2
    wanted = {"signature-missing": half, "signature-wrong": half, "service-not-the-signers": 7, "signature-expired": 3}

    def reasons() -> Counter[str]:
        return Counter(
            (dict(letter.headers() or ())["reason"] or b"").decode()
            for letter in read(system.connection, DEAD_LETTERS.name)
        )

    wait_for(lambda: reasons().total() >= sum(wanted.values()), SECONDS, "dead letters", every=0.5)
    assert wanted == reasons()
    assert expected == set(system.verdicts.seen) and set(system.verdicts.seen.values()) == {1}
    assert {"shop-1": 80, "billing-1": 10} == Counter(proved_by(system))
    counted = screen.metric("sidestep_signatures_total")
    assert (90, half) == (_sum(counted, 'outcome="held"'), _sum(counted, 'outcome="signature-wrong"'))
    expected_tallies = {
        "/signature-missing": half, "billing-1/signature-wrong": half, "shop-1/service-not-the-signers": 7,
        "shop-1/signature-expired": 3,
    }  # fmt: skip
    wait_for(lambda: refused(system).total() >= sum(wanted.values()), SECONDS, "tallies of it", every=0.5)
    assert expected_tallies == refused(system)
    assert [screen.leave(), decide.leave()] == [0, 0]


def test_who_only_claims_a_name_uses_nothing_up_of_who_proves_it(system: System) -> None:
    """Where unsigned records are taken as well: a forger fills his own limit, is counted and held by a name of his own,
    and the service sends as if he were not there. Before histories were apart it was deferred by `service-limit`."""
    roomy = system.policy.read_text("utf-8").replace('"300/min,max_burst=40"', '"3000/min,max_burst=500"')
    head, at, tail = roomy.partition("\n[limits.service-at-domain]")
    system.policy.write_text(head + at + tail.replace("3000/min,max_burst=500", "20/day,max_burst=20", 1), "utf-8")
    shop = signer(system.folder, "shop", "a1")
    signer(system.folder, "billing", "b2")
    signers = registry(system.folder)
    signers.write_text(f'default = "optional"\n{signers.read_text("utf-8")}', "utf-8")
    screen = system.start("screen", signers=signers).await_ready()
    decide = system.start("decide").await_ready()

    def rules(label: str, count: int, domain: str, by: Signer | None) -> Counter[str]:
        """What became of so many intents in the shop's name: send, or the rule that stopped them."""
        said = [EmailIntent(id=f"{label}-{n}", to=f"{label}{n}@{domain}", service="shop") for n in range(count)]
        with Publisher(system.connection, signer=by) as publisher:
            for each in said:
                publisher.intent(each)
        keys: list[Key] = [(each.service, each.id, 1, each.to) for each in said]
        system.verdicts.await_all(keys, SECONDS)
        verdicts = [system.verdicts.verdicts[key] for key in keys]
        return Counter("send" if each.action == "send" else each.rules[0].id for each in verdicts)

    assert {"send": 20, "service-limit": 40} == rules("forged", 60, GOOD[0], None)
    assert {"send": 20} == rules("own", 20, GOOD[0], shop)
    assert 0 == hold(system, "add", "shop (claimed)", "--until", "1h", "--reason", "somebody else")
    assert {"service-on-hold": 5} == rules("late", 5, GOOD[1], None)
    assert {"send": 5} == rules("own-late", 5, GOOD[1], shop)
    wait_for(lambda: approved(system).total() >= 45, SECONDS, "tallies", every=0.5)
    assert {"shop": 25, "shop (claimed)": 20} == approved(system)
    assert [screen.leave(), decide.leave()] == [0, 0]


def approved(system: System) -> Counter[str]:
    """Approvals by service, as the tallies tell."""
    found = Counter[str]()
    for record in read(system.connection, TALLIES.name):
        tally = json.loads(record.value() or b"{}")
        found[tally["service"]] += tally.get("intents", {}).get("approved", 0)
    del found[""]
    return +found


def refused(system: System) -> Counter[str]:
    """What the tallies of all services say was refused."""
    found = Counter[str]()
    for record in read(system.connection, TALLIES.name):
        tally = json.loads(record.value() or b"{}")
        found.update({} if tally["service"] else tally.get("refused", {}))
    return found


def proved_by(system: System) -> list[str]:
    """The `proved` of all intents in the log."""
    values = (json.loads(record.value() or b"{}") for record in read(system.connection, EVIDENCE.name))
    return [value.get("proved", "") for value in values if value.get("kind") == "intent"]


def _sum(counted: dict[str, float], label: str) -> float:
    return sum(value for labels, value in counted.items() if label in labels)
