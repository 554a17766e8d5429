"""History follows the mailbox and not the spelling of the address, through real workers."""

import json

import pytest
from click.testing import CliRunner

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.streams.cli import main
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.publish import Publisher
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Key, read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.workers import HASH_KEY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SECONDS = 30.0
BOTH = (
    ("jane.doe@gmail.com", "Jane.Doe+shop@googlemail.com"),
    ("j.roe@me.com", "J.Roe+1@icloud.com"),
    ("jane_doe@proton.me", "JaneDoe@pm.me"),
    ("jane-doe@yandex.ru", "jane.doe@ya.ru"),
)
"""Two spellings of each mailbox. Their domains lie in different partitions of four, by their names."""
SAYS = {"complaint": "recipient-complaint", "bounce": "recipient-hard-bounce", "unsubscribed": "recipient-unsubscribed"}
"""What is said of the one spelling, and the rule that stops mail to the other."""


def mailboxes() -> list[tuple[str, str, str]]:
    """For each saying the two spellings, of a mailbox of its own."""
    return [(kind, f"{kind}{one}", f"{kind}{other}") for kind in SAYS for one, other in BOTH]


def send(system: System, label: str, *recipients: str) -> dict[Key, str]:
    """An intent to each, until all have their verdicts: the recipient by the key of its verdict."""
    keys: dict[Key, str] = {("shop", f"{label}-{to}", 1, to): to for to in recipients}
    with Publisher(system.connection) as publisher:
        for _, id, _, to in keys:
            publisher.intent(EmailIntent(id=id, to=to, service="shop", stream="marketing"))
    system.verdicts.await_all(set(keys), SECONDS)
    return keys


def say(system: System) -> None:
    """The feedback, by the first spelling."""
    with Publisher(system.connection) as publisher:
        for kind, one, _ in mailboxes():
            if kind == "unsubscribed":
                publisher.engagement(Engagement(recipient=one, id=one, kind="unsubscribed", service="shop"))
            elif kind == "complaint":
                publisher.bounce(Bounce(recipient=one, id=one, kind="complaint", service="shop"))
            else:
                publisher.bounce(Bounce(recipient=one, id=one, service="shop", status="5.1.1"))


def run(system: System, *arguments: str) -> str:
    """A command as an operator runs it, with the secret of the workers."""
    environment = {"SIDESTEP_HASH_KEY": HASH_KEY}
    done = CliRunner().invoke(main, [*arguments, "--broker", str(system.connection)], env=environment)
    assert done.exit_code == 0, done.output
    return done.output


def rules(system: System, key: Key) -> set[str]:
    """Those that the verdict names."""
    return {rule.id for rule in system.verdicts.verdicts[key].rules}


def test_what_is_said_of_one_spelling_stops_mail_to_the_other(system: System) -> None:
    """Bounces, complaints and opt-outs, whatever people say by hand, and it is taken back by either spelling."""
    for name in {address.rpartition("@")[2] for both in BOTH for address in both}:
        system.names.set(name, f"MX 10 mx.{name}")
        system.names.set(f"mx.{name}", "A 93.184.215.14")
    screen, decide = (system.start(role).await_ready() for role in ("screen", "decide"))
    expected = send(system, "first", *(one for _, one, _ in mailboxes()))
    assert {"send"} == {system.verdicts.verdicts[key].action for key in expected}
    say(system)
    screen.await_nothing_waits()
    decide.await_nothing_waits()

    second = send(system, "second", *(other for _, _, other in mailboxes()))
    said = {other: SAYS[kind] for kind, _, other in mailboxes()}
    assert [] == [to for key, to in second.items() if said[to] not in rules(system, key)], "histories did not follow"
    assert {"drop"} == {system.verdicts.verdicts[key].action for key in second}

    run(system, "suppress", "add", "stop@gmail.com", "--reason", "asked for it", "--by", "ann")
    third = send(system, "third", "s.top+x@googlemail.com", "go@googlemail.com")
    assert [{"suppressed"}, set()] == [rules(system, key) for key in third]
    assert "complained" in run(system, "marks", "show", "complaintJane.Doe@googlemail.com")
    story = run(system, "explain", "--recipient", "complaintJaneDoe@gmail.com", "--since", "1h", "--json")
    assert [3] == [len(json.loads(line)["events"]) for line in story.splitlines()], "two intents and the complaint"
    run(system, "suppress", "remove", "stop@googlemail.com", "--by", "ann")
    assert "nothing is suppressed" in run(system, "suppress", "list")
    fourth = send(system, "fourth", "stop@gmail.com")
    assert [set()] == [rules(system, key) for key in fourth]

    assert (0, 0) == (screen.leave(), decide.leave())
    assert_guarantees(system.connection, {*expected, *second, *third, *fourth}, [], [decide.data])
    places: dict[bytes | None, set[int]] = {}
    for record in read(system.connection, EVIDENCE.name):
        places.setdefault(record.key(), set()).add(record.partition() or 0)
    assert all(1 == len(places[name]) for name in (b"gmail.com", b"icloud.com", b"proton.me", b"yandex.ru"))
    assert places.keys().isdisjoint((b"googlemail.com", b"me.com", b"pm.me", b"ya.ru"))
