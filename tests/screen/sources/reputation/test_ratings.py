"""Reputation services without a network: templates, the path into the answer, what an answer says, faulty sections."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.sources.file import Reputation, parse_sources
from sidestep.streams.screen.sources.reputation import ratings, templates
from sidestep.streams.screen.sources.reputation.faults import faults
from sidestep.streams.screen.sources.reputation.ratings import (
    Response,
    follow,
    parse_path,
    rating_of,
    rating_of_value,
)
from sidestep.streams.screen.sources.reputation.templates import TemplateValues

ASKED = templates.values_of("Jane.Doe@example.com", "example.com")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def service(**settings: Any) -> Reputation:
    defaults: dict[str, Any] = {"url": "https://rep.example/{hash}", "path": "result.risk", "listed_from": 0.9}
    return Reputation(**(defaults | settings))


def read(answer: Any, status: int = 200, **settings: Any) -> tuple[str, str]:
    """Outcome and reason of an answer's JSON."""
    about = service(**settings)
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    rating = rating_of(about, parse_path(about.path), Response(status, body))
    return rating.outcome, rating.reason


def test_the_hash_is_of_the_lower_case_address() -> None:
    """Spellings that differ in case alone are one question."""
    digest = sha256(b"jane.doe@example.com").hexdigest()
    assert (digest, "example.com", "jane.doe@example.com") == (ASKED.hash, ASKED.domain, ASKED.address)
    assert bytes.fromhex(digest) == templates.address_hash("JANE.doe@example.com")


@given(st.text(min_size=1))
def test_no_value_gets_out_of_its_place_in_a_url(text: str) -> None:
    """Neither path nor query nor host change, whatever an address holds; and it arrives as it is."""
    if text.encode(errors="replace").decode() != text:
        return
    asked = TemplateValues("0", "example.com", text)
    parts = urlsplit(templates.fill_url("https://rep.example/v1/{address}?q={address}&end=1", asked))
    assert ("rep.example", "") == (parts.netloc, parts.fragment)
    path, query = parts.path.removeprefix("/v1/"), parts.query.removeprefix("q=").removesuffix("&end=1")
    assert not set("/?#&=@ ") & set(path + query)
    assert [text, text] == [unquote(path), unquote(query)]


@given(st.text())
def test_no_value_gets_out_of_its_place_in_a_body(text: str) -> None:
    """The JSON keeps its shape, and the value arrives as it is."""
    asked = TemplateValues("0", "example.com", text)
    filled = templates.fill_body('{"email": "{address}", "of": {"domain": "{domain}"}}', asked)
    assert {"email": text, "of": {"domain": "example.com"}} == json.loads(filled)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("risk", ("risk",)),
        ("a.b.0.c", ("a", "b", "0", "c")),
        (r"example\.com.score", ("example.com", "score")),
        (r"a\\b.c", ("a\\b", "c")),
        ("with space.ß", ("with space", "ß")),
    ],
)
def test_paths(text: str, steps: tuple[str, ...]) -> None:
    """Dots separate, a backslash makes one part of the name."""
    assert steps == parse_path(text)


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a\\", r"a\b"])
def test_paths_that_are_none(text: str) -> None:
    """A fault is said at the start, not taken for a missing value for ever."""
    with pytest.raises(ValueError, match="joined by dots"):
        parse_path(text)


@given(st.lists(st.text(min_size=1), min_size=1), JSON)
def test_a_path_leads_to_what_stands_at_its_end(names: list[str], value: Any) -> None:
    """Any name can be written, dots and backslashes escaped."""
    nested = value
    for name in reversed(names):
        nested = {name: nested}
    text = ".".join(re.sub(r"([.\\])", r"\\\1", name) for name in names)
    assert value == follow(nested, parse_path(text))


@given(JSON, st.text())
def test_a_path_never_fails_otherwise_than_said(value: Any, text: str) -> None:
    """ValueError for one that is none, LookupError where it leads nowhere."""
    try:
        follow(value, parse_path(text))
    except (ValueError, LookupError):
        pass


def test_numbers_index_arrays_and_name_members() -> None:
    """`0` is the first element of an array, and the member "0" of an object."""
    assert 7 == follow({"a": [{"b": 7}]}, ("a", "0", "b")) == follow({"a": {"0": {"b": 7}}}, ("a", "0", "b"))
    for steps in (("a", "1"), ("a", "-1"), ("a", "x"), ("a", "9" * 30), ("a", "0", "b", "c")):
        with pytest.raises(LookupError):
            follow({"a": [{"b": 7}]}, steps)


SCORES = {"listed_from": 0.9, "suspect_from": 0.5}
TEXTS = {"listed_from": None, "listed_values": ("Spam Trap", "true"), "suspect_values": ("risky",)}


