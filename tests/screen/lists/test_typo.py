"""Typo suggestions: what is a slip, what is a name of its own, and when nothing is said."""

from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.address.domain import read_domain, suffixes
from sidestep.streams.screen.address.mailbox import mailbox_rules
from sidestep.streams.screen.lists.mailbox_providers import large_providers
from sidestep.streams.screen.lists.shipped import read_table, read_words
from sidestep.streams.screen.lists.typo import NearMiss, Typos, slips_allowed, suggest, typos

KNOWN = {
    "gmial.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gnail.com": "gmail.com",
    "gmail.con": "gmail.com",
    "hotmial.com": "hotmail.com",
    "yaho.com": "yahoo.com",
    "yahoo.cm": "yahoo.com",
    "outlok.com": "outlook.com",
    "yahoo.co.ik": "yahoo.co.uk",
    "hotmail.couk": "hotmail.co.uk",
    "iclod.com": "icloud.com",
    "t-onlne.de": "t-online.de",
}

NEAR = {
    "hotmaul.de": NearMiss("hotmail.de", False, 1),
    "yaho.de": NearMiss("yahoo.de", False, 1),
    "outloook.es": NearMiss("outlook.es", False, 1),
    "hotnail.con": NearMiss("hotmail.com", False, 2),
    "googlemaul.com": NearMiss("googlemail.com", False, 1),
    "yandex.con": NearMiss("yandex.com", False, 1),
    "blueyomder.co.uk": NearMiss("blueyonder.co.uk", False, 1),
}

REAL = [
    "gmail.com",
    "gmail.co",
    "mail.com",
    "email.com",
    "ymail.com",
    "googlemail.com",
    "company.io",
    "gmx.fr",
    "gmx.tm",
    "yahoo.cl",
    "yahoo.com.pe",
    "hotmail.hu",
    "hotmail.co",
    "live.lu",
    "outlook.hu",
    "love.com",
    "aon.com",
    "aol.com",
    "life.com",
    "me.com",
    "gail.com",
    "grail.com",
    "horizon.net",
    "comcast.com",
    "proton.com",
    "viola.fr",
    "never.com",
    "globe.com",
    "plant.nl",
    "hotmart.com",
    "orage.fr",
    "example.com",
    "example.test",
    "hmail.com",
    "gmail.museum",
    "gotmail.com",
    "cloud.com",
    "mail.gmail.com",
    "duck.com",
    "com",
    "localhost",
]


@pytest.mark.parametrize(("domain", "meant"), KNOWN.items())
def test_known_misspellings_are_certain(domain: str, meant: str) -> None:
    """What stands in the curated list is said with certainty."""
    finding = suggest(domain)
    assert finding is not None
    assert (meant, True) == (finding.domain, finding.certain)


@pytest.mark.parametrize(("domain", "finding"), NEAR.items())
def test_near_domains_are_suggested(domain: str, finding: NearMiss) -> None:
    """One slip in the name, or two in a long one, or a top-level domain that does not exist: near, not certain."""
    assert finding == suggest(domain)


@pytest.mark.parametrize("domain", REAL)
def test_real_domains_are_left_alone(domain: str) -> None:
    """Other people's names, the providers' own in other countries, short names, words: no suggestion."""
    assert suggest(domain) is None


def test_ties_are_left_undecided() -> None:
    """Two providers at the same distance: nobody knows which one was meant."""
    some = Typos({}, ["wanadoo.fr", "wanadou.fr", "hotmail.fr", "hotmail.it"], [])
    assert some.suggest("wanadox.fr") is None
    assert some.suggest("hotmail.ft") is None
    assert some.suggest("hotmail.f") == NearMiss("hotmail.fr", False, 1)


@pytest.mark.parametrize("domain", ["outlook.co.i", "live.com.m", "outlook.l", "outlook.h", "outlook.hh"])
def test_a_provider_under_another_suffix_is_a_tie_too(domain: str) -> None:
    """outlook.co.id or outlook.co.il: both are the same provider's, and other people's mailboxes."""
    assert suggest(domain) is None


def test_a_top_level_domain_that_exists_was_meant() -> None:
    """gmail.museum is no slip of gmail.com: only endings that nobody can register are corrected."""
    some = Typos({}, ["hotmail.com"], [])
    assert some.suggest("hotmail.co") is None
    assert some.suggest("hotmial.cm") is None
    assert some.suggest("hotmial.cpm") == NearMiss("hotmail.com", False, 2)


def test_no_misspelling_is_a_real_domain() -> None:
    """Slips and real domains are disjoint lists, slips stand once, under a large provider, in normal form."""
    table = read_table("misspellings")
    slips = [slip for group in table.values() for slip in group]
    real = large_providers() | read_words("free_providers") | read_words("relays") | read_words("real_domains")
    assert len(slips) == len(set(slips)) >= 150
    assert not real & set(slips)
    assert set(table) <= large_providers()
    assert slips == [read_domain(slip).name for slip in slips]


def test_real_domains_are_sound() -> None:
    """Each line is a domain, or a name under every public suffix."""
    for entry in read_words("real_domains"):
        name = entry.replace(".*", ".com")
        assert name == read_domain(name).name


domains = st.builds(
    lambda domain, position, letter: domain[: position % len(domain)] + letter + domain[position % len(domain) + 1 :],
    st.sampled_from(sorted(large_providers())),
    st.integers(0, 40),
    st.text("abcdefghijklmnopqrstuvwxyz-.", max_size=2),
)


@given(domains | st.text(max_size=80))
def test_a_suggestion_is_a_large_provider_nearby(domain: str) -> None:
    """Whatever is asked: a provider's domain or nothing, not the domain itself, no short name beyond the lists."""
    finding = typos().suggest(domain)
    if finding is not None:
        assert finding.domain in large_providers() or finding.domain in mailbox_rules()
        assert finding.domain != domain
        assert finding.distance >= 1
        if not finding.certain:
            meant, given_ = finding.domain.partition("."), domain.partition(".")
            assert meant[0][0] == given_[0][0]
            assert meant[0] == given_[0] or slips_allowed(meant[0]) > 0
            assert meant[2] == given_[2] or not suffixes().is_public(given_[2], accept_unknown=False)


def test_a_suggestion_is_cheap() -> None:
    """At most 200 µs a domain: it is asked once for each."""
    names = ["mycompany-with-a-long-name.com", "sbcglobalx.net", "gmail.cmoo", "gmial.com"]
    best = min(repeat(lambda: [suggest(name) for name in names], number=50, repeat=5)) / 50 / len(names)
    assert best < 200e-6
