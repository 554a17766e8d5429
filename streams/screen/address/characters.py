"""Characters that no address may hold, quoted or not."""

import re
import unicodedata

from sidestep.streams.screen.lists.shipped import read_words


def refused_character(text: str, spaces: bool = False) -> str:
    """The reason code of the first character that may not stand in an address, or "".

    whitespace: unless `spaces` (RFC 5321 4.1.2 allows the plain space in quotes), any space, tab or line break;
    control-character: C0, DEL, C1 (RFC 5321 4.1.2 leaves them out even in quotes);
    unsafe-character: format, private, unassigned, surrogates (RFC 6532 3.1 takes only sound UTF-8; RFC 8264 the rest),
    and all others that are not seen (data/invisible.txt): two addresses that look the same must not be two people.
    """
    if text.isascii() and text.isprintable() and (spaces or " " not in text):
        return ""
    return next(filter(None, (_reason(character, spaces) for character in text)), "")


def _reason(character: str, spaces: bool) -> str:
    if character == " " and spaces:
        return ""
    if character.isspace():
        return "whitespace"
    kind = unicodedata.category(character)
    if kind == "Cc":
        return "control-character"
    return "unsafe-character" if kind[0] == "C" or _INVISIBLE.match(character) else ""


def _class_of(ranges: frozenset[str]) -> re.Pattern[str]:
    """Ranges of code points, `180b..180f` each, as one class of characters."""
    ends = (map(chr, (int(end, 16) for end in each.split(".."))) for each in ranges)
    return re.compile("[" + "".join(f"{re.escape(first)}-{re.escape(last)}" for first, last in ends) + "]")


_INVISIBLE = _class_of(read_words("invisible"))
