"""Whatever arrives: never an exception, never a hang, always at least one outcome."""

import json
from pathlib import Path
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidestep.streams.screen.feedback.mime import DEPTH_MAX, PARTS_MAX, read
from sidestep.streams.screen.feedback.outcome import Outcome, to_feedback
from sidestep.streams.screen.feedback.parse import parse

BOUNCES = Path(__file__).parents[4] / "shared" / "data" / "bounces"
REAL = [file.read_bytes() for file in sorted(BOUNCES.glob("*.eml"))]
MILLISECONDS_MAX = 50

HEAD = b"From: MAILER-DAEMON@example.org\nSubject: failure notice\nContent-Type: text/plain\n\n"
HTML = HEAD.replace(b"text/plain", b"text/html")
LINES = (
    b"<kuro@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1 user unknown (in reply to RCPT TO command)\n",
    b"Final-Recipient: rfc822; kuro@example.net\n",
    b"Original-Recipient: utf-8; \\x{434}o'@xn--e1afmkfd.example\n",
    b"Content-Type: message/global-delivery-status\n",
    b"Content-Type: text/plain; charset=gb2312\n",
    "收件人：kuro@example.net".encode("gbk") + b"\n",
    b"To: bounces+a=b=example.net@example.org\n",
    b"Status: 5.1.1\n",
    b"Diagnostic-Code: smtp; 550 no\n",
    b"Action: failed\n",
    b"Content-Type: multipart/mixed; boundary=b\n",
    b"--b\n",
    b"--b--\n",
    b"\n",
    b"Content-Type: message/delivery-status\n",
    b"Content-Type: message/rfc822\n",
    b"Content-Type: message/feedback-report\n",
    b"Feedback-Type: abuse\n",
    b"From \n",
    b"From: MAILER-DAEMON@x\n",
    b"Subject: =?utf-8?q?failure?=\n",
    b"Content-Transfer-Encoding: base64\n",
    b"\x00\xff\xfe\n",
    b">>> RCPT TO:<kuro@example.net>\n",
    b"<<< 550 user unknown\n",
    b"550 <kuro@example.net>... User unknown\n",
)

relaxed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def checked(octets: bytes) -> list[Outcome]:
    """The outcomes, and that each is one."""
    outcomes = parse(octets)
    assert outcomes
    for outcome in outcomes:
        assert outcome.kind in ("bounce", "complaint", "delivered", "engagement", "none", "trap")
        assert not outcome.hard or outcome.scope in ("recipient", "domain")
        to_feedback(outcome)
    return outcomes


@relaxed
@given(st.binary(max_size=2000))
def test_any_octets_are_read(octets: bytes) -> None:
    """Noise is of kind none."""
    checked(octets)


@relaxed
@given(st.lists(st.sampled_from(LINES), max_size=40))
def test_any_pile_of_report_lines_is_read(lines: list[bytes]) -> None:
    """Fields, boundaries and transcripts in any order."""
    checked(b"".join(lines))


@relaxed
@given(st.data())
@pytest.mark.skipif(not REAL, reason=f"no bounces at {BOUNCES}")
def test_real_messages_that_were_damaged_are_read(data: st.DataObject) -> None:
    """Cut, doubled, spliced and overwritten: an outcome all the same, in time."""
    octets = data.draw(st.sampled_from(REAL))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(octets)))
        end = min(len(octets), start + data.draw(st.integers(0, 500)))
        other = data.draw(
            st.sampled_from([b"", octets[start:end] * 3, b"\n\n", b"\n--", *LINES, octets[end : end + 900]])
        )
        octets = octets[:start] + other + octets[end:]
    checked(octets)


FIELDS = ["event", "email", "mail", "notificationType", "bounce", "bouncedRecipients", "Message", "Type", "msys"]
FIELDS += ["type", "data", "to", "event-data", "RecordType", "Email", "recipient", "delivery-status", "timestamp"]
FIELDS += ["reason", "status", "kind", "response", "bounce_class", "complaint", "tags", "headers"]
FIELDS += ["mandrill_events", "events", "msg", "_id", "sending_stream", "message_id", "mj_campaign_id", "hard_bounce"]
FIELDS += ["queue", "nodeid", "feedback_report", "original_rcpto_to", "meta", "webhook_id", "message-id", "ts_epoch"]
FIELDS += ["detail", "source", "sg_event_id", "Payload", "X-Mailin-custom", "action", "reject"]
VALUES = [
    "Bounce",
    "bounce",
    "email.bounced",
    "failed",
    "Notification",
    "complaint",
    "Feedback",
    "Reception",
    "aws.ses",
]
VALUES += [
    "aws.ses",
    "activity.hard_bounced",
    "hard_bounce",
    "deferral",
    "blacklist",
    "soft bounce",
    "[",
    '{"a": 1}',
    "a:b|c",
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS), inner | st.sampled_from(VALUES), max_size=6)
    ),
    max_leaves=25,
)


@relaxed
@given(json_values)
def test_any_json_is_read(value: object) -> None:
    """A provider's field names with values of any type."""
    checked(json.dumps(value).encode())


def nested(levels: int) -> bytes:
    """A multipart in a multipart in …"""
    octets = b"body\n"
    for level in range(levels):
        octets = b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n%b\n--b%d--\n' % (
            level,
            level,
            octets,
            level,
        )
    return octets


BOMBS = {
    "ten megabytes of lines": HEAD + b"delivery failed kuro@example.net lorem\n" * 260_000,
    "ten megabytes in one line": HEAD + b"kuro@example.net " * 600_000,
    "ten thousand recipients": HEAD + b"".join(b"<u%d@example.net>: 550 user unknown\n" % i for i in range(10_000)),
    "300 levels of multipart": nested(300),
    "2,000 messages in each other": b"Content-Type: message/rfc822\n\n" * 2000,
    "100,000 parts": b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nContent-Type: text/plain\n\nx\n" * 100_000,
    "a boundary that opens itself": b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 20_000,
    "a million brackets": HEAD + b"<" * 1_000_000,
    "a million at signs": HEAD + b"@" * 1_000_000,
    "unclosed elements": HTML + b"<style>" * 100_000,
    "unclosed tags": HTML + b"<a b<" * 100_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\nx",
    "one endless header field": b"X: " + b"a" * 900_000 + b"\n\nx",
    "an endless diagnostic code": b"Final-Recipient: rfc822; a@b.c\nDiagnostic-Code: smtp; 550"
    + b"\n 550-5.1.1 x" * 50_000,
    "codes and nothing else": HEAD + b"<a@b.c>: " + b"550 5.1." * 100_000,
    "host names and nothing else": HEAD + b"<a@b.c>: host " + b"a." * 200_000,
    "deep JSON": b"[" * 500_000,
    "deep JSON objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_bounded_time(name: str) -> None:
    """50 ms of processor time, the best of twenty runs: others have the machine, too."""
    best = min(elapsed(BOMBS[name]) for _ in range(20))
    assert best * 1000 < MILLISECONDS_MAX


def elapsed(octets: bytes) -> float:
    """Processor seconds, and that it is read at all."""
    start = process_time()
    checked(octets)
    return process_time() - start


def test_parts_and_depth_are_bounded() -> None:
    """A MIME tree is walked so far and no further."""
    assert len(read(BOMBS["100,000 parts"]).parts) <= PARTS_MAX
    (part,) = read(nested(DEPTH_MAX + 5)).parts
    assert part.type.startswith("multipart/")
