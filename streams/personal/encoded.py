"""What a text says in an encoding of mail: MIME bodies and headers (RFC 2045, 2047), and addresses within addresses, as
bounce mailboxes have them (VERP) and forwarders write them (SRS). Pure.

Nobody's structure is parsed: a report that is cut off, or stands in a JSON string, holds a person all the same.
"""

import binascii
import re
from collections.abc import Iterator

from sidestep.streams.screen.address.local_part import LOCAL_MAX

DEEP = 3
"""A message in a message in a report."""
TOKENS = (b"base64", b"quoted-printable", b"=?")
"""What nobody's encoded text is without, in lower case."""
_TOKENS = tuple(token.decode() for token in TOKENS)
_BREAK = r"(?:\r?\n|\\r\\n|\\n)"
_BASE64 = re.compile(rf"[A-Za-z0-9+/]{{8,}}+(?:{_BREAK}[ \t]*[A-Za-z0-9+/]++)*+={{0,2}}")
_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]*)\?=")
_SOFT_BREAK = re.compile(rf"={_BREAK}")
_QUOTED = re.compile(r"=[0-9A-Fa-f]{2}")
_ENDS = r"""\s@<>"(),;:\\\[\]/?&\x00-\x1f"""
_END = re.compile(f"[{_ENDS}]")
"""Of what stands before a domain."""
_SEPARATOR = re.compile(r"([-+=])")
_NOT_BEHIND = r"(?![\w.-]*\w)"


def decoded(text: str, depth: int = DEEP) -> Iterator[str]:
    """All that it says besides what is read as it stands; nothing in most texts."""
    lower = text.lower()
    if depth == 0 or not any(token in lower for token in _TOKENS):
        return
    found = [_words(text)] if "=?" in text else []
    if _QUOTED.search(text):
        found.append(_plain(binascii.a2b_qp(_SOFT_BREAK.sub("", text).encode("utf-8", "replace"))))
    found += [inner for run in _BASE64.findall(text) if (inner := _unbased(run))]
    for each in found:
        yield each
        yield from decoded(each, depth - 1)


def inner_addresses(text: str, domain: str) -> Iterator[str]:
    """Addresses of a domain that stand in the local parts of others: list-jane=example.com@host (VERP) and
    SRS0=HASH=TT=example.com=jane@host. Of those before which something else stands, each that it may be."""
    name = re.escape(domain)
    for match in re.finditer(f"={name}{_NOT_BEHIND}", text, re.IGNORECASE):
        parts = _SEPARATOR.split(_before(text, match.start()))
        for first in range(0, len(parts), 2):
            if local := "".join(parts[first:]):
                yield f"{local}@{domain}"
    for match in re.finditer(f"={name}=(?=([^{_ENDS}]{{1,{LOCAL_MAX}}}+)@)", text, re.IGNORECASE):
        yield f"{match[1]}@{domain}"


def _before(text: str, end: int) -> str:
    """What stands before a place and can be in a local part, no more than one may have: a run of a million characters
    is looked at once, not once for each of them."""
    run = _END.split(text[max(end - LOCAL_MAX - 1, 0) : end])[-1]
    return run if len(run) <= LOCAL_MAX else "".join(_SEPARATOR.split(run, maxsplit=1)[2:])


def _words(text: str) -> str:
    """RFC 2047; what stands between two of them is white space."""
    return _WORD.sub(lambda word: _word(word[2], word[3]), re.sub(r"\?=\s+=\?", "?==?", text))


def _word(encoding: str, content: str) -> str:
    if encoding in "bB":
        return _unbased(content)
    return _plain(binascii.a2b_qp(content.encode("utf-8", "replace"), header=True))


def _unbased(run: str) -> str:
    """Empty: it says nothing that could be an address."""
    octets = re.sub(rf"{_BREAK}|[ \t=]", "", run)
    try:
        text = _plain(binascii.a2b_base64(octets + "=" * (-len(octets) % 4)))
    except ValueError:
        return ""
    return text if "@" in text or "=" in text else ""


def _plain(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
