"""Mail that says the same, written otherwise: language, character set, encodings, order. 95 % stay.

What is no bounce (kind 5), who is meant (kind 6), RFC 6533 (kind 7). The seed is fixed.
"""

import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import parse
from tests.screen.feedback.mutating import SEED, SHARE, Fields, head_of, mail_of, part_of, share_kept
from tests.screen.feedback.replies import TO

MUTANTS = 400
DATA: dict[str, Any] = tomllib.loads((Path(__file__).parent / "mutations_of_mail.toml").read_text("utf-8"))
WORDS: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "mutations.toml").read_text("utf-8"))
MTA = "Reporting-MTA: dns; mx.example.net"
OURS = "bounces@sender.example"
NEWS = "news@sender.example"
NAMES = ["{}", "<{}>", "rfc822;{}", "rfc822; {}", "RFC822; <{}>", "rfc822;  {}"]

Told = tuple[Any, ...]
"""What has to stay: of each kind something else."""


def envelope(random: Random, subject: str, sender: str) -> Fields:
    """The header of what comes in."""
    more = [("Date", "Tue, 12 May 2026 07:08:09 +0000"), ("X-Mailer", "Foomail 97"), ("Received", "by mx; x")]
    return [
        ("From", sender), ("To", OURS), ("Subject", subject), ("Message-ID", "<r1@example.com>"),
        *random.sample(more, random.randrange(len(more) + 1)),
    ]  # fmt: skip


def mailer(random: Random, subject: str) -> Fields:
    """The header of a mail system's notice."""
    names = ["MAILER-DAEMON@mx.example.net", "Mail Delivery System <mailer-daemon@mx.example.net>"]
    names += ["postmaster@mx.example.net", "Mail Delivery Subsystem <MAILER-DAEMON@example.net>"]
    return [*envelope(random, subject, random.choice(names)), ("Return-Path", "<>")]


def fields_part(random: Random, kind: str, message: Fields, group: Fields) -> bytes:
    """The fields of a report, in any order and any case."""
    body = b"\n".join(filter(None, (head_of(random, message), head_of(random, group))))
    return f"Content-Type: {random.choice([kind, kind.title()])}\n\n".encode() + body


def returned(random: Random) -> list[bytes]:
    """The returned message, its header, or nothing of it."""
    head = head_of(random, [("From", NEWS), ("To", TO), ("Subject", "June"), ("Message-ID", "<n-77@sender.example>")])
    kind = random.choice(["message/rfc822", "text/rfc822-headers", "message/global-headers", ""])
    return [f"Content-Type: {kind}\n\n".encode() + head + b"\n"] if kind else []


DISPOSITIONS = {
    "displayed": ("engagement", "opened"),
    "deleted": ("delivered", "delivered"),
    "processed": ("delivered", "delivered"),
    "dispatched": ("delivered", "delivered"),
    "denied": ("none", ""),
    "failed": ("none", ""),
}


def disposition(random: Random) -> tuple[bytes, Told]:
    """A disposition notification (RFC 8098)."""
    kind, meaning = random.choice(list(DISPOSITIONS.items()))
    mode = random.choice(["manual-action", "automatic-action", "Manual-Action"])
    sent = random.choice(["MDN-sent-manually", "MDN-sent-automatically", "mdn-sent-manually"])
    written = random.choice([kind, kind, kind.capitalize(), kind.upper()]) + random.choice(["", "", "/error", "/x-a,b"])
    said = f"{mode}/{sent};{random.choice(['', ' ', '  '])}{written}"
    names = [("Final-Recipient", random.choice(NAMES).format(TO))]
    if random.random() < 0.5:
        names = [
            ("Original-Recipient", random.choice(NAMES).format(TO)),
            ("Final-Recipient", "rfc822; ada.private@example.net"),
        ]
    group = [("Disposition", said), *names, ("Original-Message-ID", "<n-77@sender.example>"), ("Reporting-UA", "x; y")]
    text = random.choice(DATA["receipts"]["texts"]).format(to=TO)
    parts = [
        part_of(random, "text/plain", text),
        fields_part(random, "message/disposition-notification", [], group),
        *returned(random),
    ]
    head = envelope(random, random.choice(DATA["receipts"]["subjects"]), random.choice([TO, f"Ada <{TO}>"]))
    octets = mail_of(random, head, parts, "multipart/report; report-type=disposition-notification")
    return octets, (*meaning, TO, False)


