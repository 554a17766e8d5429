"""Reports that name nobody but the intent's id, through real workers: whichever partition the recipient lies in, one of
them counts each, also where its worker dies over it; what nobody knows stays a dead letter."""

import json

import pytest
from click.testing import CliRunner

from sidestep.schemas import EmailIntent
from sidestep.streams.cli import main
from sidestep.topics.catalog import BOUNCES
from sidestep.topics.publish import Publisher
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Key
from tests.guarantees.harness.system import System

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SECONDS = 60.0
NAMES = [f"d{number}.example" for number in range(8)]
"""Domains of several partitions."""


def report(intent_id: str) -> bytes:
    """Mail of a server that says nothing of whom it is about; the returned message has our fields."""
    return (
        "From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\nTo: bounces@shop.example\nSubject: Undelivered\n"
        'MIME-Version: 1.0\nContent-Type: multipart/report; boundary="B"\n\n'
        "--B\nContent-Type: text/plain\n\n550 5.1.1 User unknown\n\n--B\nContent-Type: text/rfc822-headers\n\n"
        f"Message-ID: <{intent_id}@shop.example>\nX-Sidestep-Intent: {intent_id}\nX-Sidestep-Service: shop\n\n--B--\n"
    ).encode()


def send(system: System, label: str) -> set[Key]:
    """An intent to each domain, until all have their verdicts."""
    keys: set[Key] = {("shop", f"{label}-{name}", 1, f"ada@{name}") for name in NAMES}
    with Publisher(system.connection) as publisher:
        for _, id, _, to in keys:
            publisher.intent(EmailIntent(id=id, to=to, service="shop", stream="marketing"))
    system.verdicts.await_all(keys, SECONDS)
    return keys


def letters(system: System) -> list[dict[str, object]]:
    """What an operator sees that could not be read."""
    done = CliRunner().invoke(main, ["dead-letters", "list", "--each", "--json", "--broker", str(system.connection)])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


def test_one_partition_finds_each_and_what_nobody_knows_stays_a_dead_letter(system: System) -> None:
    """Each report comes twice; Decide dies behind its first transaction over them."""
    for name in NAMES:
        system.names.set(name, f"MX 10 mx.{name}")
        system.names.set(f"mx.{name}", "A 93.184.215.14")
    screen, decide = (system.start(role).await_ready() for role in ("screen", "decide"))
    first = send(system, "first")
    assert {"send"} == {system.verdicts.verdicts[key].action for key in first}
    assert 1 < len({system.verdicts.verdicts[key].evidence.partition for key in first})
    assert 0 == decide.leave()

    with Publisher(system.connection) as publisher:
        for intent_id in 2 * [*(id for _, id, _, _ in first), "nobodys"]:
            publisher.publish_bytes(BOUNCES.name, report(intent_id), None, {"content-type": "message/rfc822"})
    screen.await_nothing_waits()
    dying = system.start("decide", decide.data, failpoint="after-commit:1")
    dying.ended(SECONDS)
    assert not dying.alive
    decide = system.start("decide", decide.data).await_ready()
    decide.await_nothing_waits()

    assert [("recipient-by-id", 0)] * 2 == [(letter["reason"], letter["times"]) for letter in letters(system)]
    second = send(system, "second")
    stopped = [system.verdicts.verdicts[key] for key in second]
    assert {("drop", "recipient-hard-bounce")} == {(verdict.action, verdict.rules[0].id) for verdict in stopped}
    assert (0, 0) == (screen.leave(), decide.leave())
    assert_guarantees(system.connection, first | second, [], [decide.data])
