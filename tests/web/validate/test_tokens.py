"""Tokens: what the file says, what a header says, what a rate allows, and how changes arrive."""

import asyncio
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.errors import SettingsError
from sidestep.streams.gcra import parse_rate
from sidestep.streams.web.validate.problems import Problem
from sidestep.streams.web.validate.token_file import TokenFile, new_token
from sidestep.streams.web.validate.tokens import (
    DEFAULT_RATE,
    Allowances,
    Token,
    bearer,
    digest,
    line_of,
    parse_tokens,
)
from tests.fixture_types import WaitUntil

RATE = parse_rate(DEFAULT_RATE)
SECOND = 1_000_000


def test_a_new_token_and_its_line() -> None:
    """Each is another one, long enough, and its line finds it again without holding it."""
    token, other = new_token(), new_token()
    line = line_of("shop", token)
    assert token != other and len(token) > 43 and token not in line
    tokens = parse_tokens(f"# ours\n\n{line}  # the web form's\n{line_of('app', other)} 600/min, max_burst=7\n", RATE)
    assert [("shop", 2000), ("app", 7)] == [(t.name, t.burst) for t in (tokens[digest(token)], tokens[digest(other)])]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no token"),
        ("# nothing\n", "no token"),
        ("shop", "line 1"),
        ("shop sidestep_in-the-clear", "64"),
        (line_of("a", "x") + "\n" + line_of("a", "y"), "line 2"),
        (line_of("a", "x") + "\n" + line_of("b", "x"), "line 2"),
        (line_of("a", "x") + " quickly", "for example"),
        (line_of("a", "x").upper(), "line 1"),
        ("b@d " + "0" * 64, "line 1"),
    ],
)
def test_a_file_that_can_not_be_used(text: str, told: str) -> None:
    """Each fault with its line, and nothing of what stands there: it may be a token by mistake."""
    with pytest.raises(ValueError, match=told) as caught:
        parse_tokens(text, RATE)
    assert "in-the-clear" not in str(caught.value) and "quickly" not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_tokens_or_a_fault(text: str) -> None:
    """Never another exception."""
    try:
        assert parse_tokens(text, RATE)
    except ValueError as error:
        assert str(error)


@given(st.text(max_size=60) | st.text("Bearer =.~", max_size=20))
def test_any_header_has_a_token_or_none(header: str) -> None:
    """What is taken for a token is part of the header, without white space."""
    token = bearer(header)
    assert token in header and not any(c.isspace() for c in token)


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 64, "jane@example.com", "a\nb"])
def test_a_name_that_can_not_stand_in_the_file(name: str) -> None:
    """Is refused before anything is printed."""
    with pytest.raises(ValueError, match="name"):
        line_of(name, new_token())


def _takes(allowances: Allowances, token: Token, count: int, now_us: int) -> tuple[int, str]:
    try:
        allowances.take(token, count, now_us)
    except Problem as problem:
        return int(problem.status), problem.headers.get("Retry-After", "")
    return 200, ""


def test_a_rate_lets_through_what_it_says() -> None:
    """A burst, then one address a second; who waits as long as told is let through."""
    allowances, token = Allowances(), Token("a", parse_rate("60/min,max_burst=10"))
    assert [200, 200, 429] == [_takes(allowances, token, count, SECOND)[0] for count in (6, 4, 1)]
    assert (429, "5") == _takes(allowances, token, 5, SECOND)
    assert 200 == _takes(allowances, token, 5, 6 * SECOND)[0]
    assert 200 == _takes(allowances, token, 10, 60 * SECOND)[0]
    assert 422 == _takes(allowances, token, 11, 600 * SECOND)[0]
    assert 200 == _takes(allowances, Token("b", token.rate), 10, 6 * SECOND)[0]


def test_a_refused_batch_costs_nothing() -> None:
    """All of it or none of it: what was refused may come in smaller pieces at once."""
    allowances, token = Allowances(), Token("a", parse_rate("60/min,max_burst=10"))
    assert [200, 429, 200] == [_takes(allowances, token, count, SECOND)[0] for count in (6, 5, 4)]


def test_a_faster_rate_is_not_bound_by_the_old_one() -> None:
    """After a change of the file: an address an hour was used up for ten hours, now a second is waited for."""
    allowances, faster = Allowances(), Token("a", parse_rate("60/min,max_burst=10"))
    assert 200 == _takes(allowances, Token("a", parse_rate("1/hour,max_burst=10")), 10, SECOND)[0]
    assert (429, "1") == _takes(allowances, faster, 1, 3 * SECOND)
    assert 200 == _takes(allowances, faster, 1, 4 * SECOND)[0]


@given(st.lists(st.tuples(st.integers(1, 10), st.integers(0, 3_000_000)), max_size=60))
def test_no_rate_is_ever_exceeded(requests: list[tuple[int, int]]) -> None:
    """In any time t no more than burst + rate·t addresses, whatever comes when."""
    allowances, token = Allowances(), Token("a", parse_rate("60/min,max_burst=10"))
    now, begun, let_through = SECOND, None, 0
    for count, pause in requests:
        now += pause
        if _takes(allowances, token, count, now)[0] == 200:
            begun = now if begun is None else begun
            let_through += count
            assert let_through <= 10 + (now - begun) / SECOND


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The server does not start; the sentence names the command."""
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(SettingsError, match="--new-token NAME"):
            TokenFile(path, RATE)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        TokenFile(tmp_path / "binary", RATE)


def test_changes_arrive_and_faults_change_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A token that was added works, one that was removed does not; a file that can't be used is told once."""
    path = tmp_path / "tokens"
    path.write_text(line_of("a", "one"))
    tokens = TokenFile(path, RATE)
    path.write_text(line_of("b", "two") + " 5/s\n")
    tokens.look()
    assert (tokens.find("one"), tokens.find("two")) == (None, Token("b", parse_rate("5/s")))
    with caplog.at_level(logging.ERROR):
        path.write_text("half a li")
        tokens.look()
        tokens.look()
        path.unlink()
        tokens.look()
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert tokens.find("two") is not None and len(told) == 2 and tokens.find("") is None


def test_the_file_is_looked_at_again_and_again(tmp_path: Path, wait_until: WaitUntil) -> None:
    """Without a signal."""

    async def watched() -> None:
        path = tmp_path / "tokens"
        path.write_text(line_of("a", "one"))
        tokens = TokenFile(path, RATE)
        watching = asyncio.create_task(tokens.follow(0.01))
        path.write_text(line_of("bb", "two"))
        await asyncio.to_thread(wait_until, lambda: tokens.find("two"))
        watching.cancel()

    asyncio.run(watched())