@pytest.mark.parametrize(
    ("value", "settings", "expected"),
    [
        (0.93, SCORES, ("listed", "score-0.93")),
        (0.9, SCORES, ("listed", "score-0.9")),
        (0.5, SCORES, ("suspect", "score-0.5")),
        (0.49, SCORES, ("clear", "")),
        (1, SCORES, ("listed", "score-1")),
        (10**400, SCORES, ("listed", "score-999999")),
        (-3, SCORES, ("clear", "")),
        ("spam trap", TEXTS, ("listed", "spam-trap")),
        (" RISKY\n", TEXTS, ("suspect", "risky")),
        ("fine", TEXTS, ("clear", "")),
        (True, TEXTS, ("listed", "risk")),
        (False, TEXTS, ("clear", "")),
        (["fine", "risky"], TEXTS, ("suspect", "risky")),
        (["risky", "Spam Trap"], TEXTS, ("listed", "spam-trap")),
        ([], TEXTS, ("clear", "")),
        ([0.1, 0.7], SCORES, ("suspect", "score-0.7")),
        (None, TEXTS, ("clear", "")),
    ],
)
def test_what_a_value_means(value: Any, settings: dict[str, Any], expected: tuple[str, str]) -> None:
    """Numbers meet thresholds, texts and booleans meet lists, of an array the worst counts, null is nothing known."""
    assert expected == read({"result": {"risk": value}}, **settings)


@pytest.mark.parametrize(
    ("value", "settings", "says"),
    [
        ({"x": 1}, SCORES, "neither"),
        ([["spam trap"]], TEXTS, "neither"),
        ("0.93", SCORES, "listed_values"),
        (True, SCORES, "listed_values"),
        (0.93, TEXTS, "listed_from"),
        (["spam trap", 3], TEXTS, "listed_from"),
    ],
)
def test_values_that_cannot_be_meant_say_nothing(value: Any, settings: dict[str, Any], says: str) -> None:
    """A value of the wrong kind is neither listed nor clear, and the error says what to look at."""
    outcome, reason = read({"result": {"risk": value}}, **settings)
    assert "unknown" == outcome
    assert says in reason


@pytest.mark.parametrize(
    ("body", "status", "outcome", "says"),
    [
        (b"", 404, "clear", ""),
        (b"", 204, "clear", ""),
        (b"{", 200, "unknown", "not JSON"),
        (b"", 200, "unknown", "JSON"),
        (b"\xff", 200, "unknown", "not JSON"),
        (b"[" * 60_000, 200, "unknown", "not JSON"),
        (b"NaN", 200, "unknown", ""),
        (b'{"result": {}}', 200, "unknown", "path"),
        (b"[]", 200, "unknown", "path"),
        (b"", 401, "unknown", "token"),
        (b"", 403, "unknown", "token"),
        (b"", 302, "unknown", "redirect"),
        (b"", 429, "unknown", "HTTP 429"),
        (b'{"result": {"risk": 1}}', 500, "unknown", "HTTP 500"),
        (b'{"result": {"risk": 1}}', 201, "listed", "score-1"),
    ],
)
def test_what_an_answer_means(body: bytes, status: int, outcome: str, says: str) -> None:
    """404 and 204: nothing is known. What can't be read, and what comes with an error, says nothing."""
    found, reason = read(body, status)
    assert outcome == found
    assert says in reason


def test_cut_and_compressed_answers_say_nothing() -> None:
    """The first 64 KiB of an answer may be JSON by accident."""
    whole = b'{"result": {"risk": 1}}'
    for answer in (Response(200, whole, too_long=True), Response(200, whole, encoding="gzip")):
        assert "unknown" == rating_of(service(), ("result", "risk"), answer).outcome


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.integers(100, 599))
def test_no_answer_raises(body: bytes, status: int) -> None:
    """Whatever a stranger sends."""
    about = service(listed_values=("x",), suspect_from=0.1)
    for path in (("a",), ("0", "b")):
        assert rating_of(about, path, Response(status, body)).outcome in ("listed", "suspect", "clear", "unknown")


@given(JSON | st.floats(0, 1e308) | st.integers(min_value=10**300))
def test_reasons_are_short_codes(value: Any) -> None:
    """They go into evidence, metrics and sentences."""
    about = service(listed_values=("x",), suspect_from=-1e308, listed_from=0.5)
    rating = rating_of_value(about, ("a", "0"), value)
    if rating.outcome in ("listed", "suspect"):
        assert re.fullmatch(r"[a-z0-9-]{1,40}|score--?[0-9.]{1,12}", rating.reason)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("999999", 3600.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 15 Jan 2099 07:00:00 GMT", 3600.0),
        ("1e9", 0.0),
        ("", 0.0),
        ("Fri, 15 Jan 99999999999999999999 07:00:00 GMT", 0.0),
        ("Fri, 15 Jan 0001 00:00:00 +2300", 0.0),
    ],
)
def test_retry_after(text: str, seconds: float) -> None:
    """Seconds or a date, an hour at most; anything else is none."""
    assert seconds == ratings.retry_after(text, 1_800_000_000.0)


