"""What people write to stop mail, what it becomes in the log and in notes, and what can be read again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.log_layout import AS_WRITTEN, by_mailbox
from sidestep.streams.screen.subject_lists import Line, read_lines
from sidestep.streams.screen.suppressions import (
    Target,
    as_json,
    in_force,
    lift_record,
    note,
    partitions_of,
    read_subject,
    suppress_record,
)

KEYS = Keys(bytes(32))
NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "domain", "identity"),
    [
        ("jane@example.com", "example.com", "jane@example.com"),
        (" Jane.Doe+news@GMail.com ", "gmail.com", "janedoe@gmail.com"),
        ("j.anedoe@googlemail.com", "googlemail.com", "janedoe@gmail.com"),
        ("EXAMPLE.com", "example.com", ""),
        ("bücher.example", "xn--bcher-kva.example", ""),
    ],
)
def test_a_subject_is_a_mailbox_or_a_domain(text: str, domain: str, identity: str) -> None:
    """By the identity of the mailbox, which all its spellings share; never the address itself."""
    key = KEYS.recipient(identity) if identity else b""
    assert Target(domain, key) == read_subject(text, KEYS)
    assert "jane" not in read_subject(text, KEYS).text.lower()


@pytest.mark.parametrize("text", ["jane@example.com", "example.com", "o'neil+tag@münchen.example"])
def test_what_is_shown_can_be_typed(text: str) -> None:
    """A hash needs no key."""
    subject = read_subject(text, KEYS)
    assert subject == read_subject(subject.text, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither an address nor a domain"),
        ("jane doe@example.com", "is no address: whitespace"),
        ("localhost", "neither an address nor a domain"),
        ("hash:5e@example.com", "expected 32 hex digits"),
        ("hash:" + "5e" * 16, "@ and the domain are missing"),
        ("hash:" + "5e" * 16 + "@x y", "neither an address nor a domain"),
    ],
)
def test_what_is_neither_is_refused_with_the_reason(text: str, said: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=said):
        read_subject(text, KEYS)


def test_an_address_without_the_hash_key_is_refused() -> None:
    """A key made up on the spot would stop nobody."""
    with pytest.raises(ValueError, match="SIDESTEP_HASH_KEY"):
        read_subject("jane@example.com", None)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never anything else; what was read can be shown and read again."""
    try:
        subject = read_subject(text, KEYS)
    except ValueError:
        return
    assert subject == read_subject(subject.text, KEYS)


def test_a_mailbox_with_two_domains_is_stopped_where_it_lies() -> None:
    """In one partition; in a log that is laid out by domains as they are written in that of each of them."""
    gmail, twin = (partition_of(domain, 64) for domain in ("gmail.com", "googlemail.com"))
    assert gmail != twin
    for text in ("jane@gmail.com", "jane@googlemail.com"):
        assert [gmail] == partitions_of(read_subject(text, KEYS), by_mailbox(), 64)
        assert sorted((gmail, twin)) == partitions_of(read_subject(text, KEYS), AS_WRITTEN, 64)
    for layout, place in ((by_mailbox(), gmail), (AS_WRITTEN, twin)):
        assert [gmail] == partitions_of(read_subject("gmail.com", KEYS), layout, 64)
        assert [place] == partitions_of(read_subject("googlemail.com", KEYS), layout, 64)
    assert [partition_of("example.com", 64)] == partitions_of(read_subject("jane@example.com", KEYS), by_mailbox(), 64)


def test_notes_tell_what_is_in_force() -> None:
    """The latest first; what has ended or was taken back is not shown, other kinds of notes are passed over."""
    notes: dict[str, bytes] = {"hold/shop": b"{}", "policy": b"{}"}
    for number, (text, until) in enumerate(
        (("a.example", 0), ("b.example", NOW + 5), ("c.example", NOW), ("d.example", 0))
    ):
        subject = read_subject(text, None)
        key, value = note(subject, suppress_record(subject, until, "because", "ops", NOW - 10 + number))
        notes[key] = value or b""
    subject = read_subject("d.example", None)
    key, value = note(subject, lift_record(subject, "ops", NOW))
    assert value is None
    del notes[key]
    assert ["b.example", "a.example"] == [found.subject for found in in_force(notes, NOW)]


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 201])
def test_a_reason_is_one_line(reason: str) -> None:
    """A verdict has it."""
    with pytest.raises(ValueError, match="the reason"):
        suppress_record(Target("example.com"), 0, reason, "ops", NOW)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("# ours\n\njane@example.com\n example.org \n", [Line(3, "jane@example.com"), Line(4, "example.org")]),
        (
            "Email,Reason,Created\njane@example.com,bounced,2019\n\nexample.org,,\n",
            [Line(2, "jane@example.com", "bounced"), Line(4, "example.org")],
        ),
        ("email;reason\njane@example.com;moved, far\n", [Line(2, "jane@example.com", "moved, far")]),
        ('domain,by,until\n"example.org","ops, legal",3d\n', [Line(2, "example.org", "", "3d", "ops, legal")]),
        (
            '{"subject": "example.org", "by": "ops"}\n{"address": "a@b.example", "until": null}\n',
            [Line(1, "example.org", by="ops"), Line(2, "a@b.example")],
        ),
    ],
)
def test_lists_are_read_in_three_forms(text: str, lines: list[Line]) -> None:
    """With the numbers of their lines."""
    assert lines == list(read_lines(text.splitlines(keepends=True)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("email,reason\n,spam\n", "line 2 says no address and no domain"),
        ('{"subject": "a.example"}\nb.example\n', "line 2 is not JSON"),
        ('{"subject": "a.example"}\n[1]\n', "line 2 is no JSON object"),
        ('{"reason": "x"}\n', "line 1 says no address"),
    ],
)
def test_a_line_that_says_nothing_is_named(text: str, said: str) -> None:
    """By its number."""
    with pytest.raises(ValueError, match=said):
        list(read_lines(text.splitlines()))


def test_an_export_is_an_import() -> None:
    """Target, reason, who and until when."""
    subject = read_subject("jane@example.com", KEYS)
    key, value = note(subject, suppress_record(subject, NOW + 1000, "asked, by post", "ops", NOW))
    [line] = map(as_json, in_force({key: value or b""}, NOW))
    assert [Line(1, subject.text, "asked, by post", "2027-01-15T08:00:01Z", "ops")] == list(read_lines([line]))
    assert "2027-01-15T08:00:00Z" == json.loads(line)["since"]
