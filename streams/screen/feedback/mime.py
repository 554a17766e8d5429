"""MIME messages, read leniently and within bounds: hostile input costs bounded time and never raises. Pure."""

import binascii
import codecs
import html
import re
from collections.abc import Iterator
from email.header import decode_header
from typing import NamedTuple

from sidestep.streams.screen.feedback.words import MESSAGES_MAX

OCTETS_MAX = 1_000_000
"""Octets of a message that are looked at: a report stands at its beginning."""
HEADER_OCTETS_MAX = 64_000
PARTS_MAX = 100
DEPTH_MAX = 8
TEXT_MAX = 120_000
"""Characters kept of one part."""
HTML_MAX = 60_000
"""Characters of HTML that are looked at in a message's first part of it, and half as many in each further one."""

_ENCODED_WORD = re.compile(r"=\?[^?\s]{1,40}\?[bBqQ]\?[^?]{0,2000}\?=")
_CHARSETS = re.compile(
    r"utf-?_?8|ascii|iso-?_?8859|cp?125|windows-125|koi8|iso-?2022|shift|sjis|euc|gb|hz|big5|ks_c|latin|cp949|cp932"
)
SUPERSETS = {
    "gb2312": "gb18030", "gb_2312-80": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "euc-cn": "gb18030",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "windows-31j": "cp932", "ms_kanji": "cp932",
    "ms932": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "uhc": "cp949",
    "windows-949": "cp949", "big5": "big5hkscs", "cp866": "cp866", "ibm866": "cp866",
}  # fmt: skip
"""Character sets by what their name stands for in mail: the larger one that mail programs write
(https://encoding.spec.whatwg.org/#names-and-labels)."""
_ADDRESS_SAFE = re.compile(r"<(?=[^\s<>@]{1,64}@[^\s<>]{1,255}>)([^<>]{3,320})>")
_MBOX = re.compile(rb"(?:\A|\n\n)(?=From [^\s]{1,300} {1,2}\w{3} \w{3} {1,2}\d{1,2} [\d:]{5,8} )")
_BREAK = re.compile(r"(?i)<(?:br|/p|/div|/tr|/td|/h\d|/li)[^<>]{0,200}>")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_UNSEEN = ("style", "script", "head")
ORIGINALS = (
    "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/rfc822-headers",
    "message/partial",
)  # fmt: skip
"""Types of the returned message or of its header alone (RFC 3462 2, RFC 6533 4)."""


class Headers:
    """Header fields of a message (RFC 5322 2.2) by lower-case name, unfolded, in the order they stand."""

    def __init__(self, fields: list[tuple[str, str]]):
        self.fields = fields

    def get(self, name: str) -> str:
        """The first header field of that name, encoded words decoded (RFC 2047); "" if there is none."""
        return next((decoded(value) for field, value in self.fields if field == name), "")

    def all(self, name: str) -> list[str]:
        """Every header field of that name as it stands."""
        return [value for field, value in self.fields if field == name]


class Part(NamedTuple):
    """A leaf of the MIME tree (RFC 2046). An embedded message is a leaf too: `octets` are its own, `text` is ""."""

    type: str
    parameters: str
    text: str
    octets: bytes


class Message(NamedTuple):
    """A message's header and its leaves in order."""

    headers: Headers
    parts: list[Part]


def read(octets: bytes) -> Message:
    """A message from its octets; whatever can't be read as one has an empty header and one text part."""
    octets = octets[:OCTETS_MAX].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    headers, body = _split(octets)
    parts: list[Part] = []
    _walk(headers, body, parts, 0)
    return Message(headers, parts)


def messages(octets: bytes, most: int | None = MESSAGES_MAX) -> list[bytes]:
    """The messages of an mbox, one more than `most` (None: all); anything else is one."""
    if not octets.startswith(b"From "):
        return [octets]
    found = _MBOX.split(octets.replace(b"\r\n", b"\n"), 0 if most is None else most + 1)
    return [message for message in found if message.strip()]


def read_headers(octets: bytes) -> Headers:
    """The header alone of a message or of a text/rfc822-headers part."""
    return _split(octets.lstrip(b"\n"))[0]


def _split(octets: bytes) -> tuple[Headers, bytes]:
    if octets.startswith((b"From ", b">From ")):  # the envelope line of an mbox
        octets = octets.partition(b"\n")[2]
    head, _, body = octets.partition(b"\n\n")
    return Headers(list(_fields(head[:HEADER_OCTETS_MAX]))), body


