"""Machine-readable reports: RFC 3464 fields and RFC 5965 complaints, well-formed and as they come."""

import pytest

from sidestep.schemas import Bounce, Engagement
from sidestep.streams.screen.feedback import report
from sidestep.streams.screen.feedback.outcome import to_feedback
from sidestep.streams.screen.feedback.parse import parse


def multipart(*parts: tuple[str, str], kind: str = "report; report-type=delivery-status", fields: str = "") -> bytes:
    """A multipart message with such parts."""
    body = "".join(f"--b\nContent-Type: {part}\n\n{text}\n" for part, text in parts)
    return (
        f"From: MAILER-DAEMON@example.org\nTo: shiro@example.org\nSubject: report\nMIME-Version: 1.0\n{fields}"
        f'Content-Type: multipart/{kind}; boundary="b"\n\n{body}--b--\n'
    ).encode()


FIELDS = """Reporting-MTA: dns; mx.example.org
Arrival-Date: Thu, 29 Apr 2021 23:34:45 +0900

Final-Recipient: rfc822; kuro@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 5.1.1 <kuro@example.net>... User
    unknown

Final-Recipient: rfc822; mike@example.net
Action: delivered
Status: 2.0.0
Diagnostic-Code: smtp; 250 2.0.0 Ok
"""


def test_each_recipient_of_a_report_is_an_outcome() -> None:
    """Failed and delivered side by side; folded fields are whole."""
    failed, delivered = parse(multipart(("text/plain", "sorry"), ("message/delivery-status", FIELDS)))
    assert ("bounce", "kuro@example.net", "userunknown", True, "recipient") == (
        failed.kind, failed.recipient, failed.reason, failed.hard, failed.scope,
    )  # fmt: skip
    assert ("5.1.1", "550", "550 5.1.1 <kuro@example.net>... User unknown") == (
        failed.status,
        failed.code,
        failed.reply,
    )
    assert ("delivered", "delivered", "mike@example.net") == (delivered.kind, delivered.event, delivered.recipient)


def test_blank_lines_in_wrong_places_do_no_harm() -> None:
    """A group torn apart is put together again."""
    torn = report.parse("Final-Recipient: rfc822; a@b.c\n\nAction: failed\n\nStatus: 5.2.2\n")
    assert [{"final-recipient": "rfc822; a@b.c", "action": "failed", "status": "5.2.2"}] == torn.recipients


def test_a_pipe_is_no_recipient() -> None:
    """A delivery program's name is replaced by the address that it stands for."""
    group = {"final-recipient": "rfc822; |/usr/bin/deliver", "original-recipient": "rfc822; kuro@example.net"}
    assert "kuro@example.net" == report.recipient_of(group)


def test_a_delay_is_soft_and_transient() -> None:
    """Action: delayed is nobody's fault yet."""
    fields = "Final-Recipient: rfc822; kuro@example.net\nAction: delayed\nStatus: 4.4.7\n"
    (outcome,) = parse(multipart(("text/plain", ""), ("message/delivery-status", fields)))
    assert ("expired", False, "transient") == (outcome.reason, outcome.hard, outcome.scope)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (
            "header of the returned message",
            ("text/rfc822-headers", "X-Sidestep-Intent: order-17\nX-Sidestep-Service: shop\n"),
        ),
        (
            "return path of the returned message",
            ("message/rfc822", "Return-Path: <bounce+order-17@example.org>\n\nHello"),
        ),
    ],
)
def test_the_intent_is_found_in(name: str, place: tuple[str, str]) -> None:
    """Our own header field, or the envelope sender (VERP)."""
    (outcome, _) = parse(multipart(("message/delivery-status", FIELDS), place))
    assert "order-17" == outcome.intent_id


def test_the_intent_is_found_in_the_address_the_report_was_sent_to() -> None:
    """VERP with the recipient in it."""
    octets = multipart(("message/delivery-status", FIELDS)).replace(
        b"To: shiro@example.org", b"To: <bounces+order-17=kuro=example.net@example.org>"
    )
    assert "order-17" == parse(octets)[0].intent_id


