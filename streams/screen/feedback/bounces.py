"""Bounces: from a message to diagnostics, by the fields of a DSN, or else by the notice for people. Pure."""

import re
from collections.abc import Iterator

from sidestep.streams.screen.feedback import report, texts
from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.mime import ORIGINALS, Headers, Message, read_headers
from sidestep.streams.screen.feedback.phrases import TEXT_MAX
from sidestep.streams.screen.feedback.smtp import (
    find_command,
    find_host,
    find_reply,
    find_status,
    more_telling,
    sent_command,
)
from sidestep.streams.screen.feedback.words import WORDS_MAX, Allowance, even_part

STATUS_PARTS = (
    "message/delivery-status",
    "message/global-delivery-status",
    "message/xdelivery-status",
    "message/disposition-notification",
)
STATUS_PARTS_MAX = 3
"""Of these in a message; there is one, or who wrote it has made the first by mistake."""
_DSN_LINE = re.compile(r"(?im)^[ \t>]{0,8}(?:final|original)-recipient[ \t]{0,4}:")
_TO = re.compile(
    rf"(?im)^[ \t>]{{0,8}}(?:to|an|à|para|till|aan|宛先)[ \t]{{0,4}}[:：][^@\n]{{0,80}}?({texts.ADDRESS.pattern})"
)
"""Recipient of the returned message, as the notice quotes it."""
_REASON = re.compile(r"\(reason: (.{3,1000}?)\)(?: |$)")
"""Remote host as Sendmail quotes it; Sendmail's own words, such as `User unknown`, are a guess by the command."""
_WORD = re.compile(r"[^\W\d_]{3}")


OURS = ("to", "x-original-to", "delivered-to", "envelope-to")
"""Header fields of a report that name where it was sent: an address of ours."""
FEW, NOTICE_SHARED = 10, 20_000
"""Recipients with whom the notice goes along, and the characters of it that they share, or the messages of an mbox."""
SENDERS = ("from", "sender", "return-path", "reply-to", "errors-to")
"""Header fields of the returned message that name its sender: us."""


def notice_of(message: Message, left: Allowance) -> texts.Notice:
    """The notice of a message: its words for people. An address of ours that a reply quotes names nobody in it."""
    text = left.take_notice(human_text(message))
    notice = texts.read(text)
    ours = our_mailboxes(message, notice.original)
    if ours.isdisjoint(map(texts.mailbox_of, notice.said)):
        return notice
    return texts.read(text, ours)._replace(with_ours=notice.said)


def our_mailboxes(message: Message, rest: str) -> frozenset[str]:
    """Mailboxes that are ours: where the report was sent, and who sent the returned message."""
    original = original_headers(message, rest)
    values = [message.headers.get(name) for name in OURS] + [original.get(name) for name in SENDERS]
    return frozenset(texts.mailbox_of(name) for value in values for name in texts.ADDRESS.findall(value[:1000]))


def diagnostics(message: Message, notice: texts.Notice, left: Allowance) -> list[Diagnostic]:
    """A diagnostic for each recipient that the message reports on; [] if it is no report.

    The notice around it goes along with each of a few: of many it is about nobody in particular, and it would be read
    again for each of a hundred. Of words that are long for each of many, the beginnings count.
    """
    found = _diagnostics(message, notice)
    most = NOTICE_SHARED // max(len(found), left.pile) if 0 < len(found) <= FEW else 0
    words = left.take_words([min(len(diagnostic.text), TEXT_MAX) for diagnostic in found])
    for diagnostic in found:
        diagnostic.notice = diagnostic.notice[:most]
        diagnostic.text = diagnostic.text[:words]
    return found


