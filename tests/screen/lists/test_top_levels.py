"""Slips of the top-level domain: what was meant, and when nobody can tell."""

from pathlib import Path

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PSLFILE

from sidestep.schemas import MxFinding
from sidestep.streams.screen.address.domain import read_domain
from sidestep.streams.screen.findings import findings, subject
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.shipped import read_table
from sidestep.streams.screen.lists.top_levels import exists, meant_address, meant_domain
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.answers import NOT_ASKED, Answers

MEANT = {
    "firm.con": "firm.com",
    "firm.cmo": "firm.com",
    "firm.ocm": "firm.com",
    "firm.comm": "firm.com",
    "firm.coom": "firm.com",
    "firm.vom": "firm.com",
    "firm.cpm": "firm.com",
    "firm.c0m": "firm.com",
    "firm.como": "firm.com",
    "firm.co-m": "firm.com",
    "firm.co.m": "firm.com",
    "firm.nte": "firm.net",
    "firm.ney": "firm.net",
    "firm.nett": "firm.net",
    "firm.ogr": "firm.org",
    "firm.orgg": "firm.org",
    "firm.or.g": "firm.org",
    "firm.o.rg": "firm.org",
    "firm.i.nfo": "firm.info",
    "firm.ifno": "firm.info",
    "firm.edi": "firm.edu",
    "firm.ukk": "firm.uk",
    "firm.frr": "firm.fr",
    "firm.onlin": "firm.online",
    "firm.couk": "firm.co.uk",
    "firm.comau": "firm.com.au",
    "firm.co.ukk": "firm.co.uk",
    "firm.com.aau": "firm.com.au",
    "mail.firm.con": "mail.firm.com",
    "xn--bcher-kva.con": "xn--bcher-kva.com",
}

NOBODY_KNOWS = [
    "firm.ot",
    "firm.ed",
    "firm.dee",
    "firm.coo",
    "firm.xq",
    "firm.com.con",
    "firm.zzz",
    "firm.comcom",
    "firm.1",
    "firm.d",
    "co.m",
    "con",
]

THERE = ["firm.cm", "firm.co", "firm.om", "firm.ne", "firm.co.za", "firm.cat", "firm.xn--p1ai", "firm.museum"]
SPECIAL = ["firm.test", "firm.example", "firm.invalid", "firm.local", "firm.onion", "firm.lan", "firm.internal"]


@pytest.mark.parametrize(("domain", "meant"), MEANT.items())
def test_the_nearest_common_one_was_meant(domain: str, meant: str) -> None:
    """At any domain: letters swapped, doubled, left out, beside each other, a dot too many or too few."""
    assert meant == meant_domain(domain)
    assert (meant, False) == suggest(domain)[:2]  # type: ignore[index]


@pytest.mark.parametrize("domain", NOBODY_KNOWS)
def test_in_doubt_nothing_is_suggested(domain: str) -> None:
    """Two as near, or none; or what would be meant is a suffix, or no name at all."""
    assert "" == meant_domain(domain)


@pytest.mark.parametrize("domain", THERE + SPECIAL)
def test_what_exists_was_meant(domain: str) -> None:
    """However near to another it is; and names that are for one's own network (RFC 6761) are no slips."""
    assert "" == meant_domain(domain)


def test_a_provider_under_a_broken_top_level_is_told_before() -> None:
    """By the lists of providers, which know its name as well."""
    near = suggest("gmial.con")
    assert near is not None
    assert ("gmail.com", False) == (near.domain, near.top_level)


def test_the_lists_are_sound() -> None:
    """Each common one exists, with every suffix; and all do that the public suffix list has."""
    table = read_table("top_levels")
    lines = [line.strip() for line in Path(PSLFILE).read_text("utf-8").splitlines()]
    last = {line.rpartition(".")[2] for line in lines if line and not line.startswith("//")}
    assert [] == [each for each in table["common"] if not exists(each)]
    assert [] == [each for each in table["suffixes"] if not exists(each.partition(".")[2])]
    assert [] == [each for each in last if not exists(each if each.isascii() else idna.encode(each).decode())]
    assert len(table["common"]) == len(set(table["common"]))


@given(st.text("abcdeimnortu.-0", max_size=12).map("firm.{}".format))
def test_a_suggestion_exists_and_is_a_domain(domain: str) -> None:
    """Whatever stands there: never the same, never one that is no name."""
    meant = meant_domain(domain)
    if meant and read_domain(domain).name:
        assert meant == read_domain(meant).name != domain
        assert exists(meant.rpartition(".")[2])
        assert "" == meant_domain(meant)


@pytest.mark.parametrize(
    ("text", "meant"),
    {
        "ada@firm.co,m": "ada@firm.com",
        "ada@firm,com": "ada@firm.com",
        "ada@firm.com,": "ada@firm.com",
        "ada@firm.com.": "ada@firm.com",
        "ada@firm.com;": "ada@firm.com",
        "ada@firm;com": "ada@firm.com",
        "ada@firm.co，m": "ada@firm.com",
        "ada@firm.co,uk": "ada@firm.co.uk",
        "ada@firm.com,au": "ada@firm.com.au",
        "ada@firm.com,pe": "ada@firm.com.pe",
        "ada@firm,co.uk": "",
        "ada@firm.n,et": "ada@firm.net",
        "Ada.L@Firm.c,om": "Ada.L@firm.com",
        "ada@firm.com": "",
        "ada@firm,": "",
        "ada@,com": "",
        "ada@firm.zz,z": "",
        "a da@firm.co,m": "",
        "ada@bo@firm.co,m": "",
        "firm.co,m": "",
    }.items(),
)
def test_commas_in_a_domain_are_slips_too(text: str, meant: str) -> None:
    """Such an address is refused, and says what was meant if one thing can be."""
    assert meant == meant_address(text)


@pytest.mark.parametrize(
    ("outcome", "reason", "classes", "suggestion"),
    [
        ("no", "nxdomain", ("typo",), "ada@firm.com"),
        ("unknown", "timeout", (), "ada@firm.com"),
        ("yes", "mx", (), ""),
        ("yes", "address", (), ""),
    ],
)
def test_dns_may_speak_against_it(outcome: str, reason: str, classes: tuple[str, ...], suggestion: str) -> None:
    """A name that is there, under somebody's own root, is no slip."""
    lists = load_lists()
    about = subject("ada@firm.con", DomainBook(lists, suggest, 4).facts)
    found = findings(about, Answers(MxFinding(outcome, reason)), lists, clustered=False)  # type: ignore[arg-type]
    assert (classes, suggestion) == (found.classes, found.suggestion)


def test_a_refused_address_has_the_suggestion() -> None:
    """As one with white space around it has."""
    lists = load_lists()
    about = subject("ada@firm.co,m", DomainBook(lists, suggest, 4).facts)
    assert "domain-character" == about.address.reason
    assert "ada@firm.com" == findings(about, NOT_ASKED, lists, clustered=False).suggestion
