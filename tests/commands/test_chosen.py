"""Which records `sidestep tail` shows of those that somebody asks for."""

import pytest

from sidestep.schemas import EmailIntent
from sidestep.streams.commands.chosen import Chosen, same_mailbox
from sidestep.topics.received import Received, Unreadable

JANES = (same_mailbox("jane.doe@gmail.com"),)
INTENT = EmailIntent(id="1", to="janedoe@googlemail.com", service="shop")
DEAD = b'{"id":"1","to":"janedoe@googlemail.com","service":"shop","created_at":"yesterday"}'


def received(value: object) -> Received:
    return Received("email-dead-letters", 0, 0, 0, None, value)


@pytest.mark.parametrize("value", [INTENT, DEAD, Unreadable("absurd-time", "no time", DEAD)])
def test_a_record_is_found_by_what_it_says(value: object) -> None:
    """Also where it breaks the contract, as those in email-dead-letters do: its service looks for it there."""
    record = received(value)
    for chosen in (
        Chosen(),
        Chosen(ids=frozenset({"1", "2"})),
        Chosen(services=frozenset({"shop"})),
        Chosen(mailboxes=JANES),
        Chosen(frozenset({"1"}), frozenset({"shop"}), JANES),
    ):
        assert [record] == chosen.among([record])
    for other in (
        Chosen(ids=frozenset({"2"})),
        Chosen(services=frozenset({"bank"})),
        Chosen(frozenset({"1"}), frozenset({"bank"})),
    ):
        assert [] == other.among([record])


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b'{"id":["1"],"service":{}}', b"[" * 5000])
def test_what_says_nothing_is_shown_to_who_asks_for_nothing(value: bytes | None) -> None:
    """Whatever it is: it ends no command."""
    record = received(value)
    assert [record] == Chosen().among([record])
    assert [] == Chosen(ids=frozenset({"1"})).among([record])
    assert [] == Chosen(services=frozenset({"shop"})).among([record])
    assert [] == Chosen(mailboxes=JANES).among([record])
