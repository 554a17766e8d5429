"""Slips of the top-level domain, at any domain: what was meant where the one that is there can't be. Pure.

Nobody can have a mailbox under a top-level domain that is not in the root zone, so that something else was meant: one
common one that is nearest, or nobody knows which.
"""

from functools import cache

from email_validator import SPECIAL_USE_DOMAIN_NAMES
from rapidfuzz.distance import OSA

from sidestep.streams.screen.address.domain import suffixes
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.lists.key_slips import key_slips
from sidestep.streams.screen.lists.shipped import read_table

_COMMAS = str.maketrans(";\u201a\uff0c\u3001", ",,,,")
"""What is taken for a comma: beside it on a keyboard, or looks like one."""

OF_COUNTRIES = 2
"""Letters of the top-level domains of countries: any two of them are near others, so that only a slip of a single key
tells which."""


def meant_domain(domain: str) -> str:
    """The domain that was meant by a lower-case A-label; "" where its top-level domain exists, and where nobody can
    tell."""
    rest, _, last = domain.rpartition(".")
    if not rest or exists(last) or last in SPECIAL_USE_DOMAIN_NAMES:
        return ""
    above, _, before = rest.rpartition(".")
    if above and f"{before}{last}" in _table()["common"]:  # firm.co.m, firm.i.nfo: a dot too many, and nothing else
        return f"{above}.{before}{last}"
    if len(last) == 1:
        return ""
    meant = _undotted().get(last) or _nearest(last, before)
    return f"{rest}.{meant}" if meant else ""


def meant_address(text: str) -> str:
    """The address that was meant by one with commas in its domain, or with a dot after it: firm.co,m, firm,com; "" for
    none, and for more than one."""
    local, _, domain = text.strip().rpartition("@")
    bare = domain.translate(_COMMAS).rstrip(".,")
    forms = {bare.replace(",", ""), bare.replace(",", ".")} - {domain}
    found = [parsed for form in forms if not (parsed := parse(f"{local}@{form}")).reason]
    there = {parsed.normalized: last for parsed in found if exists(last := parsed.domain.rpartition(".")[2])}
    common = [address for address, last in there.items() if last in _table()["common"]]  # firm.c,om: not c.om
    likely = common or list(there)
    return likely[0] if len(likely) == 1 else ""


def exists(top_level: str) -> bool:
    """Whether a label is a top-level domain of the root zone, as the public suffix list knows it."""
    return suffixes().is_public(top_level, accept_unknown=False) or top_level in _table()["besides"]


def _nearest(last: str, before: str) -> str:
    """The one common top-level domain within a single slip; "" where there are several, or none."""
    near = [each for each in _table()["common"] if OSA.distance(last, each) <= 1 and _fits(before, each)]
    by_key = [each for each in near if last in key_slips(each)]
    if len(near) == 1 and (by_key or len(near[0]) > OF_COUNTRIES):
        return near[0]
    return by_key[0] if len(by_key) == 1 and len(by_key[0]) > OF_COUNTRIES else ""


def _fits(before: str, meant: str) -> bool:
    """Whether what stands before can: firm.co.ku may be co.uk, and firm.com.con is not com.com."""
    return before not in _seconds() or suffixes().is_public(f"{before}.{meant}", accept_unknown=False)


@cache
def _table() -> dict[str, list[str]]:
    return read_table("top_levels")


@cache
def _undotted() -> dict[str, str]:
    return {suffix.replace(".", ""): suffix for suffix in _table()["suffixes"]}


@cache
def _seconds() -> frozenset[str]:
    return frozenset(suffix.partition(".")[0] for suffix in _table()["suffixes"])
