"""Classes by lists; the lists that ship pass the gate that feeds have to pass."""

from collections.abc import Collection
from dataclasses import replace

import pytest
from disposable_email_domains import blocklist

from sidestep.streams.screen.address.domain import read_domain, suffixes
from sidestep.streams.screen.lists.classes import Lists, load_lists
from sidestep.streams.screen.lists.mailbox_providers import large_providers
from sidestep.streams.screen.lists.shipped import entries, fingerprint, read_table, read_words
from sidestep.streams.screen.sources.feeds.gate import GateFaults, gate
from sidestep.streams.screen.sources.feeds.parse import read

REVIEWED = 10_181  # entries of disposable-email-domains 0.0.293, which was looked through


@pytest.fixture(scope="module")
def lists() -> Lists:
    """The lists that ship."""
    return load_lists()


@pytest.mark.parametrize(
    ("domain", "classes"),
    [
        ("yopmail.com", ("disposable",)),
        ("a.b.yopmail.com", ("disposable",)),
        ("notyopmail.com", ()),
        ("duck.com", ("relay",)),
        ("jane.mozmail.com", ("relay",)),
        ("opayq.com", ("relay",)),
        ("gmail.com", ("free",)),
        ("mail.gmail.com", ()),
        ("gmx.at", ("free",)),
        ("orange.fr", ()),
        ("example.com", ()),
        ("com", ()),
    ],
)
def test_domain_classes(lists: Lists, domain: str, classes: tuple[str, ...]) -> None:
    """Disposable and relay domains take their subdomains along, free providers and name endings do not."""
    assert classes == lists.domain_classes(domain)


def test_an_entry_that_is_a_public_suffix_hits_nobody(lists: Lists) -> None:
    """A list that holds co.uk by mistake does not turn a country disposable."""
    broken = replace(lists, disposable=frozenset({"co.uk", "github.io"}))
    for name in ("example.co.uk", "someone.github.io"):
        assert broken.domain_classes(name) == ()


@pytest.mark.parametrize("local", ["info", "INFO", "no-reply", "noreply", "No_Reply", "sales+2024", "buchhaltung"])
def test_role_local_parts(lists: Lists, local: str) -> None:
    """However a function is written, it is one."""
    assert lists.local_classes(local) == ("role",)


@pytest.mark.parametrize("local", ["jane.doe", "infante", "salesh", "", "+info", "admiral", '"info desk"', "é"])
def test_people_are_no_roles(lists: Lists, local: str) -> None:
    """Names that begin like a function are names."""
    assert lists.local_classes(local) == ()


def test_classes_do_not_contradict_each_other(lists: Lists) -> None:
    """No relay, large or free provider is disposable, and no misspelling free, whatever a list says."""
    misspellings = {slip for slips in read_table("misspellings").values() for slip in slips}
    assert not lists.disposable & (lists.relay | lists.free | large_providers())
    assert not lists.free & (misspellings | lists.relay)


@pytest.mark.parametrize("name", ["relays", "free_providers"])
def test_own_lists_hold_sound_domains_once(name: str) -> None:
    """Our own lists are readable, and no public suffix is in them."""
    names = sorted(read_words(name))
    assert () == _gate(names, len(names), large=()).sentences
    assert [domain for domain in names if suffixes().is_public(domain)] == []


def test_large_providers_are_sound() -> None:
    """Every large provider is a domain name, stands once, and is no free provider of the other list."""
    table = read_table("large_providers")
    names = [*table["webmail"], *table["access"]]
    assert len(names) == len(set(names))
    assert names == [read_domain(name).name for name in names]
    assert set(table["words"]) <= {name.partition(".")[0] for name in names}
    assert not read_words("free_providers") & set(names)


def test_versions_change_with_the_lists(lists: Lists) -> None:
    """The version stands in every verdict: same lists, same version; one entry more or one moved, another one."""
    assert lists.version == load_lists().version
    assert lists.version != replace(lists, versions=lists.versions | {"role": "other"}).version
    assert fingerprint(["a", "b"]) == fingerprint(["b", "a"]) != fingerprint(["a"])
    assert lists.versions["disposable"].startswith("0.0.")


def test_the_installed_list_passes_the_gate() -> None:
    """A disposable-email-domains that holds a large provider or jumps in size fails here, before a release."""
    assert () == _gate(blocklist, REVIEWED, large_providers()).sentences


def _gate(names: Collection[str], previous: int, large: Collection[str]) -> GateFaults:
    lines = [name.encode() for name in names]
    return gate(read([("list", lines)], "domains"), "domains", previous, large)


def test_comments_and_blank_lines_are_no_entries() -> None:
    """And case does not matter."""
    assert entries(["# x", " A.com # b", ""]) == ["a.com"]
