"""Replies of servers in the forms in which they come back: a report, a notice in words, a webhook's body."""

import json

TO = "ada@example.com"
HOST = "mx.example.com"
HEAD = (
    "Return-Path: <>\nFrom: MAILER-DAEMON@mail.sender.example (Mail Delivery System)\nTo: bounces@sender.example\n"
    "Subject: Undelivered Mail Returned to Sender\nMessage-ID: <b1@mail.sender.example>\nMIME-Version: 1.0\n"
)
RETURNED = (
    "From: news@sender.example\nTo: {to}\nSubject: June\nMessage-ID: <n-77@sender.example>\nX-Sidestep-Intent: n-77\n"
)


def quoted(said: str, at: str, to: str = TO, host: str = HOST) -> str:
    """A reply as Postfix quotes it in words."""
    end = f" (in reply to {at} command)" if at else ""
    return f"<{to}>: host {host}[192.0.2.25] said: {said}{end}"


def report(said: str, at: str, to: str = TO, host: str = HOST, status: str = "5.0.0", action: str = "failed") -> bytes:
    """A delivery report (RFC 3464), as Postfix writes it."""
    end = f" (in reply to {at} command)" if at else ""
    parts = (
        ("text/plain; charset=utf-8", quoted(said, at, to, host)),
        (
            "message/delivery-status",
            f"Reporting-MTA: dns; mail.sender.example\n\nFinal-Recipient: rfc822; {to}\nAction: {action}\n"
            f"Status: {status}\nRemote-MTA: dns; {host}\nDiagnostic-Code: smtp; {said}{end}",
        ),
        ("text/rfc822-headers", RETURNED.format(to=to)),
    )
    body = "".join(f"--BB\nContent-Type: {kind}\n\n{text}\n\n" for kind, text in parts)
    kind = 'multipart/report; report-type=delivery-status; boundary="BB"'
    return f"{HEAD}Content-Type: {kind}\n\n{body}--BB--\n".encode()


def notice(said: str, at: str, to: str = TO, host: str = HOST) -> bytes:
    """A notice in words alone, as Postfix and its gateways write it."""
    return (
        f"{HEAD}Content-Type: text/plain; charset=utf-8\n\nThis is the mail system at host mail.sender.example.\n\n"
        f"Your message could not be delivered to one or more recipients.\n\n{quoted(said, at, to, host)}\n"
    ).encode()


def webhook(said: str, to: str = TO) -> bytes:
    """A body of Amazon SES's."""
    recipient = {"emailAddress": to, "action": "failed", "diagnosticCode": f"smtp; {said}"}
    bounce = {"bounceType": "Undetermined", "bounceSubType": "Undetermined", "bouncedRecipients": [recipient]}
    return json.dumps({"notificationType": "Bounce", "bounce": bounce, "mail": {"messageId": "m1"}}).encode()


def letter(sender: str, subject: str, text: str, *fields: str) -> bytes:
    """A mail of one part."""
    head = [f"From: {sender}", "To: bounces@sender.example", f"Subject: {subject}", "MIME-Version: 1.0", *fields]
    return "\n".join([*head, "Content-Type: text/plain; charset=utf-8", "", text, ""]).encode()
