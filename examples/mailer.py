"""A mailer: sends what Sidestep approved through an SMTP relay, and tells Sidestep what the relay refused.

    python examples/mailer.py --relay 127.0.0.1:25 --sender news@example.org

Kafka hands a verdict out again after a crash, so what was sent is kept in SQLite, by service and id. A message is
marked just before its text goes to the relay, and again when the relay has taken it: killed before the first mark it is
sent by the next run, after the second never again. In between nobody can know whether the relay took it, for SMTP has
no way to ask (RFC 5321 4.2.5, RFC 1047); such a message is told and not sent a second time. `--again` sends these, with
the same Message-ID, if in your case twice is better than never.

All mailers of a group need the same database. The relay has a queue and tries again later. While it is away all mail
waits. What it does not take just now (4xx) waits in the database, with its address, is offered every five minutes, and
is given up after four days (`--give-up-after`; RFC 5321 4.5.4.1) or when it must not come any more (`expires_at`): the
others go on meanwhile. Tests are sent to nobody.
"""

import argparse
import smtplib
import sqlite3
import time
import uuid
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from sidestep.schemas import Bounce, Verdict
from sidestep.schemas.codec import decode, encode
from sidestep.topics import Access, Publisher, Received, VerdictKeys, Verdicts
from sidestep.topics.catalog import APPROVED

GROUP = "mailer"
PAUSE = 1.0
"""Seconds until a relay that is away is asked again."""
AWAY = 421
AT_ONCE = 10
"""Messages that have waited, between one that has not and the next."""


class Sent:
    """What was sent, and what was about to be when a run ended. One row a message, on disk before the call returns."""

    def __init__(self, path: str):
        self._rows = sqlite3.connect(path, isolation_level=None)  # each statement is a transaction of its own
        self._rows.execute("PRAGMA synchronous=FULL")
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS sent (service TEXT, id TEXT, state TEXT, PRIMARY KEY (service, id))"
        )
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS waiting "
            "(service TEXT, id TEXT, verdict BLOB, since REAL, due REAL, PRIMARY KEY (service, id))"
        )

    def state(self, verdict: Verdict) -> str:
        """Empty: not begun; "begun": in doubt, unless it is being sent just now; "sent" or "refused": done."""
        query = "SELECT state FROM sent WHERE service = ? AND id = ?"
        row = self._rows.execute(query, (verdict.service, verdict.id)).fetchone()
        return str(row[0]) if row else ""

    def mark(self, verdict: Verdict, state: str) -> None:
        """From now on the message is in this state, whatever happens to this process."""
        self._rows.execute("INSERT OR REPLACE INTO sent VALUES (?, ?, ?)", (verdict.service, verdict.id, state))

    def wait(self, verdict: Verdict, seconds: float) -> float:
        """The message is to be offered again after so long. For how long it has waited by now."""
        now, names = time.time(), (verdict.service, verdict.id)
        self._rows.execute(
            "INSERT INTO waiting VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET due = excluded.due",
            (*names, encode(verdict), now, now + seconds),
        )
        query = "SELECT since FROM waiting WHERE service = ? AND id = ?"
        return now - float(self._rows.execute(query, names).fetchone()[0])

    def due(self) -> list[Verdict]:
        """Messages that have waited long enough; they wait until told otherwise."""
        query = "SELECT verdict FROM waiting WHERE due <= ? ORDER BY due LIMIT ?"
        return [decode(Verdict, row[0]) for row in self._rows.execute(query, (time.time(), AT_ONCE))]

    def end_wait(self, verdict: Verdict) -> None:
        """Something has become of the message, or it never waited."""
        self._rows.execute("DELETE FROM waiting WHERE service = ? AND id = ?", (verdict.service, verdict.id))


class InDoubt(Exception):
    """The connection broke where the relay's answer was due: it may have taken the message."""


class Expired(Exception):
    """From now on the message must not be sent, as its service has said; the relay does not have it."""


class NotNow(Exception):
    """The relay does not take this message at present; the text is its reply."""


class Refused(Exception):
    """The relay said for good that it does not take the message; the text is its reply."""


class Relay:
    """The SMTP relay: one connection for many messages."""

    def __init__(self, address: str, sender: str):
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._sender = sender
        self._smtp: smtplib.SMTP | None = None

    def send(self, verdict: Verdict, sent: Sent) -> None:
        """Returns when the relay has taken the message; one that is away is waited for, be it for days. Raises Refused,
        NotNow, Expired and InDoubt."""
        while verdict.expires_at is None or time.time() < verdict.expires_at:
            try:
                return self._try(verdict, sent)
            except OSError as error:  # it is away, or closes the channel; smtplib's errors are among these
                self._smtp = None
                print(f"relay: {error}; again in {PAUSE:g} s", flush=True)
                time.sleep(PAUSE)
        raise Expired

    def _try(self, verdict: Verdict, sent: Sent) -> None:
        smtp = self._smtp = self._smtp or smtplib.SMTP(self._host, self._port, timeout=60)
        smtp.ehlo_or_helo_if_needed()
        smtp.rset()
        if not verdict.to.isascii() and not smtp.has_extn("smtputf8"):
            raise Refused("550 5.6.7 the relay takes no addresses beyond ASCII")
        _check(*smtp.mail(self._sender, () if verdict.to.isascii() else ("SMTPUTF8",)))
        _check(*smtp.rcpt(verdict.to))
        sent.mark(verdict, "begun")
        try:
            code, reply = smtp.data(message(verdict, self._sender).as_bytes())
        except smtplib.SMTPDataError as error:  # it did not even want the text
            code, reply = error.smtp_code, _octets(error.smtp_error)
        except OSError as error:
            self._smtp = None
            raise InDoubt(str(error)) from error
        if code >= 400:
            sent.mark(verdict, "")
        _check(code, reply)