def delay(random: Random) -> tuple[bytes, Told]:
    """A notice that delivery goes on, in words or in fields, with whatever a server said meanwhile."""
    subject, text = random.choice(list(DATA["delays"].items()))
    words = random.choice(WORDS["userunknown"] + WORDS["hostunknown"]).format(to=f"<{TO}>")
    said = f"{random.choice(['550', '550 5.1.1', '450', '450 4.1.1', ''])} {words}".strip()
    text = f"{text.format(to=TO)}\n\n<{TO}>: host mx.example.com said: {said}\n"
    if random.random() < 0.5:
        return mail_of(random, mailer(random, subject), [part_of(random, "text/plain", text)]), ("", False)
    action = random.choice(["delayed", "Delayed", "delayed (will be retried)", "delayed; x"])
    group = [("Final-Recipient", random.choice(NAMES).format(TO)), ("Action", action)]
    group += [("Status", random.choice(["4.4.1", "4.1.1", "5.1.1", "4.0.0"])), ("Diagnostic-Code", "smtp; 550 no user")]
    parts = [
        part_of(random, "text/plain", text),
        fields_part(random, "message/delivery-status", [("Reporting-MTA", "dns; mx.example.net")], group),
        *returned(random),
    ]
    return mail_of(random, mailer(random, subject), parts, "multipart/report"), ("", False)


def relay(random: Random) -> tuple[bytes, Told]:
    """A report that a message went on."""
    action = random.choice(["delivered", "relayed", "expanded"])
    group = [("Final-Recipient", random.choice(NAMES).format(TO)), ("Action", random.choice([action, action.title()]))]
    group += random.choice(
        [[], [("Status", "2.0.0")], [("Status", "2.1.5"), ("Diagnostic-Code", "smtp; 250 2.1.5 ok")]]
    )
    text = random.choice(
        ["Your message was successfully delivered.", "Ihre Nachricht wurde weitergeleitet.", "Le message a été remis."]
    )
    parts = [
        part_of(random, random.choice(["text/plain", "text/html"]), text),
        fields_part(random, "message/delivery-status", [("Reporting-MTA", "dns; mx.example.net")], group),
        *returned(random),
    ]
    subject = random.choice(["Successful Mail Delivery Report", "Relayed: June", "Zugestellt: Juni", "送信済み"])
    return mail_of(random, mailer(random, subject), parts, "multipart/report"), ("delivered", "delivered", TO, False)


MARKS = [
    ("Auto-Submitted", "auto-replied"), ("Auto-Submitted", "auto-generated (vacation)"), ("X-Autoreply", "yes"),
    ("Precedence", "auto_reply"), ("X-Auto-Response-Suppress", "OOF, AutoReply"), ("X-Autorespond", "June"),
]  # fmt: skip


def answer(random: Random) -> tuple[bytes, Told]:
    """An automatic answer: of a mailbox that was given up, or of somebody who comes back."""
    answers = DATA["answers"]
    kind = random.choice(["given-up", "away"])
    around = [random.choice(answers[name]) for name in ("before", "after", "quoted")]
    text = f"{around[0]}{random.choice(answers[kind])}{around[1]}{around[2]}"
    head = [*envelope(random, random.choice(answers["subjects"]), f"Ada <{TO}>"), random.choice(MARKS)]
    rich = random.random() < 0.3
    body = f"<html><body><p>{text.replace('>', '&gt;').replace(chr(10), '<br>')}</p></body></html>" if rich else text
    parts = [part_of(random, "text/html" if rich else "text/plain", body)]
    meaning = ("bounce", "bounce", "suspend") if kind == "given-up" else ("none", "", "vacation")
    return mail_of(random, head, parts), (*meaning, TO, False)


