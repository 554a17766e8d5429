"""Addresses in texts that people and machines keep: what stands before the at sign is taken out. Pure.

The last line of defence. Sidestep's own code puts no address into a log, an error or a note; texts of libraries, mail
servers and people may hold one all the same.
"""

import re

# Quoted local parts: RFC 5321 4.1.2. The look-behind and the possessive ++ keep a long text without an at sign linear.
_WORD = r'[^\s@<>"(),;:＠﹫]'
_AT = r"(?:[@＠﹫]|%40)"
_LOCAL_PART = re.compile(
    rf'(?:"[^"\n]{{1,128}}"(?={_AT})|(?:(?<!{_WORD})|(?<=%40))(?:(?!%40){_WORD})++)({_AT})(?=[^\s@])', re.IGNORECASE
)


def without_local_parts(text: str) -> str:
    """A text with `***` for what stands before each at sign, be that as it is, full width, or as URLs have it."""
    if "@" in text or "%40" in text or "＠" in text or "﹫" in text:
        return _LOCAL_PART.sub(r"***\1", text)
    return text
