"""Tokens: one of ours is known as that for its own recipient alone, and nobody can make one or make one younger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.tokens import DAY, UNTIED, Tie, check_token, make_token

KEYS = Keys(bytes(32))
JANE, JOE = KEYS.recipient("jane@example.com"), KEYS.recipient("joe@example.com")
NOW = 1_800_000_123.4
TODAY = int(NOW) // DAY * DAY * 1000
TOKEN = make_token(KEYS, "shop", JANE, b"c" * 16, NOW)
WRONG = Tie("wrong-token")


def test_a_token_ties_to_its_recipient_and_tells_its_day() -> None:
    """In capitals, too: some servers write addresses so."""
    for token in (TOKEN, TOKEN.upper()):
        for service in ("", "shop"):
            assert Tie("token", TODAY) == check_token(KEYS, token, JANE, service)


def test_a_token_fits_where_it_has_to_travel() -> None:
    """Letters and digits, thirty at most: in a VERP address with room for recipient or id, in a header, in a tag."""
    assert TOKEN.isalnum() and TOKEN == TOKEN.lower() and len(TOKEN) <= 30


@pytest.mark.parametrize(
    ("token", "recipient", "service"),
    [
        (TOKEN, JOE, ""),
        (TOKEN, JANE, "billing"),
        (make_token(Keys(bytes(31) + b"\x01"), "shop", JANE, b"c" * 16, NOW), JANE, ""),
        ("", JOE, ""),
        ("z" * 30, JANE, ""),
        (TOKEN[:-2], JANE, ""),
        (f"{TOKEN} ", JANE, ""),
        (f"{TOKEN[:4]}  {TOKEN[6:]}", JANE, ""),
        ("٣" * 30, JANE, ""),
    ],
)
def test_nothing_else_is_a_token(token: str, recipient: bytes, service: str) -> None:
    """Another person's, another service's, one made with another secret, rubbish; and none at all is no wrong one."""
    assert (WRONG if token else UNTIED) == check_token(KEYS, token, recipient, service)


@given(st.integers(0, 29), st.sampled_from("0123456789abcdef"))
def test_no_digit_can_be_altered(place: int, digit: str) -> None:
    """Neither the day, which would make it younger, nor anything else."""
    altered = TOKEN[:place] + digit + TOKEN[place + 1 :]
    assert (Tie("token", TODAY) if altered == TOKEN else WRONG) == check_token(KEYS, altered, JANE, "")


def test_messages_have_tokens_of_their_own() -> None:
    """Of another day, another service, another message; the same intent read twice has the same one."""
    tokens = {
        TOKEN,
        make_token(KEYS, "shop", JANE, b"d" * 16, NOW),
        make_token(KEYS, "billing", JANE, b"c" * 16, NOW),
        make_token(KEYS, "shop", JANE, b"c" * 16, NOW + DAY),
    }
    assert 4 == len(tokens)
    assert TOKEN == make_token(KEYS, "shop", JANE, b"c" * 16, NOW + 1)