def told(outcome: Outcome, wanted: Told) -> Told:
    """What is wanted, as it was found."""
    if len(wanted) == 2:
        return "", outcome.hard
    if len(wanted) == 5:
        return outcome.kind, outcome.event, outcome.reason, outcome.recipient, outcome.hard
    return outcome.kind, outcome.event, outcome.recipient, outcome.hard


NO_BOUNCES = {"dispositions": disposition, "delays": delay, "relays": relay, "automatic answers": answer}


@pytest.mark.parametrize("name", NO_BOUNCES)
def test_what_is_no_bounce_stays_none(name: str) -> None:
    """Kind 5: what became of it, of whom; nobody is marked for good."""
    random, lost = Random(SEED), []
    for _ in range(MUTANTS):
        octets, wanted = NO_BOUNCES[name](random)
        found = [told(outcome, wanted) for outcome in parse(octets)]
        if any(each != wanted for each in found):
            lost.append(f"{wanted} is {found}: {octets.decode('utf-8', 'replace')[:1500]!r}")
        assert not any(outcome.hard for outcome in parse(octets)), octets
    assert share_kept(f"5 {name}", MUTANTS, lost) >= SHARE, lost


AROUND = ["{}", "<{}>", "({})", "[{}]", '"{}"', "「{}」", "【{}】", "<mailto:{}>"]
COLONS = [": ", "：", " : ", ":", ":\t", " "]


def labelled(random: Random) -> tuple[bytes, str]:
    """A notice whose label alone names who is meant, in any order, beside our own address."""
    language = random.choice(list(DATA["labels"].values()))
    label = random.choice(language["recipients"]) + random.choice(COLONS)
    lines = [f"{label}{random.choice(AROUND).format(TO)}", random.choice(language["reasons"])]
    if random.random() < 0.5:
        lines.append(f"{random.choice(language['senders'])}: {random.choice(['{}', '<{}>']).format(NEWS)}")
    random.shuffle(lines)
    text = "\n".join([random.choice(language["failures"]), random.choice(["", "------"]), *lines])
    if random.random() < 0.3:
        told_to = random.choice([TO, "friends@list.example"])
        text += f"\n\n-----Original Message-----\nFrom: <{NEWS}>\nTo: <{told_to}>\nSubject: June\n"
    head = mailer(random, random.choice(language["subjects"]))
    parts = [part_of(random, "text/plain", text)]
    if random.random() < 0.3:
        head_lines = head_of(random, [("From", NEWS), ("Subject", "June"), ("Message-ID", "<n-77@sender.example>")])
        parts.append(b"Content-Type: text/rfc822-headers\n\n" + head_lines)
    return mail_of(random, head, parts, "multipart/report"), TO


def reported(random: Random) -> tuple[bytes, str]:
    """A report whose fields name who is meant, and where that led to."""
    final = random.choice([TO, "ada.private@example.net", '"|/usr/bin/vacation"', "/var/mail/ada", "Ada@EXAMPLE.com"])
    names = [("Final-Recipient", random.choice(NAMES).format(final))]
    if final != TO or random.random() < 0.5:
        names.append(("Original-Recipient", random.choice(NAMES).format(TO)))
    group = [*names, ("Action", random.choice(["failed", "Failed"])), ("Status", "5.1.1")]
    group += random.choice([[], [("Diagnostic-Code", f"smtp; 550 5.1.1 <{OURS}> may not write: User unknown")]])
    group += random.choice([[], [("X-Display-Name", "Ada"), ("Remote-MTA", "dns; mx.example.com")]])
    language = random.choice(list(DATA["labels"].values()))
    parts = [
        part_of(random, "text/plain", random.choice(language["failures"])),
        fields_part(random, "message/delivery-status", [("Reporting-MTA", "dns; mx.example.net")], group),
        *returned(random),
    ]
    return mail_of(random, mailer(random, random.choice(language["subjects"])), parts, "multipart/report"), TO