TOKEN = "5165b9ff2c3d4e5f60718293a4b5c6"


@pytest.mark.parametrize(
    ("local_part", "intent_id"),
    [
        (f"bounces+{TOKEN}", ""),
        (f"bounce-{TOKEN.upper()}", ""),
        (f"bounces+{TOKEN}=kuro=example.net", ""),
        (f"bounces+order-17.{TOKEN}", "order-17"),
        (f"bounces+order-17-{TOKEN}=kuro=example.net", "order-17"),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "To: <{}@example.org>\n\n",
        "X-Original-To: {}@example.org\n\n",
        "Content-Type: message/rfc822\n\nReturn-Path: <{}@example.org>\n\nHello",
        "Content-Type: message/feedback-report\n\nOriginal-Rcpt-To: k@b.example\nOriginal-Mail-From: <{}@example.org>",
    ],
)
def test_the_token_is_found_where_the_return_path_stands(place: str, local_part: str, intent_id: str) -> None:
    """In the address that the report was sent to, in the returned message, in a complaint; alone or behind the id."""
    said = place.format(local_part)
    if said.startswith("Content-Type"):
        kind, _, text = said.removeprefix("Content-Type: ").partition("\n\n")
        octets = multipart(("message/delivery-status", FIELDS), (kind, text))
    else:
        octets = multipart(("message/delivery-status", FIELDS)).replace(b"To: shiro@example.org", said.strip().encode())
    outcome = parse(octets)[0]
    assert TOKEN == outcome.token.lower()
    assert outcome.source == "arf" or intent_id == outcome.intent_id


def test_the_token_is_found_in_the_header_of_the_returned_message() -> None:
    """As a mailer sets it; whoever reports without it leaves it out."""
    header = ("text/rfc822-headers", f"X-Sidestep-Token: {TOKEN}\n")
    assert TOKEN == parse(multipart(("message/delivery-status", FIELDS), header))[0].token
    assert "" == parse(multipart(("message/delivery-status", FIELDS)))[0].token


def test_the_same_report_has_the_same_ids() -> None:
    """Delivered twice it counts once; another recipient's is another."""
    octets = multipart(("text/plain", "sorry"), ("message/delivery-status", FIELDS))
    first, again = parse(octets), parse(octets)
    assert [outcome.id for outcome in first] == [outcome.id for outcome in again]
    assert 2 == len({outcome.id for outcome in first})


COMPLAINTS = {
    "abuse": ("complaint", "complaint"),
    "fraud": ("complaint", "complaint"),
    "virus": ("complaint", "complaint"),
    "other": ("complaint", "complaint"),
    "not-spam": ("complaint", "not-spam"),
    "opt-out": ("engagement", "unsubscribed"),
    "auth-failure": ("none", ""),
}


@pytest.mark.parametrize("feedback_type", COMPLAINTS)
def test_kinds_of_complaint(feedback_type: str) -> None:
    """RFC 5965 and its registry: not-spam takes one back, an opt-out is none, an authentication report is neither."""
    fields = f"Feedback-Type: {feedback_type}\nUser-Agent: x/1\nVersion: 1\nOriginal-Rcpt-To: <kuro@example.net>\n"
    (outcome,) = parse(
        multipart(("text/plain", ""), ("message/feedback-report", fields), kind="report; report-type=feedback-report")
    )
    assert COMPLAINTS[feedback_type] == (outcome.kind, outcome.event)
    assert ("kuro@example.net", "feedback", False) == (outcome.recipient, outcome.reason, outcome.hard)


def test_a_trap_that_was_hit_is_no_complaint() -> None:
    """As abusix reports it: in the form of a complaint, but no person has pressed anything."""
    subject = b"Subject: Spamtraphit by 192.0.2.3 Thu, 29 Apr 2016 23:34:45 +0000 [no-reply]"
    fields = "Feedback-Type: abuse\nOriginal-Rcpt-To: kuro@example.com\nOriginal-Rcpt-To: shiro@example.net\n"
    parts = (("text/plain", "Hello"), ("message/feedback-report", fields))
    found = parse(multipart(*parts).replace(b"Subject: report", subject))
    assert [("trap", "trap-hit", "kuro@example.com"), ("trap", "trap-hit", "shiro@example.net")] == [
        (outcome.kind, outcome.event, outcome.recipient) for outcome in found
    ]
    assert ["trap-hit", "trap-hit"] == [feedback.kind for feedback in map(to_feedback, found) if feedback is not None]


