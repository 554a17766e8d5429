"""Domains of recipients: text to lower-case A-label by IDNA (UTS 46), and the registrable domain."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

import idna
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

from sidestep.streams.screen.address.characters import refused_character

NAME_MAX = 253
"""Octets of a name as text: 255 on the wire (RFC 1035 2.3.4) less the first length and the root."""
LABEL_MAX = 63  # RFC 1035 2.3.4

_HOST_CHARACTERS = re.compile(r"[a-z0-9\-\x80-\U0010ffff]+\Z")  # RFC 1123 2.1; beyond ASCII it is IDNA's to say
_HOST_NAME = re.compile(r"(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{0,62}[a-z]\Z")
_JOINERS = re.compile("[\u200c\u200d]")
_LAST_LABEL = re.compile("[^.\u3002\uff0e\uff61]+\\Z")  # UTS 46 section 4 takes all four for the dot


class DomainName(NamedTuple):
    """A domain that was read: `name` is its lower-case A-label, or "" and `reason` says why not."""

    name: str
    reason: str = ""


def plain_domain(text: str) -> str:
    """The domain of any text that is a sound ASCII name without IDNA labels, lower-case; else ""."""
    if "--" in text or not text.isascii():
        return ""
    name = text.lower()
    return name if is_host_name(name) else ""


def is_host_name(text: str) -> bool:
    """Is a text a lower-case host name within the limits (RFC 1123 2.1)? IDNA labels are not looked into."""
    return len(text) <= NAME_MAX and _HOST_NAME.match(text) is not None


@lru_cache(maxsize=4096)
def read_domain(text: str) -> DomainName:
    """The domain after an at-sign, whatever it holds: its A-label, or the reason why it is refused.

    Special-use names (RFC 6761: test, invalid, local, …) are sound here: what they are is for DNS to say.
    """
    name = plain_domain(text)
    if name:
        return DomainName(name)
    reason = _text_reason(text)
    return DomainName("", reason) if reason else _read_idna(text)


@lru_cache(maxsize=4096)
def registrable(domain: str) -> str:
    """The registrable domain of an A-label: the name under the public suffix (publicsuffix.org, private section too).

    A name that is a public suffix itself comes back unchanged, so that the answer is always fit for a key.
    """
    return suffixes().privatesuffix(domain) or domain


@cache
def suffixes() -> PublicSuffixList:
    """The public suffix list, parsed once: it takes some 50 ms."""
    return PublicSuffixList()


def _text_reason(text: str) -> str:
    if not text:
        return "empty-domain"
    if len(text) > NAME_MAX:
        return "domain-too-long"
    if text[0] == "[" and text[-1] == "]":
        # RFC 5321 4.1.3: sound syntax, but it names a host, not a domain that could answer for its mailboxes.
        return "domain-literal"
    if "(" in text or ")" in text:
        return "comment"  # RFC 5322 3.2.2: header syntax, not part of an SMTP mailbox (RFC 5321 4.1.2)
    return refused_character(_JOINERS.sub("", text))


def _read_idna(text: str) -> DomainName:
    """The domain by UTS 46 mapping, non-transitional; then host name rules; email-validator has the last word, except
    on joiners."""
    try:
        mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
    except idna.IDNAError:
        return DomainName("", "idna-invalid")
    reason = _name_reason(mapped)
    if reason:
        return DomainName("", reason)
    found = _validated(text)
    joined = "" if found.name else _joined(mapped)
    if joined or not _JOINERS.search(text):
        return DomainName(joined) if joined else found
    return DomainName("", "unsafe-character")


def _joined(name: str) -> str:
    """The A-label of a name with U+200C or U+200D where IDNA lets them stand (RFC 5892 A.1 and A.2: after a virama,
    between letters that join), and not seen anywhere else; "" for all others. email-validator takes none of them, and
    is asked about the rest of the name."""
    try:
        seen = idna.decode(name)
        bare = _JOINERS.sub("", seen)
        return idna.encode(seen).decode("ascii") if bare != seen and _validated(bare).name else ""
    except ValueError:  # idna's errors, and a character that Python does not know
        return ""


def _name_reason(name: str) -> str:
    labels = name.split(".")
    if "" in (labels[0], labels[-1]):
        return "dot-at-edge"  # RFC 5321 4.1.2: no root dot at the end either
    if "" in labels:
        return "two-dots"
    if len(labels) == 1:
        return "no-dot-in-domain"  # ICANN forbids mail at a bare top-level domain (SAC 053)
    return next(filter(None, map(_label_reason, labels)), "") or _wire_reason([_wire(label) for label in labels])


def _label_reason(label: str) -> str:
    if not _HOST_CHARACTERS.match(label):
        return "domain-character"
    if label[0] == "-" or label[-1] == "-":
        return "hyphen-at-edge"  # RFC 952, RFC 1123 2.1
    if label[2:4] == "--" and label[:2] != "xn":
        return "reserved-label"  # RFC 5890 2.3.1, R-LDH labels
    return ""


def _wire_reason(labels: list[str]) -> str:
    if max(map(len, labels)) > LABEL_MAX:
        return "domain-label-too-long"
    if len(".".join(labels)) > NAME_MAX:
        return "domain-too-long"
    # RFC 3696 section 2: no top-level domain looks like a number; 127.0.0.1 is an address, not a name
    return "" if labels[-1][-1].isalpha() else "numeric-top-level"


def _wire(label: str) -> str:
    """The label as DNS counts it: limits hold after Punycode (RFC 5890 4.2)."""
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _validated(text: str) -> DomainName:
    stand_in, special = _without_special_use(text)
    try:
        name = validate_email(f"a@{stand_in}", check_deliverability=False, allow_smtputf8=True).ascii_domain
    except EmailNotValidError:
        return DomainName("", "idna-invalid")  # RFC 5891 to 5893
    return DomainName(name[: len(name) - len(special)] + special)


def _without_special_use(text: str) -> tuple[str, str]:
    """`text` with a special-use top-level domain masked by one of the same length, and what was masked.

    email-validator has no switch for its refusal of those names, only a list that is global.
    """
    last = _LAST_LABEL.search(text)
    label = unicodedata.normalize("NFKC", last[0]).lower() if last else ""
    if last and label in SPECIAL_USE_DOMAIN_NAMES:
        return text[: last.start()] + "x" * len(label), label
    return text, ""


def parents(domain: str) -> Iterator[str]:
    """The domain and the names above it, down to the registrable one: an entry that is a public suffix hits nobody."""
    last = registrable(domain)
    while domain != last:
        yield domain
        domain = domain.partition(".")[2]
    yield domain