MEANT = {"labels": labelled, "fields": reported}


@pytest.mark.parametrize("name", MEANT)
def test_who_is_meant_stays_the_same(name: str) -> None:
    """Kind 6: the one who was mailed; never one of ours."""
    random, lost = Random(SEED), []
    for _ in range(MUTANTS):
        octets, wanted = MEANT[name](random)
        found = [(outcome.kind, outcome.recipient) for outcome in parse(octets)]
        if [(kind, who.lower()) for kind, who in found] != [("bounce", wanted)]:
            lost.append(f"{found}: {octets.decode('utf-8', 'replace')[:1500]!r}")
        assert not {OURS, NEWS} & {who for _, who in found}, octets
    assert share_kept(f"6 {name}", MUTANTS, lost) >= SHARE, lost


LOCALS = ["дора", "用户", "مثال", "δοκιμή", "josé", "müller", "😀", "दुनिया", "ゆうざ", "홍길동", "дора+a=b", "ada"]
DOMAINS = ["xn--e1afmkfd.example", "пример.example", "例子.example", "bücher.example", "example.com"]


def spelled(random: Random, address: str) -> str:
    """An address as RFC 6533 3 lets it be written: as it is, or its characters by their number."""
    way, digits = random.choice(["as it is", "xtext", "mixed"]), random.choice(["{:X}", "{:x}", "{:04X}", "{:05x}"])
    odd = "+=" if random.random() < 0.5 else ""
    written = [
        f"\\x{{{digits.format(ord(character))}}}"
        if (not character.isascii() or character in odd)
        and (way == "xtext" or (way == "mixed" and random.random() < 0.5))
        else character
        for character in address
    ]
    return "".join(written)


def internationalised(random: Random) -> tuple[bytes, Told]:
    """A report of an internationalised address (RFC 6533)."""
    address = f"{random.choice(LOCALS)}@{random.choice(DOMAINS)}"
    typed = random.choice(["utf-8; ", "utf-8;", "UTF-8; ", "Utf-8;", "rfc822; ", ""])
    names = [(name, typed + spelled(random, address)) for name in ("Final-Recipient", "Original-Recipient")]
    group = [*names[: random.choice([1, 2])], ("Action", "failed"), ("Status", "5.1.1")]
    group.append(
        ("Diagnostic-Code", random.choice(["smtp; 550 5.1.1 User unknown", "smtp; 550 Пользователь не найден"]))
    )
    lines = [f"{random.choice([name, name.lower()])}: {value}" for name, value in random.sample(group, len(group))]
    kind = random.choice(["delivery-status", "global-delivery-status", "Global-Delivery-Status"])
    fields = part_of(random, f"message/{kind}", "\n".join([MTA, "", *lines, ""]), "utf-8")
    original = random.choice(["message/global-headers", "message/global", "text/rfc822-headers", "message/rfc822"])
    back = f"From: {NEWS}\nTo: {address}\nSubject: Июнь\nX-Sidestep-Intent: n-77\n\n".encode()
    parts = [
        part_of(random, "text/plain", random.choice(DATA["labels"][random.choice(["en", "ru", "zh"])]["failures"])),
        fields,
        f"Content-Type: {original}\n\n".encode() + back,
    ]
    octets = mail_of(random, mailer(random, "Undeliverable: June"), parts, "multipart/report")
    return octets, (address, "userunknown", True, "n-77")


def test_internationalised_reports_say_the_same_in_every_spelling() -> None:
    """Kind 7: recipient, reason, `hard` and our message."""
    random, lost = Random(SEED), []
    for _ in range(MUTANTS):
        octets, wanted = internationalised(random)
        found = [(each.recipient, each.reason, each.hard, each.intent_id) for each in parse(octets)]
        if found != [wanted]:
            lost.append(f"{wanted} is {found}: {octets.decode('utf-8', 'replace')[:1500]!r}")
    assert share_kept("7 internationalised reports", MUTANTS, lost) >= SHARE, lost
