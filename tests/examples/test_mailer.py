"""A mailer sends what was approved, once, also when it is killed."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from sidestep.schemas import LogPosition, Verdict, Versions
from sidestep.schemas.codec import encode
from sidestep.streams.local.ports import free_port
from sidestep.topics import Connection, Publisher, Subscription
from sidestep.topics.catalog import APPROVED, BOUNCES
from tests.examples.programs import Running
from tests.fixture_types import WaitUntil
from tests.topics.proved import keys_file, signer


class Relay:
    """A mail server. `took` are the ids that it has said 250 to, `since` what their messages say of who
    owns the mailbox; `before` is called with the id at each step."""

    def __init__(self) -> None:
        self.took: list[str] = []
        self.since: list[str] = []
        self.before: Callable[[str, str], None] = lambda step, intent: None
        self._asked: Counter[str] = Counter()

    def asked(self, address: str) -> int:
        """How many times by now, this one included."""
        self._asked[address] += 1
        return self._asked[address]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Some recipients don't exist."""
        self.before("RCPT", address.partition("@")[0])
        if address.startswith("gone"):
            return "550 5.1.1 user unknown"
        if address.startswith("full") or (address.startswith("grey") and self.asked(address) == 1):
            return "452 4.2.2 not now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The message is taken, whether or not its sender lives to read the answer."""
        (address,) = envelope.rcpt_tos
        self.took.append(address.partition("@")[0])
        mail = message_from_bytes(envelope.original_content or b"", policy=default)
        self.since.append(str(mail.get("Require-Recipient-Valid-Since", "")).strip())
        self.before("DATA", self.took[-1])
        return "250 OK"


@pytest.fixture
def relay() -> Iterator[tuple[Relay, str]]:
    """A mail server on loopback, and its address."""
    handler = Relay()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    controller.start()
    yield handler, f"127.0.0.1:{controller.port}"
    controller.stop()


def approve(connection: Connection, *names: str, **more: Any) -> None:
    """Verdicts as Sidestep makes them, one for NAME@takes.example each; `more`: fields of all of them."""
    with Publisher(connection) as publisher:
        for name in names:
            verdict = Verdict(
                id=name, to=f"{name}@takes.example", service="shop", decision="approved", action="send",
                evidence=LogPosition("email-evidence", 0, 0), versions=Versions("1"), decided_at=1.0,
                metadata={"subject": "Your\norder", "text": "On its way. Grüße"}, **more,
            )  # fmt: skip
            publisher.publish_bytes(APPROVED.name, encode(verdict), b"one partition")


@pytest.mark.slow
def test_a_mailer_that_is_killed_sends_nothing_twice(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Killed before the relay has the text, the message goes out with the next run; killed before the relay's answer
    arrives, it is told and not sent again, unless that is asked for."""
    handler, address = relay
    names = [f"m{number}" for number in range(20)]
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = [Running(tmp_path / "mailer.log", "mailer.py", *options)]
    last_moments = {("RCPT", "m5"), ("DATA", "m12")}

    def before(step: str, name: str) -> None:
        if (step, name) in last_moments:
            last_moments.remove((step, name))
            running[-1].kill()

    handler.before = before
    approve(clean_topics, *names)
    for _ in range(2):
        wait_until(lambda: running[-1].process.poll() is not None, 60)
        running.append(Running(tmp_path / "mailer.log", "mailer.py", *options))
    wait_until(lambda: "shop/m19: sent" in running[-1].said, 60)
    assert names == handler.took
    assert "shop/m12: in doubt: it may have been sent before a crash\n" in running[-1].said
    running[-1].kill()


def test_a_mailer_with_keys_sends_nothing_without_a_proof(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """What somebody else wrote among the approvals is told, and passed over."""
    handler, address = relay
    approve(clean_topics, "forged")
    keys = keys_file(tmp_path / "verdict-keys.toml", signer(tmp_path))
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options, "--verdict-keys", keys)
    wait_until(lambda: "not sent, proof-missing:" in running.said, 30)
    running.kill()
    assert [] == handler.took


def test_a_mailer_tells_what_was_refused(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """The relay's words go to Sidestep, put down to the intent."""
    handler, address = relay
    approve(clean_topics, "gone", "here")
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options)
    wait_until(lambda: "shop/here: sent" in running.said, 30)
    running.kill()
    with Subscription(clean_topics, [BOUNCES.name], start="earliest") as bounces:
        (record,) = bounces.batch(10, 10)
    assert ("gone@takes.example", "shop", "gone") == (
        record.value.recipient,
        record.value.service,
        record.value.intent_id,
    )
    assert "550 5.1.1 user unknown" == record.value.reply
    assert ["here"] == handler.took


def test_a_mailer_sends_neither_tests_nor_what_has_expired(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Both have been approved; what expires later is sent."""
    handler, address = relay
    approve(clean_topics, "test", test=True)
    approve(clean_topics, "late", expires_at=time.time() - 1)
    approve(clean_topics, "early", expires_at=time.time() + 3600)
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options)
    wait_until(lambda: "shop/early: sent" in running.said, 30)
    running.kill()
    assert "shop/test: a test, which nobody is to get\nshop/late: expired: not sent\n" in running.said
    assert ["early"] == handler.took


def test_a_mailer_asks_the_server_whether_the_mailbox_has_another_owner(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Where the verdict says since when it should not have; RFC 7293, section 3.2."""
    handler, address = relay
    approve(clean_topics, "known")
    approve(clean_topics, "silent", valid_since=1_700_000_000.0)
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options)
    wait_until(lambda: "shop/silent: sent" in running.said, 30)
    running.kill()
    assert ["", "silent@takes.example; Tue, 14 Nov 2023 22:13:20 +0000"] == handler.since


def test_a_mailer_gives_up_on_a_relay_when_mail_would_come_too_late(
    clean_topics: Connection, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """A relay that is away does not make it send what has expired meanwhile."""
    approve(clean_topics, "late", expires_at=time.time() + 5)
    options = ["--broker", clean_topics, "--relay", "127.0.0.1:1", "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options)
    wait_until(lambda: "shop/late: expired: not sent" in running.said, 30)
    running.kill()


def test_what_the_relay_does_not_take_now_waits_and_the_others_go_on(
    clean_topics: Connection, relay: tuple[Relay, str], tmp_path: Path, wait_until: WaitUntil
) -> None:
    """It is offered again, also by the next run; what is never taken is given up, and Sidestep told."""
    handler, address = relay
    approve(clean_topics, "grey", "full", "here")
    options = ["--broker", clean_topics, "--relay", address, "--database", tmp_path / "sent.sqlite"]
    running = Running(tmp_path / "mailer.log", "mailer.py", *options)
    wait_until(lambda: "shop/here: sent" in running.said, 30)
    running.kill()
    assert "shop/grey: not now: 452 4.2.2 not now\nshop/full: not now: 452 4.2.2 not now\n" in running.said
    assert ["here"] == handler.took
    waiting = sqlite3.connect(tmp_path / "sent.sqlite")
    with waiting:
        waiting.execute("UPDATE waiting SET due = 0")
    waiting.close()
    running = Running(tmp_path / "mailer.log", "mailer.py", *options, "--give-up-after", 0)
    wait_until(
        lambda: {"shop/grey: sent", "shop/full: given up: 452 4.2.2 not now"} <= set(running.said.splitlines()), 30
    )
    running.kill()
    assert ["here", "grey"] == handler.took
    with Subscription(clean_topics, [BOUNCES.name], start="earliest") as bounces:
        assert ["452 4.2.2 not now"] == [record.value.reply for record in bounces.batch(10, 10)]