@given(st.text())
def test_no_retry_after_raises(text: str) -> None:
    """It is a stranger's header."""
    assert 0 <= ratings.retry_after(text, 1_800_000_000.0) <= ratings.RETRY_AFTER_MAX


def test_answers_are_stamped_to_the_second() -> None:
    """ISO 8601, UTC."""
    assert "2027-01-15T08:00:00Z" == ratings.answered_at(1_800_000_000.9)


POST = {"method": "POST", "url": "https://rep.example/v1"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url": "http://127.0.0.1:8080/{hash}"},
        {"url": "http://localhost/{domain}"},
        {"url": "http://[::1]:1/{hash}"},
        {"url": "https://rep.example/{address}", "address_in_clear": True},
        {"url": "https://rep.example/?a={ hash }&b=%2"},
        POST | {"body": '{"sha256": "{hash}", "of": {"domain": "{domain}"}, "more": {}}'},
        POST | {"body": '["{address}"]', "address_in_clear": True},
        {"listed_from": None, "suspect_values": ("x",)},
        {"header": "X-Api-Key", "token_file": "token"},
        {"listed_from": 0.9, "suspect_from": 0.5},
    ],
)
def test_sound_sections(settings: dict[str, Any]) -> None:
    """What can be asked passes."""
    assert [] == faults(service(**settings))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "https://rep.example/{address}"}, "address_in_clear"),
        ({"url": "https://rep.example/{mail}"}, "{mail}"),
        ({"url": "https://rep.example/"}, "whom it is about"),
        ({"url": "http://rep.example/{hash}"}, "https://"),
        ({"url": "http://127.0.0.1.example/{hash}"}, "https://"),
        ({"url": "ftp://rep.example/{hash}"}, "https://HOST"),
        ({"url": "https:///{hash}"}, "https://HOST"),
        ({"url": "{hash}"}, "https://HOST"),
        ({"url": "https://{domain}/x"}, "choose the host"),
        ({"url": "https://{domain}.rep.example/x"}, "choose the host"),
        ({"url": "https://me:secret@rep.example/{hash}"}, "password"),
        ({"url": "https://rep.example/{hash}#x"}, "#"),
        ({"url": "https://rep.example/a b/{hash}"}, "percent-encoded"),
        ({"url": "https://rép.example/{hash}"}, "percent"),
        ({"url": "https://rep.example/{hash}\r\nX: y"}, "percent"),
        ({"url": "https://rep.example/{hash}/{"}, "braces"),
        ({"url": "https://rep.example:99999/{hash}"}, "can't be read"),
        ({"url": "https://[rep/{hash}"}, "can't be read"),
        ({"body": '{"a": "{hash}"}'}, 'method = "POST"'),
        (POST | {"body": '{"a": {hash}}'}, "must be JSON"),
        (POST | {"body": "a={hash}"}, "must be JSON"),
        (POST | {"url": "https://rep.example/{hash}"}, "must be JSON"),
        (POST | {"body": '{"a": "{phone}"}'}, "{phone}"),
        (POST | {"body": '{"a": "{address}"}'}, "address_in_clear"),
        ({"path": ""}, "joined by dots"),
        ({"path": "a..b"}, "joined by dots"),
        ({"rate": "lots"}, "is not a rate"),
        ({"listed_from": None}, "which answers count"),
        ({"listed_from": float("nan")}, "finite"),
        ({"suspect_from": 0.95}, "below listed_from"),
        ({"header": "X-Key"}, "need each other"),
        ({"token_file": "token"}, "need each other"),
        ({"header": "Host", "token_file": "t"}, "set by Sidestep"),
        ({"header": "X-Key:\r\nX-Other", "token_file": "t"}, "not a header's name"),
    ],
)
def test_faulty_sections(settings: dict[str, Any], says: str) -> None:
    """Each fault is named with what to do about it, and no sentence repeats the URL, which may hold a key."""
    found = faults(service(**settings))
    assert [fault for fault in found if says in fault]
    assert not [fault for fault in found if "secret" in fault or "rep.example" in fault]


@given(st.text(), st.text(), st.text(), st.text())
def test_no_section_raises(url: str, body: str, path: str, header: str) -> None:
    """Faults are sentences, whatever stands in the file."""
    found = faults(service(url="https://rep.example/" + url, body=body, path=path, header=header, method="POST"))
    assert all(isinstance(fault, str) for fault in found)


def test_the_examples_of_the_manual_are_sound() -> None:
    """docs/reputation.md shows sections that can be used as they are."""
    page = (Path(__file__).parents[4] / "docs/reputation.md").read_text()
    examples = [block for block in re.findall(r"```toml\n(.*?)```", page, re.S) if "[reputation." in block]
    assert 2 <= len(examples)
    for example in examples:
        for about in parse_sources(example).reputation.values():
            assert [] == faults(about)