def _diagnostics(message: Message, notice: texts.Notice) -> list[Diagnostic]:
    fields = _fields(message)
    if fields is not None:
        found = report.diagnostics(fields)
        most = even_part(len(diagnostic.text) for diagnostic in found)
        for diagnostic in found:
            diagnostic.text = diagnostic.text[:most]
        return [_completed(diagnostic, notice, message.headers, len(found) == 1) for diagnostic in _distinct(found)]
    if not is_report(message.headers, notice.text):
        return []
    reporter = domain_of(message.headers.get("from"))
    said = list(_said(message, notice))
    most = even_part(len(words) for _, words in said)
    notice = notice._replace(before=notice.before[: WORDS_MAX // max(len(said), 1)])
    delivered = _tells(message.headers, notice.text, texts.layouts().deliveries)
    pending = _tells(message.headers, notice.text, texts.layouts().delays)
    found = [_of_words(name, words[:most], notice, message.headers, reporter) for name, words in said]
    for diagnostic in found:
        diagnostic.action = "delivered" if delivered and not diagnostic.reply else ""
        diagnostic.pending = pending
    return found


def human_text(message: Message) -> str:
    """The text for people in front of the returned message; HTML only where there is nothing else."""
    plain, rich = [], []
    for part in message.parts:
        if part.type in ORIGINALS:
            break
        if part.type == "text/html":
            rich.append(part.text)
        elif part.type.startswith(("text/", "multipart/")):
            plain.append(part.text)
    return "\n".join(plain if any(text.strip() for text in plain) else rich)


def _fields(message: Message) -> report.Dsn | None:
    for part in [part for part in message.parts if part.type in STATUS_PARTS][:STATUS_PARTS_MAX]:
        found = report.parse(part.text)
        if found.recipients:
            return found
    human = human_text(message)
    if _DSN_LINE.search(human):
        found = report.parse(human)
        if found.recipients:
            return found
    return None


def _distinct(found: list[Diagnostic]) -> Iterator[Diagnostic]:
    seen = set()
    for diagnostic in found:
        key = (diagnostic.recipient.lower(), diagnostic.action, diagnostic.status, diagnostic.text)
        if key not in seen:
            seen.add(key)
            yield diagnostic


def _completed(diagnostic: Diagnostic, notice: texts.Notice, headers: Headers, alone: bool) -> Diagnostic:
    """The diagnostic, with what its fields leave out taken from the notice."""
    by_name = {name.lower(): words for name, words in notice.said.items()}
    own = by_name.get(diagnostic.recipient.lower()) or by_name.get(diagnostic.final.lower(), "")
    rest = own or (notice.text if alone else "")
    if not _WORD.search(diagnostic.text):
        diagnostic.text = f"{diagnostic.text} {rest}".strip()
    elif alone:
        diagnostic.text = _with_transcript(diagnostic.text, notice.text)
    diagnostic.reply = find_reply(diagnostic.text) or find_reply(own)
    diagnostic.status = more_telling(
        diagnostic.status, find_status(diagnostic.text) or find_status(own), diagnostic.reply
    )
    diagnostic.command = sent_command(rest) or find_command(diagnostic.text) or find_command(own) or find_command(rest)
    diagnostic.host = diagnostic.host or find_host(diagnostic.text) or find_host(own)
    diagnostic.pending = diagnostic.action == "delayed"
    diagnostic.notice = f"{diagnostic.notice} {_notice(headers, notice.text)}".strip()
    return diagnostic


def _with_transcript(said: str, notice: str) -> str:
    """Sendmail's field holds the last line of a reply; the transcript has all of it."""
    replies: list[str] = []
    for line in notice.split("\n"):
        if line.startswith(">>> ") and replies:
            break
        if line.startswith("<<< ") and not line.startswith("<<< 503"):  # out of sequence: it follows from the first
            replies.append(line[4:].strip())
    whole = " ".join(replies)
    return f"{whole} {said}" if len(whole) > len(said) else said


def _said(message: Message, notice: texts.Notice) -> Iterator[tuple[str, str]]:
    """Recipients and the words about each; failing that, those of the returned message, without words of their own.

    Where nobody else is named, we are: somebody mailed himself. VERP (`=`) is nobody's mailbox.
    """
    if notice.said:
        yield from notice.said.items()
        return
    names = texts.ADDRESS.findall(message.headers.get("x-failed-recipients"))
    names = names or original_recipients(message, notice.original)[:1] or _TO.findall(notice.text)[:1]
    only = texts.only_address(notice.text, our_mailboxes(message, notice.original))
    if names or only:
        yield from ((name, "") for name in dict.fromkeys(names or [only]))
        return
    himself = {name: words for name, words in notice.with_ours.items() if "=" not in name}
    yield from (himself or {"": ""}).items()


def original_recipients(message: Message, rest: str) -> list[str]:
    """Recipients of the returned message, from its header wherever it stands."""
    original = original_headers(message, rest)
    for field in ("x-hmxmroriginalrecipient", "x-rcpt-to", "x-original-to", "delivered-to", "to"):
        found = texts.ADDRESS.findall(original.get(field)[:4000])
        if found:
            return found
    return []


def original_headers(message: Message, rest: str = "") -> Headers:
    """Header of the returned message; empty where the message does not hold it."""
    for part in message.parts:
        if part.type in ORIGINALS:
            return read_headers(part.octets)
    lines = rest.split("\n")[1:]
    while lines and ":" not in lines[0]:
        lines = lines[1:]
    return read_headers("\n".join(lines).encode("utf-8", "replace"))


def _of_words(name: str, words: str, notice: texts.Notice, headers: Headers, reporter: str) -> Diagnostic:
    text = words
    if notice.said and not _WORD.search(words.replace(name, "")):
        text = f"{notice.before} {words}".strip()
    command = find_command(text)
    if reason := _REASON.search(text):
        text = _with_transcript(reason[1], notice.text if len(notice.said) == 1 else "")
    reply = find_reply(text)
    return Diagnostic(
        recipient=name,
        status=find_status(text, reply[:1]) or find_status(text),
        reply=reply,
        command=command,
        text=text,
        host=find_host(text) or find_host(words),
        reporter=reporter,
        notice=_notice(headers, notice.text),
    )


def _tells(headers: Headers, text: str, phrases: tuple[str, ...]) -> bool:
    """Whether one of these phrases stands in the subject or the words of a notice."""
    words = " ".join(f"{headers.get('subject')[:300]} {text[:6000]}".lower().split())
    return any(phrase in words for phrase in phrases)


def is_report(headers: Headers, text: str) -> bool:
    """Whether a message without report fields is a report: its sender, its subject and its words tell."""
    if headers.get("x-failed-recipients") or "delivery-status" in headers.get("content-type").lower():
        return True
    subject, words = (" ".join(said.lower().split()) for said in (headers.get("subject")[:300], text[:6000]))
    marks = (
        is_mailer(headers) or headers.get("return-path").strip() == "<>",
        any(word in subject for word in texts.layouts().subjects),
        any(word in words for word in texts.layouts().failures),
    )
    return sum(marks) >= 2


def is_mailer(headers: Headers) -> bool:
    """Whether a mail system wrote the message, not a person."""
    sender = headers.get("from")[:300].lower()
    return sender.strip() in ("", "<>") or any(name in sender for name in texts.layouts().senders)


def _notice(headers: Headers, text: str) -> str:
    marks = [f"x-spasign: {headers.get('x-spasign')}"] if headers.get("x-spasign") else []
    return " ".join([*marks, headers.get("subject")[:300], headers.get("from")[:200], text])


def domain_of(sender: str) -> str:
    """Domain of the first address in a header field, lower case."""
    match = texts.ADDRESS.search(sender[:1000])
    return match[0].rpartition("@")[2].lower().rstrip(".>") if match else ""
