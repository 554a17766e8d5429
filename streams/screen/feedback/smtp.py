"""Enhanced status codes, reply codes, commands and hosts in a mail server's words (RFC 3463, 5321). Pure."""

import re
import tomllib
from functools import cache
from importlib.resources import files

from sidestep.streams.screen.feedback.phrases import folded

TEXT_MAX = 8000

_STATUS = re.compile(r"(?<![\d.vV/])([245]\.[0-7]\.\d{1,3})(?![\d]|\.\d)")
_QUOTED = re.compile(r"\b[245][0-5]\d[- ][\"']([245]\.[0-7]\.\d{1,3})(?![\d]|\.\d)")
"""IronPort writes its own code first: `5.1.0 - Unknown address error 550-'5.7.1 Access denied'`."""
_SENT = re.compile(r"(?i)(?:^|\s)>>> (RCPT|DATA|MAIL|EHLO|HELO)\b")
_CAPITALS = re.compile(r"(?<![\w@.\-])(DATA|RCPT(?! TO: )|MAIL FROM(?!: )|EHLO|HELO)(?![\w@.\-])")
_COMMANDS = {"DATA": "DATA", "RCPT": "RCPT", "MAIL": "MAIL", "MAIL FROM": "MAIL", "EHLO": "EHLO", "HELO": "EHLO"}
_REPLY = re.compile(r"(?<![\w.\-/:])([245][0-5]\d)(?![\w./])(?!\s*(?:hours?|days?|minutes?|seconds?|[kmg]?bytes?)\b)")
_HOST = re.compile(
    r"(?i)\b(?:host|server|mail ?server|by|Giving up on|Connected to|while talking to)"
    r"[:\s]\s{0,5}<?([a-z0-9](?:[a-z0-9-]{0,62}\.){1,8}[a-z]{2,24})\b"
)


def find_status(text: str, first_digit: str = "") -> str:
    """The first enhanced status code, one that says more than x.0.0 or 4.4.7 if there is one; "" without any."""
    codes = [*_QUOTED.findall(text[:TEXT_MAX]), *_STATUS.findall(text[:TEXT_MAX])]
    found = [code for code in codes if code.startswith(first_digit)]
    telling = [code for code in found if not code.endswith(".0.0") and code != "4.4.7"]
    return next(iter(telling or found), "")


def find_reply(text: str, first_digit: str = "") -> str:
    """The first SMTP reply code (RFC 5321 4.2), permanent ones before temporary ones; "" without any."""
    found = [code for code in _REPLY.findall(text[:TEXT_MAX]) if code.startswith(first_digit) and code in REPLIES]
    return next((code for code in found if code[0] == "5"), next(iter(found), ""))


REPLIES = frozenset(
    [
        "211",
        "214",
        "220",
        "221",
        "235",
        "250",
        "251",
        "252",
        "401",
        "402",
        "403",
        "405",
        "406",
        "421",
        "422",
        "430",
        "431",
        "432",
        "441",
        "442",
        "450",
        "451",
        "452",
        "453",
        "454",
        "455",
        "458",
        "459",
        "471",
        "500",
        "501",
        "502",
        "503",
        "504",
        "511",
        "512",
        "513",
        "515",
        "516",
        "517",
        "521",
        "523",
        "524",
        "525",
        "530",
        "533",
        "534",
        "535",
        "538",
        "540",
        "541",
        "542",
        "543",
        "544",
        "546",
        "547",
        "550",
        "551",
        "552",
        "553",
        "554",
        "555",
        "556",
        "557",
    ]
)
"""Reply codes that servers use. Other three digits look like one and hardly ever are."""


_LOOSE = frozenset(f"{digit}.5.{detail}" for digit in "45" for detail in "1245")
"""Protocol errors: what the reporter made of a reply without a code of its own."""


def more_telling(stated: str, said: str, reply: str = "") -> str:
    """The status code that says more: the one in the report's Status field, or the one in the remote host's words."""
    if not stated or not said or stated == said:
        return stated or said
    if reply and stated[0] != said[0]:
        return stated if stated[0] == reply[0] else said
    if stated.endswith(".0.0") or stated in ("4.4.7", "4.7.0") or stated.startswith("5.3.") or stated in _LOOSE:
        return stated if said.endswith(".0.0") else said
    if ".0" in stated and ".0" not in said:
        return said
    if said.endswith(".0.0"):
        return stated
    if stated == "5.1.1":
        return stated if ".0" in said or said.startswith("5.5.") else said
    if stated == "5.1.3" and said.startswith("5.7."):
        return said
    return stated


def find_command(text: str) -> str:
    """The SMTP command that was refused: of a transcript the first, else the furthest that is named; "" if none is."""
    if not text:
        return ""
    sent = sent_command(text)
    if sent:
        return sent
    words = folded(text, TEXT_MAX)
    return next((name for phrase, name in _commands() if phrase in words), "") or _mentioned(text)


def sent_command(text: str) -> str:
    """The first SMTP command of a transcript; "" if there is none."""
    sent = _SENT.search(text[:TEXT_MAX]) if ">>> " in text else None
    return _COMMANDS[sent[1].upper()] if sent else ""


def _mentioned(text: str) -> str:
    """A command in capitals, as servers and MTAs write them."""
    names = {_COMMANDS[word] for word in _CAPITALS.findall(text[:TEXT_MAX])}
    return next((name for name in ("DATA", "RCPT", "MAIL", "EHLO") if name in names), "")


@cache
def _commands() -> tuple[tuple[str, str], ...]:
    """Words and the command that they name, in the order in which they count."""
    text = (files("sidestep.streams.screen.feedback") / "data" / "commands.toml").read_text("utf-8")
    return tuple((phrase, name) for name, phrases in tomllib.loads(text).items() for phrase in phrases)


def find_host(text: str) -> str:
    """The host that refused, lower case; "" if none is named."""
    match = _HOST.search(text[:4000])
    return match[1].lower().rstrip(".") if match else ""