def test_a_redacted_complaint_falls_back_on_the_returned_message() -> None:
    """Many providers hide the address in the report and leave it in the copy."""
    fields = "Feedback-Type: abuse\nRedacted-Address: redacted\n"
    parts = (("message/feedback-report", fields), ("message/rfc822", "To: kuro@example.net\nSubject: x\n\nHello"))
    (outcome,) = parse(multipart(*parts, kind="report; report-type=feedback-report"))
    assert "kuro@example.net" == outcome.recipient


def test_a_complaint_without_a_report_part_is_told_by_its_header() -> None:
    """Microsoft's junk mail reports have no fields; others type the part wrongly."""
    original = "X-HmXmrOriginalRecipient: kuro@example.net\nTo: list@example.net\nSubject: x\n\nHello"
    sent = multipart(("message/rfc822", original), kind="mixed")
    sent = sent.replace(b"MAILER-DAEMON@example.org", b"staff@hotmail.com")
    sent = sent.replace(b"Subject: report", b"Subject: complaint about message from 192.0.2.1")
    (outcome,) = parse(sent)
    assert ("complaint", "complaint", "kuro@example.net") == (outcome.kind, outcome.event, outcome.recipient)
    fields = "Feedback-Type: opt-out\nOriginal-Rcpt-To: kuro@example.net\n"
    (outcome,) = parse(multipart(("text/plain", fields), kind="report; report-type=feedback-report"))
    assert ("engagement", "unsubscribed", "kuro@example.net") == (outcome.kind, outcome.event, outcome.recipient)


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-notified",
        "Auto-Submitted: auto-generated",
        "Precedence: auto_reply",
        "X-Apple-Action: vacation",
    ],
)
def test_an_answer_that_nobody_typed_is_an_absence(field: str) -> None:
    """RFC 3834 and its relatives; what a machine's own account writes is nobody's answer."""
    note = f"From: kuro@example.net\nTo: shiro@example.org\nSubject: Re: Nyaan\n{field}\n\nI am away."
    (outcome,) = parse(note.encode())
    assert ("none", "vacation", "kuro@example.net") == (outcome.kind, outcome.reason, outcome.recipient)
    assert "vacation" != parse(note.replace("kuro@", "root@").encode())[0].reason


def test_a_mail_program_may_unsubscribe_for_its_user() -> None:
    """Apple Mail's button sends an empty message with a field of its own."""
    note = b"From: kuro@example.net\nTo: list@example.org\nSubject: \nX-Apple-Unsubscribe: true\n\n"
    (outcome,) = parse(note)
    assert ("engagement", "unsubscribed", "kuro@example.net") == (outcome.kind, outcome.event, outcome.recipient)


def test_outcomes_become_feedback_of_our_schema() -> None:
    """What counts is a Bounce or an Engagement; an absence note is nothing."""
    failed, delivered = parse(multipart(("message/delivery-status", FIELDS)))
    assert isinstance(to_feedback(failed), Bounce)
    assert isinstance(to_feedback(delivered), Engagement)
    assert to_feedback(parse(b"From: a@b.c\nSubject: out of office\n\nx")[0]) is None


def test_an_mbox_is_several_messages() -> None:
    """Each counts, where the content type says so; whoever writes a report can't make it a thousand."""
    one = b"From MAILER-DAEMON Thu Apr 29 23:34:45 2021\n" + multipart(("message/delivery-status", FIELDS))
    assert 4 == len(parse(one + b"\n\n" + one, "application/mbox"))
    assert 2 == len(parse(one + b"\n\n" + one))
    assert ["too-many-events"] == [outcome.reason for outcome in parse((one + b"\n\n") * 51, "application/mbox")]
