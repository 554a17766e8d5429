"""Slips of single keys, and the names that are a key away from a large provider's."""

import pytest

from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.key_slips import key_slips
from sidestep.streams.screen.lists.mailbox_providers import large_providers
from sidestep.streams.screen.lists.shipped import read_words
from sidestep.streams.screen.lists.typo import faint_misses, suggest


def test_the_slips_of_a_name() -> None:
    """A key left out, doubled, swapped with the next, or another one that touches it on some keyboard."""
    slips = set(key_slips("web"))
    assert {"eb", "wb", "we", "wweb", "weeb", "webb", "ewb", "wbe"} < slips
    assert {"qeb", "eeb", "seb", "wrb", "wdb", "wev", "wen", "wehb"} & slips == {
        "qeb",
        "eeb",
        "seb",
        "wrb",
        "wdb",
        "wev",
        "wen",
    }
    assert not {"web", "web2", "wep", "xyz", "bew"} & slips


def test_a_letter_is_beside_those_that_touch_it() -> None:
    """On an American, a German or a French keyboard; what has no place there (a digit, a hyphen) is beside nothing."""
    assert {"q", "w", "s", "y", "z"} == {slip for slip in key_slips("a") if slip not in ("", "aa")}
    assert {"", "11"} == set(key_slips("1"))


@pytest.mark.parametrize("domain", ["eeb.de", "wen.de", "wbe.de", "gmxx.de", "aaol.com", "hmail.com", "lvie.com"])
def test_what_distance_leaves_alone_may_be_a_faint_miss(domain: str) -> None:
    """Short names, words, another first letter."""
    assert suggest(domain) is None
    assert domain in faint_misses()


@pytest.mark.parametrize(
    "domain",
    ["web.de", "we.de", "gm.de", "love.com", "ymail.com", "gail.com", "gmx.fr", "wdr.de", "web.info", "ne.com"],
)
def test_other_names_are_none(domain: str) -> None:
    """The providers' own, real ones that are listed, those that are two keys away, and those of two letters."""
    assert domain not in faint_misses()


def test_faint_misses_are_in_no_other_list() -> None:
    """A class that says what a domain is says more."""
    lists = load_lists()
    others = large_providers() | read_words("free_providers") | lists.relay | lists.disposable | lists.misspelled
    assert not lists.faint & others
    assert 5_000 < len(lists.faint) < 20_000
