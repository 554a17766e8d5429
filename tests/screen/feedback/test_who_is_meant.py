"""Who a bounce is about: the address that was mailed, in any language and any script, and never one of ours."""

import base64
import quopri
import time

import pytest

from sidestep.schemas import Bounce
from sidestep.schemas.codec import ContractError
from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import parse
from sidestep.streams.screen.intake import read_feedback, read_forms

OURS = "bounces@sender.example.com"
ADA = "ada@example.com"


def mail(subject: str, *parts: str | bytes, to: str = OURS, more: str = "") -> bytes:
    """A report of several parts, each with its header."""
    head = f"From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\nTo: {to}\nSubject: {subject}\n{more}"
    head += 'MIME-Version: 1.0\nContent-Type: multipart/report; boundary="B"\n\n'
    octets = [part if isinstance(part, bytes) else part.encode() for part in parts]
    return head.encode() + b"".join(b"--B\n" + part + b"\n" for part in octets) + b"--B--\n"


def text(body: str, charset: str = "utf-8") -> bytes:
    """A notice for people, in a character set, not encoded any further."""
    codec = {"windows-31j": "cp932", "ks_c_5601-1987": "cp949", "x-gbk": "gbk"}.get(charset, charset)
    return f"Content-Type: text/plain; charset={charset}\n\n".encode() + body.encode(codec)


def status(*fields: str, kind: str = "delivery-status") -> str:
    """The fields of one recipient."""
    return "\n".join([f"Content-Type: message/{kind}\n\nReporting-MTA: dns; mx.example.net\n", *fields, ""])


def original(*fields: str, kind: str = "text/rfc822-headers") -> str:
    """The header of the returned message."""
    return "\n".join([f"Content-Type: {kind}\n", "From: news@sender.example.com", *fields, ""])


def only(octets: bytes) -> Outcome:
    """The one outcome."""
    (outcome,) = parse(octets)
    return outcome


FAILED = ("Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 User unknown")
SORRY = text("Your message could not be delivered.")


