"""Reading mail takes work by its size, whatever the form: counted, so that no busy machine changes it."""

from collections.abc import Callable

import pytest

from sidestep.streams.screen.feedback.bounces import FEW
from sidestep.streams.screen.feedback.parse import parse
from tests.screen.feedback.work import work

HEAD = "From: MAILER-DAEMON@mx.example.net\nTo: bounces@shop.example\nSubject: Undelivered Mail Returned to Sender\n"
PARTS = 'MIME-Version: 1.0\nContent-Type: multipart/report; boundary="B"\n\n'


def many(n: int, line: str) -> str:
    """A line n times, with its number."""
    return "".join(line.replace("#", str(i)) for i in range(n))


def part(kind: str, body: str) -> str:
    """A part of a message."""
    return f"--B\nContent-Type: {kind}\n\n{body}\n"


FIELDS = "Final-Recipient: rfc822; u#@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no\n\n"
GROWING: dict[str, Callable[[int], str]] = {
    "recipients of a report": lambda n: HEAD + PARTS + part("message/delivery-status", "\n" + many(n, FIELDS)),
    "recipients of a notice": lambda n: HEAD + "\n" + many(n, "<u#@example.com>: 550 5.1.1 user unknown\n\n"),
    "lines about one recipient": lambda n: HEAD + "\n<ada@example.com>:\n" + many(n, "550 5.7.1 line # of it\n"),
    "our address quoted": lambda n: HEAD + "\n<ada@example.com>:\n" + many(n, "<bounces+#@shop.example>: no\n"),
    "labels": lambda n: HEAD + "\n无法投递\n" + many(n, "收件人：u#@example.com\n"),
    "addresses in prose": lambda n: HEAD + "\ncould not be delivered\n" + many(n, "ask u#@example.com about it\n"),
    "header fields": lambda n: HEAD + many(n, "X-Field-#: =?utf-8?q?a?=\n") + "\n<ada@example.com>: 550 no\n",
    "parts": lambda n: HEAD + PARTS + many(n, part("text/plain", "part #")),
    "complaints": lambda n: (
        HEAD
        + PARTS
        + part("message/feedback-report", "Feedback-Type: abuse\n" + many(n, "Original-Rcpt-To: <u#@example.com>\n"))
    ),
    "messages of an mbox": lambda n: many(
        n, f"From x Thu Apr 29 23:34:45 2021\n{HEAD}Message-ID: <#>\n\n<ada@example.com>: 550 5.1.1 unknown\n\n\n"
    ),
    "lines of JSON": lambda n: many(n, '{"event": "open", "email": "u#@example.com", "sg_event_id": "#"}\n'),
}


@pytest.mark.parametrize("name", GROWING)
def test_work_grows_with_size_alone(name: str) -> None:
    """Four times as much takes four times the work at most, and a little."""
    make, form = GROWING[name], "application/mbox" if "mbox" in name else ""
    few, more = (work(make(n).encode(), form) for n in (24, 96))
    assert more < few * 4 * 1.2


@pytest.mark.parametrize(("recipients", "reason"), [(1, "mailboxfull"), (FEW, "mailboxfull"), (FEW + 1, "undefined")])
def test_what_is_said_of_all_is_read_for_a_few(recipients: int, reason: str) -> None:
    """Of a hundred recipients it is about nobody in particular, and would be read a hundred times."""
    fields = many(recipients, "Final-Recipient: rfc822; u#@example.com\nAction: failed\n\n")
    octets = HEAD + PARTS + part("text/plain", "The mailbox is full.") + part("message/delivery-status", "\n" + fields)
    assert {reason} == {outcome.reason for outcome in parse(octets.encode())}
