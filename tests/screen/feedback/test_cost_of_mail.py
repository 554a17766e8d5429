"""Reading mail takes work by its size, whatever the form: counted, so that no busy machine changes it."""

import json
from collections.abc import Callable
from random import Random
from string import ascii_lowercase

import pytest

from sidestep.streams.screen.feedback.bounces import FEW
from sidestep.streams.screen.feedback.classify import shipped
from sidestep.streams.screen.feedback.parse import parse
from sidestep.streams.screen.feedback.words import MESSAGES_MAX, WORDS_MAX, even_part
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
    few, more = (work(make(n).encode(), form) for n in ((6, 24) if form else (24, 96)))
    assert more < few * 4 * 1.2


@pytest.mark.parametrize(("recipients", "reason"), [(1, "mailboxfull"), (FEW, "mailboxfull"), (FEW + 1, "undefined")])
def test_what_is_said_of_all_is_read_for_a_few(recipients: int, reason: str) -> None:
    """Of a hundred recipients it is about nobody in particular, and would be read a hundred times."""
    fields = many(recipients, "Final-Recipient: rfc822; u#@example.com\nAction: failed\n\n")
    octets = HEAD + PARTS + part("text/plain", "The mailbox is full.") + part("message/delivery-status", "\n" + fields)
    assert {reason} == {outcome.reason for outcome in parse(octets.encode())}


CALLS_MAX = 3_000
"""Calls of functions for each of a hundred recipients, some 0.25 ms: all of them in 25."""
GOOGLE = (
    "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the "
    "recipient's email address for typos or 550-5.1.1 unnecessary spaces. For more information, go to 550 5.1.1 "
    "https://support.google.com/mail/?p=NoSuchUser ada0123456789abcdef-# - gsmtp"
)
"""One of the longer replies that are common: 300 characters."""


def prose(n: int) -> str:
    """Characters of words that are nobody's, none of them twice."""
    random = Random(n)
    return " ".join("".join(random.choices(ascii_lowercase, k=7)) for _ in range(n // 8))


def body(said: Callable[[int], str]) -> str:
    """A webhook's body of a hundred events."""
    events = (
        {"event": "bounce", "email": f"u{number}@example.com", "sg_event_id": f"{number}", "reason": said(number)}
        for number in range(100)
    )
    return json.dumps(list(events))


def reported(said: Callable[[int], str]) -> str:
    """A report on a hundred recipients, whose status says nothing."""
    fields = "Final-Recipient: rfc822; u{0}@example.com\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; {1}\n\n"
    groups = "".join(fields.format(number, said(number)) for number in range(100))
    return HEAD + PARTS + part("message/delivery-status", "\n" + groups)


def rules_own(n: int) -> str:
    """Characters of the first words of the rules' phrases, which make up none of them."""
    random = Random(n)
    begun = sorted({phrase[0].removeprefix("^").split()[0] for rule in shipped().every_rule() for phrase in rule.any})
    return " ".join(random.choice(begun) for _ in range(n // 3))[:n]


LONG: dict[str, Callable[[Callable[[int], str]], str]] = {"a webhook's body": body, "a report": reported}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("characters", [10, 1000])
@pytest.mark.parametrize("words_of", [prose, rules_own])
def test_a_hundred_recipients_take_bounded_work_whatever_is_said_of_them(
    name: str, characters: int, words_of: Callable[[int], str]
) -> None:
    """Words that mean nothing are looked for in all rules: vague ones, as many as are looked at, and the rules' own."""
    words = words_of(100 * characters + 800)
    octets = LONG[name](lambda number: f"550 no {words[number * characters :][:characters]}").encode()
    assert 100 == len(parse(octets))
    assert work(octets) < 100 * CALLS_MAX


@pytest.mark.parametrize("name", LONG)
def test_words_beyond_what_is_looked_at_take_hardly_any_work(name: str) -> None:
    """Of a hundred recipients the beginnings count; of all of them together no more than of a few."""
    words = prose(100_800)
    some, more = (
        work(LONG[name](lambda number: words[number * 1000 :][:most]).encode())  # noqa: B023 - called at once
        for most in (WORDS_MAX // 100, 1000)
    )
    assert more < some * 1.25


@pytest.mark.parametrize("name", LONG)
def test_an_honest_record_loses_nothing(name: str) -> None:
    """A hundred replies of Google's, each whole."""
    found = parse(LONG[name](lambda number: GOOGLE.replace("#", str(number))).encode())
    assert {("userunknown", True, "gsmtp")} == {(each.reason, each.hard, each.reply[-5:]) for each in found}


def test_short_words_leave_what_they_do_not_need_to_long_ones() -> None:
    """One long reply among many short ones is looked at whole."""
    assert WORDS_MAX == even_part([]) == even_part([100] * 90 + [1000] * 10)
    assert WORDS_MAX // 100 == even_part([1000] * 100)
    assert (WORDS_MAX - 50 * 100) // 50 == even_part([100] * 50 + [1000] * 50)


def test_messages_of_an_mbox_share_what_is_looked_at() -> None:
    """Long ones take no more work together than a few times one; one more message than is read, and none is."""
    line = "From x Thu Apr 29 23:34:45 2021\n"
    message = f"{HEAD}\n<ada@example.com>: 550 {prose(2900)}\n{prose(35_000).replace(' ', chr(10))}"
    whole = "\n\n".join([line + message] * MESSAGES_MAX)
    assert MESSAGES_MAX == len(parse(whole.encode(), "application/mbox"))
    assert work(whole.encode(), "application/mbox") < work(message.encode()) * 4
    one_more = f"{whole}\n\n{line}{message}".encode()
    assert ["too-many-events"] == [outcome.reason for outcome in parse(one_more, "application/mbox")]


def test_an_honest_mbox_loses_nothing() -> None:
    """As many bounces as are read, of the length that is common, each with its reason; short ones beside a long one."""
    one = f"From x Thu Apr 29 23:34:45 2021\n{HEAD}\n{prose(500)}\n\n<ada@example.com>: 550 5.1.1 user unknown\n\n\n"
    long = one.replace("\n\n\n", prose(30_000))
    for pile in (one * MESSAGES_MAX, one * 4 + long + one * 4):
        assert {("userunknown", True)} == {
            (each.reason, each.hard) for each in parse(pile.encode(), "application/mbox")
        }


def test_messages_within_messages_are_bounded_together() -> None:
    """However wide and deep they lie in each other."""
    few, more = (work(_tree(3, width).encode()) for width in (3, 6))
    assert more < few * 2


def _tree(depth: int, width: int) -> str:
    """A message in a message in a message, `width` of them in each."""
    head = "From: ada@example.net\nTo: bounces@shop.example\nSubject: fw\n"
    if not depth:
        return f"{head}\n{prose(800)}"
    inner = f"--{depth}\nContent-Type: message/rfc822\n\n{_tree(depth - 1, width)}\n"
    return f"{head}Content-Type: multipart/mixed; boundary={depth}\n\n{inner * width}"


@pytest.mark.parametrize("value", ["[]", "{}", "1", '{"event":"open"}'])
def test_json_of_too_many_values_is_not_made(value: str) -> None:
    """Objects without end take time before anybody can count events."""
    octets = f"[{','.join([value] * 60_000)}]".encode()
    assert ["too-many-events"] == [outcome.reason for outcome in parse(octets)]
    assert work(octets) < 200