def _check(code: int, reply: bytes) -> None:
    """Raises Refused for 5xx, NotNow for 4xx but 421: then the relay goes away (RFC 5321 3.8)."""
    if code == AWAY:
        raise smtplib.SMTPResponseException(code, reply)
    if code >= 400:
        raise (Refused if code >= 500 else NotNow)(f"{code} {reply.decode('utf-8', 'replace')}")


def _octets(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def message(verdict: Verdict, sender: str) -> EmailMessage:
    """The message, from what the service put into the intent's metadata. The same verdict gives the same Message-ID."""
    given = verdict.metadata or {}
    mail = EmailMessage(SMTP.clone(cte_type="7bit") if verdict.to.isascii() else SMTPUTF8)
    mail["From"], mail["To"] = sender, verdict.to
    mail["Subject"] = " ".join(str(given.get("subject", "A message for you")).split())
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{verdict.service}/{verdict.id}")
    mail["Message-ID"] = f"<{name}@{sender.rpartition('@')[2]}>"
    # by these a bounce, which quotes them, is put down to its intent
    mail["X-Sidestep-Service"], mail["X-Sidestep-Intent"] = verdict.service, verdict.id
    mail["X-Sidestep-Token"] = verdict.token
    if verdict.valid_since is not None:
        # its server refuses the message if the mailbox has another owner by now (RFC 7293)
        since = format_datetime(datetime.fromtimestamp(verdict.valid_since, UTC))
        mail["Require-Recipient-Valid-Since"] = f"{verdict.to}; {since}"
    mail.set_content(str(given.get("text", "")))
    return mail


class Mailer:
    """Sends verdicts' messages; `given` are the options."""

    def __init__(self, given: argparse.Namespace, sent: Sent, relay: Relay, publisher: Publisher):
        self._given, self._sent, self._relay, self._publisher = given, sent, relay, publisher

    def deliver(self, verdict: Verdict) -> str:
        """Sends the message unless that has been done. What became of it, once that is on disk and in Kafka."""
        try:
            became = self._try(verdict)
        except NotNow as error:
            waited = self._sent.wait(verdict, self._given.again_after)
            if waited < self._given.give_up_after * 3600:
                return f"not now: {error}"
            became = f"given up: {self._tell(verdict, str(error))}"
        self._sent.end_wait(verdict)
        return became

    def _try(self, verdict: Verdict) -> str:
        if verdict.test:
            return "a test, which nobody is to get"
        state = self._sent.state(verdict)
        if state in ("sent", "refused"):
            return f"{state} before"
        if state == "begun" and not self._given.again:
            return "in doubt: it may have been sent before a crash"
        try:
            self._relay.send(verdict, self._sent)
        except InDoubt as error:
            return f"in doubt: {error}"
        except Expired:
            return "expired: not sent"
        except Refused as error:
            return f"refused: {self._tell(verdict, str(error))}"
        self._sent.mark(verdict, "sent")
        return "sent"

    def _tell(self, verdict: Verdict, reply: str) -> str:
        """Sidestep hears what the relay said; the message is done with."""
        self._publisher.bounce(bounce(verdict, reply))
        self._publisher.flush()
        self._sent.mark(verdict, "refused")
        return reply


def bounce(verdict: Verdict, reply: str) -> Bounce:
    """What the relay said, for Sidestep: it reads the text, and judges the next intent to this recipient by it."""
    return Bounce(
        recipient=verdict.to,
        service=verdict.service,
        intent_id=verdict.id,
        token=verdict.token,
        id=f"relay:{verdict.service}/{verdict.id}"[:200],  # published again after a crash, it counts once
        reply=reply[:4000],
        occurred_at=time.time(),
    )


def tell(record: Received) -> None:
    """What stood among the verdicts and is none; it is passed over."""
    print(f"not sent, {record.value.code}: {record.value.text}", flush=True)


def main() -> None:
    """Until it is ended; kill -9 does."""
    options = argparse.ArgumentParser(description="Send what Sidestep approved.")
    options.add_argument(
        "--broker", help="instead of SIDESTEP_BROKER; how Kafka lets us in is said by SIDESTEP_SECURITY and its like"
    )
    options.add_argument("--relay", default="127.0.0.1:25", metavar="HOST:PORT")
    options.add_argument("--sender", default="news@example.org")
    options.add_argument("--database", default="sent.sqlite")
    options.add_argument("--again", action="store_true", help="send again what a crash has left in doubt")
    options.add_argument(
        "--again-after", type=float, default=300, metavar="SECONDS", help="what was not taken with 4xx"
    )
    options.add_argument("--give-up-after", type=float, default=96, metavar="HOURS", help="… when it never is")
    options.add_argument(
        "--verdict-keys", metavar="FILE", help="send nothing but what these keys prove: docs/signing.md"
    )
    given = options.parse_args()
    verify = VerdictKeys(given.verdict_keys) if given.verdict_keys else None
    sent, relay = Sent(given.database), Relay(given.relay, given.sender)
    kafka = Access.from_environment().at(given.broker).connect()
    with (
        Publisher(kafka) as publisher,
        Verdicts(kafka, group=GROUP, topics=[APPROVED.name], verify=verify, report=tell) as verdicts,
    ):
        mailer = Mailer(given, sent, relay, publisher)
        while True:
            for verdict in [*sent.due(), *verdicts.batch(1, PAUSE)]:
                print(f"{verdict.service}/{verdict.id}: {mailer.deliver(verdict)}", flush=True)  # no addresses in logs


if __name__ == "__main__":
    main()
