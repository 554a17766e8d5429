"""Plain words of a reply: without addresses, hosts, ids, links and quotes, so that no name stands between two of them.

`550 MXIN501 mailbox <ada@example.com> unknown ;id=x` says `550 mxin501 mailbox unknown`. Accents of Latin letters are
taken off, because half of all servers leave them out. Pure.
"""

import re
import unicodedata
from collections.abc import Iterator

_EDGES = "<>()[]{}\"'`„“”«»‹›‘’*’*,=|。、「」『』【】（），"
_DROPPED = re.compile(
    r"[^a-z]*(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}:[0-9a-f:]{2,39})\S{0,20}"  # an address of a host, with its port
    r"|(?:[a-z0-9_-]{1,63}\.){1,8}[a-z]{2,24}(?:\[\S{0,60})?(?::\d{1,5})?"  # a host, as Postfix writes it
    r"|\S*(?:@|://|=)\S*"
    r"|[.\-_~#/\\]{1,80}"
)
_GLUED = re.compile(r"\.{2,9}|(?<=[>\])])(?=\w)|:(?=\S{0,80}@)|(?<=\w;)(?=\w)")
"""Where a name and a word stand without a blank between them: `<a@b>...user`, `not found:a@b`, `unknown;id=x`."""
_ENDS = ".;!?:"
_LATIN = {
    code: base
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))
    if (base := unicodedata.normalize("NFD", chr(code))[0]) < "\x7f"
} | str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "đ": "d", "’": "'"})
_NAMING = frozenset(
    [
        *("user", "users", "mailbox", "account", "address", "recipient", "mail", "email", "domain", "host", "sender"),
        *("unknown", "not", "no", "invalid", "spam", "full", "blocked", "here", "found", "exist", "such", "in", "is"),
    ]
)
"""Local parts that are words of phrases, too: they stay."""


def plain_words(text: str, local_part: str = "") -> str:
    """The plain words of a folded text, one blank between; `local_part`: the recipient's, which is no word either."""
    name = "" if local_part in _NAMING else local_part
    plain = " ".join(_plain(_GLUED.sub(" ", text).split(), name))
    return plain if plain.isascii() else plain.translate(_LATIN)


def _plain(words: list[str], name: str) -> Iterator[str]:
    for word in words:
        if word.isalpha() and word != name:
            yield word
            continue
        bare = word.strip(_EDGES)
        end = bare[-1:] if bare[-1:] in _ENDS and not bare.endswith("..") else ""
        bare = bare.rstrip(_ENDS).strip(_EDGES)
        if bare and bare != name and not _DROPPED.fullmatch(bare):
            yield bare + end