def _fields(head: bytes) -> Iterator[tuple[str, str]]:
    name = ""
    values: list[str] = []
    for line in head.decode("utf-8", "replace").split("\n"):
        if line[:1] in " \t" and name:
            values.append(line.strip())
            continue
        field, mark, value = line.partition(":")
        field = field.strip()
        if not mark or not field or " " in field:
            values.append(line.strip())  # a continued line that lost its blanks
            continue
        if name:
            yield name, " ".join(values)
        name, values = field.lower(), [value.strip()]
    if name:
        yield name, " ".join(values)


def _walk(headers: Headers, body: bytes, parts: list[Part], depth: int) -> None:
    if len(parts) >= PARTS_MAX:
        return
    content_type = next(iter(headers.all("content-type")), "text/plain")
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    boundary = parameter(parameters, "boundary")
    mark = b"\n--" + boundary.encode()
    if kind.startswith("multipart/") and boundary and depth < DEPTH_MAX and mark in b"\n" + body:
        for piece in (b"\n" + body).split(mark, PARTS_MAX)[1:]:
            if piece.startswith(b"--"):
                break
            _walk(*_split_part(piece), parts, depth + 1)
        return
    html_max = HTML_MAX >> sum(part.type == "text/html" for part in parts)
    parts.append(_leaf(kind, parameters, headers, body, html_max))


def _split_part(piece: bytes) -> tuple[Headers, bytes]:
    piece = piece.partition(b"\n")[2]
    return (Headers([]), piece[1:]) if piece.startswith(b"\n") else _split(piece)


def _leaf(kind: str, parameters: str, headers: Headers, body: bytes, html_max: int) -> Part:
    encoding = next(iter(headers.all("content-transfer-encoding")), "").strip().lower()
    body = _transfer_decoded(encoding, body)
    if kind in ORIGINALS:
        return Part(kind, parameters, "", body)
    if kind.startswith(("text/", "message/", "multipart/", "application/json")) or not kind:
        text = _charset_decoded(parameter(parameters, "charset"), body[: TEXT_MAX * 4])[:TEXT_MAX]
        return Part(
            kind or "text/plain", parameters, text_of_html(text[:html_max]) if kind == "text/html" else text, b""
        )
    return Part(kind, parameters, "", b"")


def parameter(parameters: str, name: str) -> str:
    """A parameter of a header field, without its quotes (RFC 2045 5.1); "" if it is not there."""
    for item in parameters[:4000].split(";"):
        key, _, value = item.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"').split('"')[0].strip() if '"' in value else (value.split() or [""])[0]
    return ""


def _transfer_decoded(encoding: str, body: bytes) -> bytes:
    try:
        if encoding == "base64":
            return binascii.a2b_base64(_whole_quads(body)).replace(b"\r\n", b"\n")
        if encoding == "quoted-printable":
            return binascii.a2b_qp(body)
    except (binascii.Error, ValueError):
        pass  # then it is read as it stands
    return body


def _whole_quads(body: bytes) -> bytes:
    digits = b"".join(body.split())
    return digits[: len(digits) - len(digits) % 4]


def _charset_decoded(charset: str, octets: bytes) -> str:
    charset = charset.lower().removeprefix("x-")
    if charset in SUPERSETS:
        return octets.decode(SUPERSETS[charset], "replace")
    if not _CHARSETS.match(charset):  # not every codec is one of text, and some are slow
        charset = "utf-8"
    try:
        return octets.decode(codecs.lookup(charset).name, "replace")
    except (LookupError, UnicodeError, ValueError):
        return octets.decode("utf-8", "replace")


def decoded(value: str) -> str:
    """A header field with its encoded words as text (RFC 2047)."""
    return _ENCODED_WORD.sub(_word, value[:4000]) if "=?" in value else value


def _word(match: re.Match[str]) -> str:
    try:
        ((octets, charset),) = decode_header(match[0])
        return octets if isinstance(octets, str) else _charset_decoded(charset or "", octets)
    except Exception:  # noqa: BLE001 - whatever the library does not like stays as it stands
        return match[0]


def _without(element: str, text: str) -> str:
    """The text without these elements and what is in them; one that is never closed stays."""
    lower, pieces, at = text.lower(), [], 0
    if len(lower) != len(text):
        return text  # some capitals fold into two letters
    while (start := lower.find(f"<{element}", at)) >= 0 and (end := lower.find(f"</{element}>", start)) >= 0:
        pieces.append(text[at:start])
        at = end + len(element) + 3
    return "".join([*pieces, text[at:]])


def text_of_html(text: str) -> str:
    """HTML as a reader would see it, a line a block; <a@b> written unescaped is no tag."""
    for element in _UNSEEN:
        text = _without(element, text)
    text = _ADDRESS_SAFE.sub(r"&lt;\1&gt;", text)
    text = _TAG.sub(" ", _BREAK.sub("\n", text))
    return html.unescape(text).replace("\xa0", " ")
