"""Local parts, before the at-sign: RFC 5321 4.1.2 (Local-part), RFC 5322 3.2.3 (atext), RFC 6531 3.3 (beyond ASCII)."""

import re
import unicodedata
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

from sidestep.streams.screen.address.characters import refused_character

LOCAL_MAX = 64  # octets, RFC 5321 4.5.3.1.1

_ATEXT = r"a-zA-Z0-9!#$%&'*+/=?^_`{|}~\-"
DOT_ATOM = re.compile(rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*\Z")  # RFC 5322 3.2.3; \Z: `$` would let a line break in
_DOT_ATOM_BEYOND_ASCII = re.compile(rf"[{_ATEXT}\x80-\U0010ffff]+(?:\.[{_ATEXT}\x80-\U0010ffff]+)*\Z")
_NOT_ATEXT = re.compile(rf"[^.{_ATEXT}\x80-\U0010ffff]")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


class LocalPart(NamedTuple):
    """A local part that was read, or `reason`."""

    text: str
    """The local part as an address has it: quoted only where it must be (RFC 5321 4.1.2), NFC (RFC 6532 3.1)."""
    content: str
    """The local part without quotes and backslashes."""
    reason: str = ""


def read_local(text: str) -> LocalPart:
    """The local part before an at-sign, whatever it holds, with its quotes."""
    if not text:
        return LocalPart("", "", "empty-local")  # RFC 5321 4.1.2
    if octets(text) > LOCAL_MAX:
        return LocalPart("", "", "local-too-long")
    quoted = text[0] == '"'
    reason = _quoted_reason(text) if quoted else _unquoted_reason(text)
    return LocalPart("", "", reason) if reason else _normal_form(text, quoted)


def closing_quote(text: str) -> int:
    """The index at which the quote that opens `text` ends, or -1 (RFC 5321 4.1.2, Quoted-string)."""
    escaped = False
    for position in range(1, len(text)):
        if not escaped and text[position] == '"':
            return position
        escaped = text[position] == "\\" and not escaped
    return -1


def octets(text: str) -> int:
    """The length of a text in UTF-8. Lone surrogates count, so that they get as far as the reason that is theirs."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _quoted_reason(text: str) -> str:
    end = closing_quote(text)
    if end < 0:
        return "unterminated-quote"
    if end != len(text) - 1:
        # RFC 5321 4.1.2: a local part is one dot-string or one quoted string. What is not seen is no text.
        return refused_character(text[end + 1 :]) or "text-after-quote"
    return "empty-local" if end == 1 else refused_character(text, spaces=True) or _pair_reason(text)


def _pair_reason(text: str) -> str:
    # RFC 6531 3.3 lets what is not ASCII into quoted strings (qtextSMTP), and not behind a backslash (quoted-pairSMTP)
    return "" if all(map(str.isascii, _QUOTED_PAIR.findall(text))) else "quoted-pair"


def _unquoted_reason(text: str) -> str:
    reason = refused_character(text)
    if reason:
        return reason
    if "(" in text or ")" in text:
        return "comment"  # RFC 5322 3.2.2: header syntax, not part of an SMTP mailbox (RFC 5321 4.1.2)
    if "@" in text:
        return "two-at-signs"
    if _NOT_ATEXT.search(text):
        return "unquoted-character"  # RFC 5322 3.2.3: specials stand in quotes or not at all
    return _dot_reason(text)


def _dot_reason(text: str) -> str:
    if text[0] == "." or text[-1] == ".":
        return "dot-at-edge"  # RFC 5322 3.2.3, as the next one
    return "two-dots" if ".." in text else ""


def _normal_form(text: str, quoted: bool) -> LocalPart:
    content = unicodedata.normalize("NFC", _QUOTED_PAIR.sub(r"\1", text[1:-1]) if quoted else text)
    written = content if _DOT_ATOM_BEYOND_ASCII.match(content) else _quote(content)
    if octets(written) > LOCAL_MAX:
        return LocalPart("", "", "local-too-long")  # NFC can make a text longer
    if not (text.isascii() or _sound(text)):
        return LocalPart("", "", "unsafe-character")
    return LocalPart(written, content)


def _quote(content: str) -> str:
    return '"' + content.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sound(text: str) -> bool:
    """Whether email-validator takes what is not ASCII: leading marks, what NFC turns into something else, …"""
    try:
        validate_email(f"{text}@example.com", check_deliverability=False, allow_smtputf8=True, allow_quoted_local=True)
    except EmailNotValidError:
        return False
    return True


def comparable_local(local: str) -> str:
    """A local part for comparison with names of functions and traps: lower-case, without "+" tag and separators.

    The same function is written no-reply, no_reply, noreply; a tag does not make it a person. But a letter and a dot
    are an initial: s.ales is Mr Ales.
    """
    bare = local.lower().partition("+")[0]
    if bare[1:2] == ".":
        return bare
    return bare.replace(".", "").replace("-", "").replace("_", "")  # three times as fast as translate
