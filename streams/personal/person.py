"""Whether a record concerns a person: by the address, however it is spelt, or by its keyed hash. Pure."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote

from sidestep.streams.masking import without_local_parts
from sidestep.streams.personal.encoded import TOKENS, decoded, inner_addresses
from sidestep.streams.screen.address.mailbox import domains_of
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.suppressions import HASH, Target

Form = Literal["address", "hash"]
"""In which a record holds somebody: in plain form, or as the keyed hash alone."""

_WORD = re.compile(r'(?:"[^"\n]{1,64}"(?=@)|[^\s@<>"(),;:\\\[\]=\x00-\x1f]++)(?:@[^\s@<>"(),;:\\\[\]=/?&\x00-\x1f]+)?')
"""In any text, such as a report or a webhook's body: an address, or what could stand before an at sign without one, so
that of a long run without one each end is looked at once."""


@dataclass(frozen=True)
class Person:
    """Who is looked for. `identity`: what all spellings of the address share; empty: only the hash is known."""

    identity: str
    domains: tuple[str, ...]
    keys: tuple[bytes, ...]
    """Keyed hashes, under the present secret and while there are two under the former one."""

    @classmethod
    def of(cls, text: str, mailbox: Target) -> "Person":
        """As somebody has typed it; `mailbox`: what that was read as."""
        keys = tuple(key for key in (mailbox.recipient_key, mailbox.former_key) if key)
        if text.strip().startswith(HASH):
            return cls("", (), keys)
        return cls(parse(text.strip()).identity, _domains(mailbox.domain), keys)

    def finder(self) -> Callable[[Iterable[bytes | None]], Form | None]:
        """Looks through the octets of a record: its key, its value, its headers."""
        hashes = [form for key in self.keys for form in (key, b64encode(key), key.hex().encode())]
        domains = [name.encode() for name in self.domains]

        def find(parts: Iterable[bytes | None]) -> Form | None:
            form: Form | None = None
            for part in filter(None, parts):
                lower = part.lower()
                # parsing costs fifty times as much as looking for the name behind the at sign
                if any(name in lower for name in domains) and self._is_named(part.decode("utf-8", "replace")):
                    return "address"
                if (
                    domains
                    and any(token in lower for token in TOKENS)
                    and self._is_encoded(part.decode("utf-8", "replace"))
                ):
                    return "address"
                if any(each in part for each in hashes):
                    form = "hash"
            return form

        return find

    def alone(self, text: str) -> str:
        """A text with no other person's address in it."""
        return _WORD.sub(lambda found: self._alone(found[0]), text)

    def _alone(self, word: str) -> str:
        return word if "@" not in word or self._is(word) else without_local_parts(word)

    def _is_encoded(self, text: str) -> bool:
        """In a report's body, or in a header of one."""
        texts = [text, *_strings_in(text)]
        return any(self._is_named(inner) for each in texts for inner in decoded(each))

    def _is_named(self, text: str) -> bool:
        for each in (text, *_unescaped(text)):
            plain = unquote(each) if "%" in each else each
            if any(self._is(word) for word in _WORD.findall(plain) if "@" in word):
                return True
            if any(self._is(inner) for name in self.domains for inner in inner_addresses(plain, name)):
                return True
        return False

    def _is(self, spelling: str) -> bool:
        return _identity(spelling.rstrip(".")) == self.identity


@lru_cache(maxsize=8_192)
def _identity(spelling: str) -> str:
    found = parse(spelling)
    return found.identity if not found.reason else ""


def _domains(domain: str) -> tuple[str, ...]:
    """All at which the mailbox may be written to, in both forms of names that are not ASCII."""
    names = set(domains_of(domain))
    for name in list(names):
        try:
            names.add(name.encode("ascii").decode("idna"))
        except UnicodeError:
            continue
    return tuple(sorted(names))


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _unescaped(text: str) -> list[str]:
    """JSON may write any character by its number."""
    return _strings_in(text) if "\\u" in text else []


def _strings_in(text: str) -> list[str]:
    """Of JSON; of anything else there are none."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return []
    try:
        return list(_strings(json.loads(text)))
    except (ValueError, RecursionError):
        return []


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
