"""The layout of the log: all spellings of a mailbox in one partition, and whose word counts."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidestep.schemas.codec import encode
from sidestep.streams.errors import LogLayoutError
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.address.mailbox import domains_of, mailbox_rules
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.log_layout import (
    AS_WRITTEN,
    KEY,
    LogLayout,
    by_mailbox,
    layout_of,
    still_laid_out,
)

KEYS = Keys(bytes(32))
LISTS = load_lists()
RULES = sorted(mailbox_rules())
OTHERS = ("example.com", "bücher.example", "xn--bcher-kva.example", "sub.fastmail.com", "παράδειγμα.δοκιμή")
LOCAL_PARTS = st.text("abzABZ09.-_+σςéÉ\u0301", min_size=1, max_size=12)


def cased(text: str) -> st.SearchStrategy[str]:
    """In any mixture of cases."""
    return st.lists(st.booleans(), min_size=len(text), max_size=len(text)).map(
        lambda upper: "".join(c.upper() if up else c for c, up in zip(text, upper, strict=True))
    )


def spellings(local: str, domain: str) -> st.SearchStrategy[str]:
    """Addresses that may reach the same mailbox: case, dots, characters that count as another, tags, domains, IDN."""
    tags = st.sampled_from(["", "", "+news", "+a.b-c", "+"])
    dotted = st.lists(st.sampled_from(["", "", ".", "-", "_"]), min_size=len(local), max_size=len(local)).map(
        lambda dots: "".join(dot + c if number else c for number, (c, dot) in enumerate(zip(local, dots, strict=True)))
    )
    names = st.sampled_from(sorted(domains_of(parse(f"a@{domain}").domain) | {domain}))
    return st.builds("{}{}@{}".format, dotted.flatmap(cased), tags, names.flatmap(cased))


PAIRS = st.tuples(LOCAL_PARTS, st.sampled_from([*RULES, *OTHERS])).flatmap(
    lambda said: st.tuples(spellings(*said), spellings(*said))
)
"""Two addresses that a rule may take for one."""


@given(PAIRS, st.integers(1, 300))
def test_who_has_one_recipient_key_has_one_partition(pair: tuple[str, str], partitions: int) -> None:
    """By every rule; and the key of the record tells it, as it tells Kafka's own partitioners."""
    one, other = (parse(each) for each in pair)
    assume(not one.reason and not other.reason)
    assume(KEYS.recipient(one.identity) == KEYS.recipient(other.identity))
    book = DomainBook(LISTS, suggest, partitions)
    found = [book.facts(address.domain) for address in (one, other)]
    assert found[0].partition == found[1].partition == partition_of(found[0].key, partitions)
    assert found[0].key == found[1].key == one.identity.rpartition("@")[2]


@pytest.mark.parametrize("domain", RULES)
def test_a_rule_is_held_for_each_of_its_domains(domain: str) -> None:
    """Deterministic beside the property: every domain, with what its rule makes alike."""
    rule = mailbox_rules()[domain]
    written = "jane.doe" if "." in rule.drop + rule.alike else "janedoe"
    same = "jane-doe" if rule.alike else "janedoe"
    addresses = [parse(f"{name}@{each}") for name in (written, same + rule.tag + "x") for each in domains_of(domain)]
    assert 1 == len({address.identity for address in addresses})
    assert 1 == len({by_mailbox().partition(address.domain, 97) for address in addresses})


def test_a_domain_that_stands_for_others_stands_for_itself() -> None:
    """A written domain has one place, with all that its limits count."""
    layout = by_mailbox()
    assert {"gmail.com", "icloud.com", "proton.me", "yandex.ru"} == {*layout.mailboxes.values()}
    assert layout.mailboxes["googlemail.com"] == "gmail.com"
    assert layout.mailboxes.keys().isdisjoint(layout.mailboxes.values())


def test_a_new_cluster_is_laid_out_by_the_mailbox() -> None:
    """And one where Screen has been before there were notes of it stays as it is."""
    assert by_mailbox().mailboxes == layout_of({}).mailboxes
    assert 5 == layout_of({"hold/shop": b"{}"}, 5).at
    assert AS_WRITTEN.same(layout_of({"hash-key": b'{"version":"ab"}'}))


def test_the_clusters_word_counts() -> None:
    """Whatever rules a worker comes with."""
    theirs = LogLayout({"old.example": "new.example"}, 7)
    notes = {KEY: encode(theirs), "hash-key": b"{}"}
    assert theirs == layout_of(notes, 9)
    book = DomainBook(LISTS, suggest, 64)
    place = book.facts("googlemail.com").partition
    book.heard(theirs)
    assert place != book.facts("googlemail.com").partition == partition_of("googlemail.com", 64)
    assert ("new.example", partition_of("new.example", 64)) == book.facts("old.example")[:2]


def test_what_lies_elsewhere_than_by_the_own_rules_is_named() -> None:
    """People are to know whose histories do not follow."""
    assert [] == by_mailbox().astray()
    assert sorted(by_mailbox().mailboxes) == AS_WRITTEN.astray()
    assert ["googlemail.com"] == LogLayout(by_mailbox().mailboxes | {"googlemail.com": "else.example"}).astray()


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"\xff", b'{"mailboxes":["gmail.com"]}'])
def test_a_note_that_cannot_be_read_stops_the_worker(value: bytes) -> None:
    """To guess would part histories."""
    with pytest.raises(LogLayoutError, match="newer version"):
        layout_of({KEY: value})


def test_a_worker_does_not_go_on_by_another_layout() -> None:
    """Since when it is so makes no difference."""
    still_laid_out(LogLayout({}, 3), AS_WRITTEN)
    with pytest.raises(LogLayoutError, match="Start it again"):
        still_laid_out(by_mailbox(), AS_WRITTEN)
