"""Mutations of what comes in: how often something may be lost, and how a mail may be written that says the same."""

import base64
import quopri
from collections.abc import Iterable
from random import Random

SEED, SHARE = 16, 0.95

CHARSETS = {
    "utf-8": "utf-8", "UTF-8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1", "iso-8859-15": "iso-8859-15",
    "windows-1252": "cp1252", "iso-8859-2": "iso-8859-2", "koi8-r": "koi8-r", "windows-1251": "cp1251",
    "gb2312": "gb2312", "GBK": "gbk", "gb18030": "gb18030", "big5": "big5hkscs", "shift_jis": "shift_jis",
    "iso-2022-jp": "iso-2022-jp", "euc-jp": "euc-jp", "euc-kr": "euc-kr", "ks_c_5601-1987": "cp949",
}  # fmt: skip
"""Character sets as mail names them, and Python's codecs."""

Fields = list[tuple[str, str]]


def share_kept(kind: str, asked: int, lost: list[str]) -> float:
    """The share of mutants that kept their meaning; printed, with what is lost."""
    share = 1 - len(lost) / asked
    print(f"\n{kind}: {share:.1%} of {asked}", *lost[:40], sep="\n")
    return share


def charset_of(random: Random, text: str) -> str:
    """One of the character sets that hold a text."""
    return random.choice([name for name, codec in CHARSETS.items() if _holds(codec, text)])


def _holds(codec: str, text: str) -> bool:
    try:
        return text.encode(codec).decode(codec) == text
    except UnicodeError:
        return False


def part_of(random: Random, kind: str, text: str, charset: str = "") -> bytes:
    """A part of a message in any transfer encoding, and in any character set that holds it, or in the one given."""
    charset = charset or charset_of(random, text)
    octets, encoding = text.encode(CHARSETS[charset]), random.choice(["8bit", "base64", "quoted-printable", "BASE64"])
    if encoding.lower() == "base64":
        octets = base64.encodebytes(octets)
    elif encoding == "quoted-printable":
        octets = quopri.encodestring(octets)
    quote = random.choice(['"', ""])
    fields = [
        ("Content-Type", f"{kind}; charset={quote}{charset}{quote}"),
        ("Content-Transfer-Encoding", encoding),
    ]
    return head_of(random, fields) + b"\n" + octets


def head_of(random: Random, fields: Fields) -> bytes:
    """Header fields in any order and any case, with encoded words (RFC 2047) for what is not ASCII."""
    mixed = random.sample(fields, len(fields))
    lines = [f"{random.choice([name, name.lower(), name.upper()])}: {_encoded(random, text)}\n" for name, text in mixed]
    return "".join(lines).encode()


def _encoded(random: Random, text: str) -> str:
    if text.isascii():
        return text
    charset = charset_of(random, text)
    octets = text.encode(CHARSETS[charset])
    if random.random() < 0.5:
        return f"=?{charset}?B?{base64.b64encode(octets).decode()}?="
    return f"=?{charset}?Q?{''.join(f'={octet:02X}' for octet in octets)}?="


def mail_of(random: Random, fields: Fields, parts: Iterable[bytes], kind: str = "multipart/mixed") -> bytes:
    """A message of these parts; of a single one, without a multipart, and lines may end as they travel."""
    found = list(parts)
    mime = ("MIME-Version", "1.0")
    if len(found) == 1:
        octets = head_of(random, [*fields, mime]) + found[0]
    else:
        mark = random.choice(["B", "=_next.1", "----part 7"])
        octets = head_of(random, [*fields, mime, ("Content-Type", f'{kind}; boundary="{mark}"')]) + b"\n"
        octets += b"".join(b"--%b\n%b\n" % (mark.encode(), part) for part in found) + b"--%b--\n" % mark.encode()
    return octets.replace(b"\n", b"\r\n") if random.random() < 0.3 else octets