# subject, notice, its character set
LANGUAGES = {
    "Chinese, GBK": ("系统退信", "抱歉，您的邮件被退回来了。\n收件人：{}\n退信原因：550 No such user here", "gbk"),
    "Chinese, GB 2312": ("退信通知", "邮件无法投递\n收件地址 {}\n原因 550 5.1.1 user unknown", "gb2312"),
    "Chinese, traditional, Big5": ("退信", "郵件無法投遞, undeliverable\n收件者: {}\n550 user unknown", "big5"),
    "Chinese, in brackets": ("退信", "无法投递\n【收件人】{}，550 user unknown", "x-gbk"),
    "Chinese, in brackets of full width": ("退信", "无法投递\n收件人邮件地址（{}）不存在", "gb18030"),
    "Japanese, Shift-JIS": ("配信エラー", "配信できませんでした。\n宛先：{}\n理由：550 User unknown", "shift_jis"),
    "Japanese, Windows": (
        "送信エラー",
        "メールを届けることができません\n受信者アドレス: {}\n550 User unknown",
        "windows-31j",
    ),
    "Japanese, ISO-2022": ("配信不能", "次の宛先に送信できません\n送信先 {}\n550 User unknown", "iso-2022-jp"),
    "Russian, KOI8": (
        "Письмо не доставлено",
        "Письмо не может быть доставлено\nПолучатель: {}\n550 User unknown",
        "koi8-r",
    ),
    "Russian, Windows": ("Недоставленное сообщение", "не доставлено\nАдрес получателя {}\n550 unknown", "windows-1251"),
    "German": (
        "Unzustellbar: Juni",
        "Die Nachricht konnte nicht zugestellt werden\nEmpfänger: {}\n550 unknown",
        "iso-8859-1",
    ),
    "French": (
        "Échec de la remise",
        "Le message n'a pas pu être remis\nDestinataire : {}\n550 User unknown",
        "iso-8859-15",
    ),
    "Spanish": (
        "No entregado",
        "No se pudo entregar\nDirección del destinatario: {}\n550 User unknown",
        "windows-1252",
    ),
    "Portuguese": ("Mensagem devolvida", "Não foi possível entregar\nDestinatário: {}\n550 User unknown", "utf-8"),
    "Italian": ("Mancata consegna", "Impossibile recapitare il messaggio\nDestinatario: {}\n550 User unknown", "utf-8"),
    "Korean": (
        "메일 전송 실패",
        "메일을 배달하지 못했습니다. 전달되지\n받는 사람: {}\n550 User unknown",
        "ks_c_5601-1987",
    ),
    "Korean, EUC": ("반송", "전송하지 못했습니다\n수신자 {}\n550 User unknown", "euc-kr"),
    "Polish": (
        "Zwrot wiadomości",
        "Wiadomość nie mogła zostać dostarczona\nOdbiorca: {}\n550 User unknown",
        "iso-8859-2",
    ),
    "Turkish, of which no label is known": (
        "İleti geri döndü: returned mail",
        "{} adresine gitmedi: 550 User unknown",
        "iso-8859-9",
    ),
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_label_names_the_recipient_in(name: str) -> None:
    """No fields, no returned message: the words and their character set are all there is."""
    subject, notice, charset = LANGUAGES[name]
    outcome = only(mail(subject, text(notice.format(ADA), charset)))
    assert ("bounce", ADA) == (outcome.kind, outcome.recipient)


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_senders_label_names_nobody_in(name: str) -> None:
    """Our address stands beside it, in front or behind."""
    subject, notice, charset = LANGUAGES[name]
    quoted = "From: {0}\n" + notice.format(ADA).replace("{", "{{") + "\nMAIL FROM:<{0}>\n<{0}>: x"
    outcome = only(mail(subject, text(quoted.format(OURS), charset)))
    assert ("bounce", ADA) == (outcome.kind, outcome.recipient)


QUOTES = {
    "in brackets": f"<{ADA}>: host mx said: 550 5.7.1\n    <{OURS}>: Sender address rejected",
    "with an id behind a plus": f"<{ADA}>: host mx said: 550 5.1.1\n    <bounces+n-77@sender.example.com>: no",
    "alone in a line": f"<{ADA}>:\n550 5.7.1 refused for\n{OURS}\nbecause of policy",
    "in front": f"{OURS}\n\nThe following address failed:\n\n<{ADA}>: 550 5.7.1 no",
    "in a transcript": f"<{ADA}>\n550 5.7.1 no\n>>> MAIL FROM:<{OURS}>\n<<< 550 <{OURS}>: not welcome",
    "from whom": f"Message from <{OURS}>\n<{ADA}>: 550 no such user",
    "capitals": f"<{ADA}>: 550 5.7.1\n  <{OURS.upper()}>: Sender refused",
    "with a colon": f"<{ADA}>: host mx said: 550\n  {OURS}: sender verify failed",
    "our sender, not where bounces go": f"<{ADA}>: host mx said: 550\n  <news@sender.example.com>: Sender refused",
    "recipient is a label": f"Recipient: {ADA}\nReason: 550\nUser: {OURS} is not allowed to send",
}


@pytest.mark.parametrize("name", QUOTES)
def test_our_own_address_in_a_reply_is_no_recipient(name: str) -> None:
    """Whatever a server quotes: we did not mail ourselves."""
    notice = text("Your message could not be delivered.\n\n" + QUOTES[name])
    assert ADA == only(mail("Undelivered Mail Returned to Sender", notice, original("Subject: June"))).recipient


def test_who_mails_himself_is_meant() -> None:
    """Where nobody else is named, the address that the report went to is it."""
    notice = text(f"Your message could not be delivered.\n\n<{OURS}>: 550 5.1.1 user unknown")
    assert OURS == only(mail("Undelivered Mail Returned to Sender", notice)).recipient


FORWARDS = {
    "an alias": (f"Original-Recipient: rfc822;{ADA}", "Final-Recipient: rfc822; ada.private@example.net"),
    "in the other order": ("Final-Recipient: rfc822; ada.private@example.net", f"Original-Recipient: rfc822; {ADA}"),
    "in brackets": (f"Original-Recipient: rfc822; <{ADA}>", "Final-Recipient: rfc822; <ada.private@example.net>"),
    "without a type": (f"Original-Recipient: {ADA}", "Final-Recipient: ada.private@example.net"),
    "of a program": (f"Original-Recipient: rfc822;{ADA}", 'Final-Recipient: rfc822; "|/usr/bin/vacation"'),
    "of a file": (f"Original-Recipient: rfc822;{ADA}", "Final-Recipient: rfc822; /var/mail/ada@example.com"),
    "of X.400": (f"Original-Recipient: rfc822;{ADA}", "Final-Recipient: x400; /c=de/admd= /prmd=example/s=ada/"),
    "of capitals": (f"Original-Recipient: RFC822;{ADA}", "Final-Recipient: RFC822;Ada.Private@EXAMPLE.net"),
    "folded": (f"Original-Recipient: rfc822;\n {ADA}", "Final-Recipient: rfc822;\n ada.private@example.net"),
    "of an internationalised one": (f"Original-Recipient: rfc822;{ADA}", "Final-Recipient: utf-8;дора@пример.example"),
}


@pytest.mark.parametrize("name", FORWARDS)
def test_the_address_that_was_mailed_is_marked(name: str) -> None:
    """RFC 3464 2.3.1: the one that it led to is nobody whom we know."""
    outcome = only(mail("Undelivered", SORRY, status(*FORWARDS[name], *FAILED)))
    assert (ADA, "userunknown") == (outcome.recipient, outcome.reason)


def test_the_address_that_it_led_to_is_kept_beside() -> None:
    """For whoever looks into the report; the same address is not told twice."""
    (forwarded,) = parse(mail("Undelivered", SORRY, status(*FORWARDS["an alias"], *FAILED)))
    assert "ada.private@example.net" == forwarded.final_recipient
    same = status(f"Original-Recipient: rfc822;{ADA}", f"Final-Recipient: rfc822;{ADA.upper()}", *FAILED)
    assert "" == only(mail("Undelivered", SORRY, same)).final_recipient


def test_an_alias_that_still_reaches_somebody_is_not_gone() -> None:
    """Two people behind one address, of whom one has left: the message came to the other."""
    left = (f"Original-Recipient: rfc822;{ADA}", "Final-Recipient: rfc822;left@example.net", *FAILED)
    here = (f"Original-Recipient: rfc822;{ADA}", "Final-Recipient: rfc822;here@example.net", "Action: relayed")
    failed, _ = parse(mail("Undelivered", SORRY, status(*left, "", *here)))
    assert (ADA, "userunknown", False) == (failed.recipient, failed.reason, failed.hard)


def test_what_exchange_has_wrapped_up_was_mailed_by_nobody() -> None:
    """The address of a kind of its own in an address of ours."""
    fields = "Original-Recipient: rfc822;IMCEAEX-_O=EX_CN=ADA@example.com", f"Final-Recipient: rfc822;{ADA}"
    assert ADA == only(mail("Undelivered", SORRY, status(*fields, *FAILED))).recipient


OBRIEN = "o'brien@example.com"


@pytest.mark.parametrize(
    "part",
    [
        status(f"Final-Recipient: rfc822; {OBRIEN}", *FAILED),
        status(f"Final-Recipient: rfc822; '{OBRIEN}'", *FAILED),
        text(f"Your message could not be delivered.\n\n<{OBRIEN}>: 550 5.1.1 user unknown"),
        text(f"Your message could not be delivered.\n\n{OBRIEN}\n550 5.1.1 user unknown"),
        text(f"Your message could not be delivered.\n\nRecipient: {OBRIEN}\n550 5.1.1 user unknown"),
    ],
)
def test_an_apostrophe_is_part_of_an_address(part: str | bytes) -> None:
    """And brien@example.com somebody else."""
    assert OBRIEN == only(mail("Undelivered Mail", part)).recipient


def test_of_an_address_that_is_not_understood_no_part_is_taken() -> None:
    """Rather nobody."""
    notice = text(f"Your message could not be delivered: {OBRIEN} or d'{ADA} has no mailbox here, 550 user unknown")
    assert "" == only(mail("Undelivered Mail", notice)).recipient


def test_octets_of_a_character_set_that_is_not_told_hide_no_address() -> None:
    """The label can't be read, the address is ASCII."""
    octets = b"Content-Type: text/plain\n\n" + f"邮件退回 undeliverable\n收件人：{ADA}\n550 user unknown".encode("gbk")
    assert ADA == only(mail("Undelivered Mail", octets)).recipient


def test_the_octets_of_orcpt_are_no_other_address() -> None:
    """RFC 3461 4: some report xtext as it came, `+2B` for a plus."""
    fields = "Original-Recipient: rfc822;ada+2Bnews@example.com", "Final-Recipient: rfc822;ada+news@example.com"
    assert "ada+news@example.com" == only(mail("Undelivered", SORRY, status(*fields, *FAILED))).recipient


@pytest.mark.parametrize(
    "address",
    ["bounces+n-77=ada=example.com@sender.example.com", f"bounce-{'0' * 30}=ada=example.com@sender.example.com"],
)
def test_an_address_of_ours_that_holds_the_recipient_tells_it(address: str) -> None:
    """VERP: a report in words that nobody understands came to it."""
    octets = mail("Mail delivery failed", text("Delivery failed. User unknown."), to=address)
    assert ADA == only(octets).recipient


@pytest.mark.parametrize(
    "notice", ["550 5.1.1 User unknown", f"<{OURS}> wrote to somebody. a@x.example and b@x.example can help."]
)
def test_a_bounce_of_nobody_is_a_dead_letter(notice: str) -> None:
    """With that reason, instead of away in silence."""
    octets = mail("Undelivered Mail", text("Your message could not be delivered: " + notice))
    assert ["bounce"] == [outcome.kind for outcome in parse(octets)]
    with pytest.raises(ContractError, match="does not say whose") as caught:
        read_feedback(octets, Bounce, "message/rfc822", time.time())
    assert "no-recipient" == caught.value.code


def test_one_of_nobody_beside_others_is_counted() -> None:
    """What can be read counts."""
    both = status(f"Final-Recipient: rfc822;{ADA}", *FAILED, "", "Final-Recipient: rfc822; somebody", *FAILED)
    found = read_forms(mail("Undelivered", SORRY, both), Bounce, "message/rfc822", time.time())
    assert [ADA] == [event.recipient for event in found.events]
    assert ["bounce", "no-recipient"] == [event for _, event, _ in found.forms]


DORA = "дора@пример.example"
UNICODE = {
    "xtext": (r"utf-8; \x{434}\x{43E}\x{440}\x{430}@\x{43F}\x{440}\x{438}\x{43C}\x{435}\x{440}.example", DORA),
    "xtext in small letters": (r"UTF-8;\x{434}\x{43e}\x{440}\x{430}@xn--e1afmkfd.example", "дора@xn--e1afmkfd.example"),
    "unitext": (f"utf-8; {DORA}", DORA),
    "no type": (r"\x{434}\x{43E}\x{440}\x{430}@xn--e1afmkfd.example", "дора@xn--e1afmkfd.example"),
    "a wrong type": (r"rfc822; \x{434}\x{43E}\x{440}\x{430}@xn--e1afmkfd.example", "дора@xn--e1afmkfd.example"),
    "a plus and an equals sign": (r"utf-8; дора\x{2B}a\x{3D}b@xn--e1afmkfd.example", "дора+a=b@xn--e1afmkfd.example"),
    "beyond the BMP": (r"utf-8; \x{1F600}@xn--e1afmkfd.example", "\U0001f600@xn--e1afmkfd.example"),
    "Chinese": (r"utf-8; \x{7528}\x{6237}@\x{4F8B}\x{5B50}.example", "用户@例子.example"),
    "Arabic": (r"utf-8; \x{645}\x{62B}\x{627}\x{644}@xn--mgbh0fb.example", "مثال@xn--mgbh0fb.example"),
    "ASCII": ("utf-8; ada@example.com", ADA),
}


@pytest.mark.parametrize("kind", ["delivery-status", "global-delivery-status"])
@pytest.mark.parametrize("name", UNICODE)
def test_an_internationalised_recipient_is_read(name: str, kind: str) -> None:
    """RFC 6533 3: as it is, or its characters by their number."""
    said, expected = UNICODE[name]
    outcome = only(mail("Undelivered", SORRY, status(f"Final-Recipient: {said}", *FAILED, kind=kind)))
    assert (expected, "userunknown", True) == (outcome.recipient, outcome.reason, outcome.hard)


@pytest.mark.parametrize("said", [r"\x{D800}@a.example", r"a\x{0A}b@a.example", r"\x{FFFFFF}@a.example"])
def test_what_is_no_character_stays_as_it_stands(said: str) -> None:
    """Half a surrogate pair, a line break, beyond Unicode."""
    assert "\\x{" in only(mail("Undelivered", SORRY, status(f"Final-Recipient: utf-8; {said}", *FAILED))).recipient


GLOBAL = ["message/global-headers", "message/global", "text/rfc822-headers", "Message/Global-Headers"]


@pytest.mark.parametrize("kind", GLOBAL)
def test_our_header_is_found_in_what_came_back(kind: str) -> None:
    """RFC 6533 4: by its types too, with raw UTF-8 in it."""
    returned = original("Subject: Июнь", f"To: {DORA}", "X-Sidestep-Intent: n-77", kind=kind)
    fields = status(f"Final-Recipient: utf-8;{DORA}", *FAILED, kind="global-delivery-status")
    assert "n-77" == only(mail("Undelivered", SORRY, fields, returned)).intent_id


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_global_parts_may_be_encoded(encoding: str) -> None:
    """RFC 6533 3: message/global-delivery-status is encoded where the way is 7-bit."""
    body = f"Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: utf-8; {DORA}\nAction: failed\n".encode()
    octets = base64.encodebytes(body) if encoding == "base64" else quopri.encodestring(body)
    part = f"Content-Type: message/global-delivery-status\nContent-Transfer-Encoding: {encoding}\n\n".encode() + octets
    assert DORA == only(mail("Undelivered", SORRY, part)).recipient
