"""Reports for people in the layouts of many MTAs: who did not get it, and why. The texts are ours, the forms are theirs."""

import pytest

from sidestep.streams.screen.feedback.parse import parse

ORIGINAL = "Message-ID: <1@example.org>\nFrom: Shiro <shiro@example.org>\nTo: <kuro@example.net>\nSubject: Hello\n\nHello\n"


def message(sender: str, subject: str, body: str, *fields: str, kind: str = "text/plain") -> bytes:
    """A message with such a header and body."""
    head = [f"From: {sender}", "To: shiro@example.org", f"Subject: {subject}", "MIME-Version: 1.0", *fields]
    return "\n".join([*head, f"Content-Type: {kind}", "", body]).encode()


LAYOUTS = {
    "the status notification with rulers": (
        message(
            "Mail Delivery System <MAILER-DAEMON@x3.example.org>",
            "Delivery status notification",
            "=" * 76 + "\n      This is an automatically generated Delivery Status Notification.\n\n"
            "Delivery to the following recipients failed permanently:\n\n  * kuro@example.net\n\n" + "=" * 76 + "\n"
            "                            Technical details:\n\n"
            "SMTP:RCPT host 192.0.2.8: 553 5.3.0 <kuro@example.net>... No such user here\n\n" + "=" * 76 + "\n",
        ),
        [("kuro@example.net", "userunknown", True)],
    ),
    "MailFoundry": (
        message(
            "MAILER-DAEMON@mf.example.org",
            "Message delivery has failed",
            "Unable to deliver message to: <kuro@example.net>\nDelivery failed for the following reason:\n"
            "Server mx2.example.net[192.0.2.2] failed with: 550 <kuro@example.net> relaying denied\n\n"
            "This has been a permanent failure.  No further delivery attempts will be made.\n",
        ),
        [("kuro@example.net", "norelaying", False)],
    ),
    "MX Logic, an Exim with brackets": (
        message(
            "Mail Delivery System <Mailer-Daemon@p01.example.org>",
            "Mail delivery failed: returning message to sender",
            "This message was created automatically by mail delivery software.\n\nA message that you have sent could not be "
            "delivered to one or more\nrecipients.  This is a permanent error.  The following address failed:\n\n"
            "  <kuro@example.net>: 550 5.1.1 <kuro@example.net>... User unknown\n\n"
            "Included is a copy of the message header:\n-----------------------------------------\n" + ORIGINAL,
        ),
        [("kuro@example.net", "userunknown", True)],
    ),
    "fml": (
        message(
            "neko-meeting-admin@example.net",
            "NOT MEMBER article from shiro@example.org (neko-meeting ML)",
            "You are not a member of this mailing list <neko-meeting@example.net>.\nIf you know the general guide of this "
            "list, please send mail with\nthe mail body # guide\n\nOriginal mail as follows:\n\n" + ORIGINAL,
        ),
        [("neko-meeting@example.net", "rejected", False)],
    ),
    "Verizon's text messages": (
        message(
            "post_master@vtext.com",
            "Undeliverable Message",
            "Error: Invalid user address\n\nError message below:\n550 - Requested action not taken: no such user here\n\n"
            "Message details:\n  Subject: Hello\n  MAIL FROM: shiro@example.org\n  RCPT TO: 5551234567@vtext.com\n"
            "  From: shiro@example.org\n  Size (in bytes): 39\n",
        ),
        [("5551234567@vtext.com", "userunknown", True)],
    ),
    "two recipients, one after the other": (
        message(
            "MAILER-DAEMON@example.org (Mail Delivery System)",
            "Undelivered Mail Returned to Sender",
            "This is the mail system at host mx.example.org.\n\nYour message could not be delivered to one or more recipients.\n\n"
            "                   The mail system\n\n<kuro@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1\n"
            "    <kuro@example.net>: Recipient address rejected: User unknown (in reply to\n    RCPT TO command)\n\n"
            "<mike@example.com>: host mx.example.com[192.0.2.2] said: 552 5.2.2\n    <mike@example.com>: mailbox full "
            "(in reply to RCPT TO command)\n",
        ),
        [("kuro@example.net", "userunknown", True), ("mike@example.com", "mailboxfull", False)],
    ),
    "addresses first, the reason once": (
        message(
            "postmaster@example.org",
            "Undeliverable message",
            "------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\nkuro@example.net\n"
            "mike@example.net\n\n------- Returned Message --------\n" + ORIGINAL,
        ),
        [("kuro@example.net", "userunknown", True), ("mike@example.net", "userunknown", True)],
    ),
    "Exchange in French": (
        message(
            "postmaster@example.onmicrosoft.com",
            "Non remis : Bonjour",
            "Échec de la remise à ces destinataires ou groupes :\n\nkuro@example.net<mailto:kuro@example.net>\n\n"
            "Informations de diagnostic pour les administrateurs :\n\nServeur de génération : mx.example.org\n\n"
            "kuro@example.net\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nEn-têtes de message d'origine :\n\n"
            + ORIGINAL,
            kind="text/plain; charset=utf-8",
        ),
        [("kuro@example.net", "userunknown", True)],
    ),
    "Exim tells of a delay": (
        message(
            "Mail Delivery System <Mailer-Daemon@example.org>",
            "Warning: message 1d18ZN-0000br-Mp delayed 24 hours",
            "This message was created automatically by mail delivery software.\nA message that you sent has not yet been "
            "delivered to one or more of its\nrecipients after more than 24 hours on the queue on mx.example.org.\n\n"
            "The address to which the message has not yet been delivered is:\n\n  kuro@example.net\n    Delay reason: "
            "retry time not reached for any host after a long failure period\n\nNo action is required on your part. Delivery "
            "attempts will continue for\nsome time, and this warning may be repeated at intervals if the message\n"
            "remains undelivered.\n",
        ),
        [("kuro@example.net", "expired", False)],
    ),
    "qmail": (
        message(
            "MAILER-DAEMON@mx.example.org",
            "failure notice",
            "Hi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your message to the "
            "following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
            "<kuro@example.net>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.7.1 <kuro@example.net>: Recipient "
            "address rejected: User unknown\nGiving up on 192.0.2.1.\n\n<mike@example.com>:\nSorry, I couldn't find any host "
            "named example.com. (#5.1.2)\n\n--- Below this line is a copy of the message.\n\n" + ORIGINAL,
        ),
        [("kuro@example.net", "userunknown", True), ("mike@example.com", "hostunknown", True)],
    ),
    "Gmail, refused after DATA": (
        message(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Failure)",
            "Delivery to the following recipient failed permanently:\n\n     kuro@example.net\n\nTechnical details of permanent "
            "failure:\nGoogle tried to deliver your message, but it was rejected by the recipient domain. The error that the "
            "other server returned was: 550 550 Unknown user kuro@example.net (state 18).\n\n----- Original message -----\n"
            + ORIGINAL,
        ),
        [("kuro@example.net", "filtered", False)],
    ),
    "OpenSMTPD": (
        message(
            "Mailer Daemon <MAILER-DAEMON@example.org>",
            "Delivery status notification: error",
            "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error has occurred while "
            "attempting to deliver a message for\n    the following list of recipients:\n\nkuro@example.net: No MX found for "
            "domain\n\n    Below is a copy of the original message:\n\n" + ORIGINAL,
        ),
        [("kuro@example.net", "notaccept", True)],
    ),
    "DragonFly Mail Agent": (
        message(
            "MAILER-DAEMON <>",
            "Mail delivery failed",
            "This is the DragonFly Mail Agent v0.13 at df.example.org.\n\nThere was an error delivering your mail to "
            "<kuro@example.net>.\n\nmx.example.net [192.0.2.25] did not like our MAIL FROM:\n550 5.7.1 <shiro@example.org>: Sender "
            "address rejected\n\nOriginal message follows.\n\n" + ORIGINAL,
        ),
        [("kuro@example.net", "rejected", False)],
    ),
    "only the header names the recipient": (
        message(
            "Mail Delivery System <Mailer-Daemon@example.org>",
            "Mail delivery failed: returning message to sender",
            "This message was created automatically by mail delivery software.\n\nOne of its recipients could not be reached. "
            "The following error occurred: mailbox is full\n",
            "X-Failed-Recipients: kuro@example.net",
        ),
        [("kuro@example.net", "mailboxfull", False)],
    ),
    "HTML and nothing else": (
        message(
            "Mail Delivery Subsystem <mailer-daemon@example.org>",
            "Undeliverable: Hello",
            "<html><style>p{}</style><body><p>Delivery has failed to these recipients:</p><p><a href='mailto:kuro@example.net'>"
            "kuro@example.net</a></p><p>550 5.1.1 The recipient&#39;s address: user unknown (in reply to RCPT TO "
            "command)</p></body></html>",
            kind="text/html",
        ),
        [("kuro@example.net", "userunknown", True)],
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_recipients_and_reasons_are_found_in(name):
    """Each recipient once, with the reason its own words give."""
    octets, expected = LAYOUTS[name]
    assert expected == [(outcome.recipient, outcome.reason, outcome.hard) for outcome in parse(octets)]


def test_a_report_forwarded_inside_a_report_is_read():
    """Someone passes a bounce on: what is inside counts."""
    inner = LAYOUTS["qmail"][0].decode()
    outer = (
        "From: colleague@example.org\nTo: shiro@example.org\nSubject: Fwd: failure notice\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nsee below\n'
        f"--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
    )
    assert LAYOUTS["qmail"][1] == [(out.recipient, out.reason, out.hard) for out in parse(outer.encode())]


def test_ordinary_mail_is_no_bounce():
    """A person writes about a delivery: nothing is counted."""
    (outcome,) = parse(message("Kuro <kuro@example.net>", "Re: Hello", "Your parcel could not be delivered. Call me!\n"))
    assert ("none", "") == (outcome.kind, outcome.event)


@pytest.mark.parametrize(
    "fields",
    [
        ("Out of office: Hello", "I am back on Monday.", "Auto-Submitted: auto-replied"),
        ("Automatic reply: Hello", "I am away until May 2nd. For urgent matters write to mike@example.net."),
        ("Re: Hello", "Bin nicht da.", "X-Autoreply: yes"),
    ],
)
def test_an_absence_note_is_no_bounce(fields):
    """RFC 3834: it says that the address works, if anything."""
    subject, body, *rest = fields
    (outcome,) = parse(message("Kuro <kuro@example.net>", subject, body, *rest))
    assert ("none", "", "vacation") == (outcome.kind, outcome.event, outcome.reason)


def test_a_request_to_unsubscribe_is_an_opt_out():
    """Mail programs send it for their users (RFC 2369): an opt-out, no bounce and no complaint."""
    (outcome,) = parse(message("kuro@example.net", "unsubscribe", "unsubscribe"))
    assert ("engagement", "unsubscribed", "kuro@example.net") == (outcome.kind, outcome.event, outcome.recipient)
