"""Tokens: what the file says, what a header says, what a rate allows, and how changes arrive."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.errors import SettingsError
from sidestep.streams.gcra import parse_rate
from sidestep.streams.web.bearer import bearer, digest
from sidestep.streams.web.followed import follow
from sidestep.streams.web.validate.problems import Problem
from sidestep.streams.web.validate.token_file import TokenFile, new_token
from sidestep.streams.web.validate.tokens import (
    DEFAULT_RATE,
    Allowances,
    Token,
    line_of,
    parse_tokens,
)
from sidestep.topics.errors import CredentialsError
from tests.fixture_types import WaitUntil

RATE = parse_rate(DEFAULT_RATE)
SECOND = 1_000_000


def test_a_new_token_and_its_line() -> None:
    """Each is another one, long enough, and its line finds it again without holding it."""
    token, other = new_token(), new_token()
    line = line_of("shop", token)
    assert token != other and len(token) > 43 and token not in line
    tokens, faults = parse_tokens(
        f"# ours\n\n{line}  # the web form's\n{line_of('app', other)} 600/min, max_burst=7\n", RATE
    )
    assert faults == []
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
    _, (fault,) = parse_tokens(text, RATE)
    assert told in fault and "in-the-clear" not in fault and "quickly" not in fault


def test_the_lines_that_are_right_count() -> None:
    """Whatever stands beside them; a line that is not is nobody's."""
    tokens, faults = parse_tokens(f"{line_of('a', 'x')}\nb {digest('y').hex()[:-1]}\n{line_of('c', 'z')}", RATE)
    assert {"a", "c"} == {token.name for token in tokens.values()} and len(faults) == 1


@given(st.text(max_size=200))
def test_any_text_is_tokens_or_a_fault(text: str) -> None:
    """Never another exception."""
    tokens, faults = parse_tokens(text, RATE)
    assert tokens or faults


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


def _private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_changes_arrive(tmp_path: Path) -> None:
    """A token that was added works, one that was removed does not."""
    path = _private(tmp_path / "tokens", line_of("a", "one"))
    tokens = TokenFile(path, RATE)
    path.write_text(line_of("b", "two") + " 5/s\n")
    tokens.look()
    assert (tokens.find("one"), tokens.find("two")) == (None, Token("b", parse_rate("5/s")))
    assert tokens.find("") is None


def _emptied(path: Path) -> None:
    path.write_text("")


def _commented_out(path: Path) -> None:
    path.write_text("# " + path.read_text())


def _no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


def _opened(path: Path) -> None:
    path.write_text(path.read_text() + "\n")
    path.chmod(0o644)


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [_emptied, Path.unlink, _commented_out, _no_text, _opened, _a_folder])
def test_a_file_that_names_nobody_lets_nobody_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Callable[[Path], None]
) -> None:
    """Whoever takes the last token out has revoked it, and so has whoever removes the file; it is told once."""
    path = _private(tmp_path / "tokens", line_of("a", "one"))
    tokens = TokenFile(path, RATE)
    change(path)
    with caplog.at_level(logging.ERROR):
        tokens.look()
        tokens.look()
    told = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert (None, 0, 1) == (tokens.find("one"), len(tokens), len(told))


def test_half_a_file_lets_in_whom_it_names(tmp_path: Path) -> None:
    """A slip in one line revokes that one; the others, and whoever stands there no more, are as they should be."""
    path = _private(tmp_path / "tokens", "\n".join(line_of(name, name) for name in ("a", "b", "c")))
    tokens = TokenFile(path, RATE)
    path.write_text(line_of("a", "a") + "\n" + line_of("c", "c")[:20])
    tokens.look()
    assert [True, False, False] == [tokens.find(name) is not None for name in ("a", "b", "c")]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    path = _private(tmp_path / "tokens", line_of("a", "one"))
    path.chmod(0o640)
    with pytest.raises(CredentialsError, match=r"chmod 600 .*tokens"):
        TokenFile(path, RATE)


def test_the_file_is_looked_at_again_and_again(tmp_path: Path, wait_until: WaitUntil) -> None:
    """Without a signal."""

    async def watched() -> None:
        path = _private(tmp_path / "tokens", line_of("a", "one"))
        tokens = TokenFile(path, RATE)
        watching = asyncio.create_task(follow([tokens.look], 0.01))
        path.write_text(line_of("bb", "two"))
        await asyncio.to_thread(wait_until, lambda: tokens.find("two"))
        watching.cancel()

    asyncio.run(watched())
