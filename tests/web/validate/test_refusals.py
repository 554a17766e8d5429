"""What is refused, and how: tokens, limits, hostile bodies. Always a 4xx that says what to do, never a 5xx."""

import gzip
import json
import logging
import select
import socket
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidestep.streams.web.validate import bodies
from tests.fixture_types import WaitUntil
from tests.web.validate.service import NewService, Reply, Service

ONE = b'{"address": "jane@good.example"}'
BODY_MAX = 512 * 1024


def _refused(reply: Reply, status: int, code: str) -> str:
    """RFC 9457: the media type, the status once more, and a sentence. Gives the sentence."""
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json"), reply.body
    assert (reply.json["status"], reply.json["code"]) == (status, code)
    sentence: str = reply.json["detail"]
    assert len(sentence) > 20
    return sentence


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer wrong",
        "Bearer a b",
        "sidestep_of-the-tests",
        "Bearer " + "x" * 3000,
        "Bearer \xff\xfe",
        "Bearer sidestep_of-the-tests.",
    ],
)
def test_without_a_known_token_nothing_is_answered(service: Service, header: str | None) -> None:
    """401 with a challenge (RFC 6750), before anything of the body is looked at."""
    headers = {} if header is None else {"Authorization": header}
    reply = service.ask("POST", "/v1/validate", b"not even JSON", **headers)
    _refused(reply, 401, "unauthorized")
    challenge = reply.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="sidestep"')
    assert ('error="invalid_token"' in challenge) == bool(header)  # RFC 6750 3.1: no error where nothing was tried


def test_the_scheme_is_read_as_rfc_9110_has_it(service: Service) -> None:
    """Its case does not matter, the token's does."""
    good = service.ask("POST", "/v1/validate", ONE, Authorization=f"bEARER {service.token}",
                       Content_Type="application/json; charset=utf-8")  # fmt: skip
    assert good.status == 200
    assert service.post(ONE, token=service.token.upper()).status == 401


def test_a_rate_is_counted_in_addresses(anew: NewService) -> None:
    """Three a minute: two and one conform, a fourth is told when to come back; other tokens are not affected."""
    own = anew()
    for addresses in (["a@good.example"] * 2, ["a@good.example"]):
        assert own.post(json.dumps({"addresses": addresses}).encode(), token=own.slow_token).status == 200
    reply = own.post(ONE, token=own.slow_token)
    _refused(reply, 429, "over-rate")
    assert 0 < int(reply.headers["retry-after"]) <= 20
    assert own.post(ONE).status == 200


def test_a_batch_that_no_waiting_would_let_through_is_refused_for_good(service: Service) -> None:
    """Not 429, which would be tried again for ever."""
    reply = service.post(json.dumps({"addresses": ["a@good.example"] * 4}).encode(), token=service.slow_token)
    assert "allows 3" in _refused(reply, 422, "over-burst")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                                          "multipart/form-data; boundary=x", "application/problem+json"])  # fmt: skip
def test_only_json_is_taken(service: Service, content_type: str) -> None:
    """A form that a page of strangers sends is none: browsers send JSON to others only after asking (CORS)."""
    _refused(service.post(ONE, content_type=content_type), 415, "not-json")


def test_a_compressed_body_is_not_unpacked(service: Service) -> None:
    """A kilobyte may hold a megabyte, or a gigabyte."""
    bomb = gzip.compress(b" " * 50_000_000 + ONE)
    _refused(service.post(bomb, Content_Encoding="gzip"), 415, "compressed")


def test_a_body_that_is_too_large(service: Service) -> None:
    """Refused by its announced size, and by what arrives when none is announced."""
    exact = ONE + b" " * (BODY_MAX - len(ONE))
    assert service.post(exact).status == 200
    _refused(service.post(exact + b" "), 413, "too-large")
    head = (f"POST /v1/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.token}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode()  # fmt: skip
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert b" 413 " in _raw(service, head + chunk * 9 + b"0\r\n\r\n").split(b"\r\n")[0]


def test_a_size_alone_is_enough_to_refuse(service: Service) -> None:
    """Ten gigabytes are announced and none is sent: the answer comes at once."""
    head = (f"POST /v1/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n").encode()  # fmt: skip
    assert b" 413 " in _raw(service, head).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "framing",
    [
        b"Transfer-Encoding: chunked\r\n\r\nnot hex\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_body_that_is_not_framed_as_http_has_it(service: Service, framing: bytes) -> None:
    """400, whoever notices; the server goes on."""
    head = (f"POST /v1/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.token}\r\n"
            "Content-Type: application/json\r\n").encode()  # fmt: skip
    assert b" 400 " in _raw(service, head + framing).split(b"\r\n")[0]
    assert service.ask("GET", "/livez").status == 200


def _raw(service: Service, octets: bytes) -> bytes:
    """What comes back for octets."""
    with socket.create_connection((service.host, service.port), timeout=20) as connection:
        connection.sendall(octets)
        return connection.recv(65_536)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xef\xbb\xbf" + ONE,
        ONE + b"}",
        b'{"address": "\xff@x.com"}',
        b"\x00",
        b"NaN",
        b'{"address": "\xed\xa0\x80@x.com"}',
        b'{"address": "\\ud800@x.com"}',
        b'{"address": "\\udc00\\ud800@x.com"}',
        b"'single'",
        ONE.decode().encode("utf-16"),
        b'{"address": "a@x.com",}',
    ],
)
def test_what_is_not_json(service: Service, body: bytes) -> None:
    """400, with an example of what is."""
    assert "for example" in _refused(service.post(body), 400, "not-json")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b'"a@x.com"',
        b"5",
        b'{"address": null}',
        b'{"address": 5}',
        b'{"address": ["a"]}',
        b'{"addresses": "a@x.com"}',
        b'{"addresses": [5]}',
        b'{"address": "a", "addresses": ["a"]}',
        b'{"address": "a", "deadline_ms": 0}',
        b'{"address": "a", "deadline_ms": 5001}',
        b'{"address": "a", "deadline_ms": "500"}',
        b'{"address": "a", "deadline_ms": 1e999}',
        b'{"address": "a", "deadline_ms": true}',
        b'{"address": "a", "stream": "' + b"x" * 201 + b'"}',
        b'{"address": ' + b"[" * 200_000,
        b'{"x": ' * 50_000,
        b"[" * 500_000,
        b'{"addresses": [' + b"[" * 200_000,
    ],
)
def test_json_that_says_something_else(service: Service, body: bytes) -> None:
    """422 (or 400 where it isn't even whole), however deeply it is nested."""
    reply = service.post(body)
    assert reply.status in (400, 422) and reply.json["detail"]


def test_an_unknown_field_is_named(service: Service) -> None:
    """A misspelled one would be ignored for ever. A very long name is cut."""
    reply = service.post(b'{"address": "a@x.com", "dead_line": 5}')
    assert "`dead_line`" in _refused(reply, 422, "unfit")
    reply = service.post(b'{"' + b"x" * 100_000 + b'": 5}')
    assert len(_refused(reply, 422, "unfit")) < 500


@pytest.mark.parametrize("text", ["a" * 200_000 + "@x.com", "é" * 100_000, "@" * 300_000, '"' * 200_000, "\0@\0",
                                  "a@" + "é." * 60_000, "<" * 200_000 + ">", "\u0301" * 100_000])  # fmt: skip
def test_monstrous_addresses_are_answers(service: Service, text: str) -> None:
    """They are no addresses, and that is said."""
    reply = service.post(json.dumps({"address": text}, ensure_ascii=False).encode())
    assert (reply.status, reply.json["outcome"], reply.json["address"]) == (200, "rejected", text)


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["address", "addresses", "stream", "deadline_ms", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@QUICK
@given(st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode))
def test_any_body_is_answered(service: Service, body: bytes) -> None:
    """200 for what fits, 400 or 422 for everything else."""
    reply = service.post(body)
    assert reply.status in (200, 400, 422), reply.body
    assert (reply.status == 200) == ("versions" in str(reply.json))


@QUICK
@given(st.lists(st.text(max_size=40) | st.emails(), min_size=1, max_size=20))
def test_any_texts_are_answered_in_their_order(service: Service, texts: list[str]) -> None:
    """Whatever it is, it has a result."""
    assert texts == [result["address"] for result in service.check(*texts, deadline_ms=1)]


def test_other_paths_and_methods(service: Service) -> None:
    """404 and 405 with what is allowed; a browser's preflight gets no leave (no CORS)."""
    _refused(service.ask("GET", "/v1/nothing"), 404, "not-found")
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        reply = service.ask(method, "/v1/validate", Origin="https://shop.example")
        _refused(reply, 405, "method-not-allowed")
        assert reply.headers["allow"] == "POST"
        assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/openapi.json"])
def test_what_needs_no_token(service: Service, path: str) -> None:
    """Health, the description, and the list of paths; HEAD too."""
    assert service.ask("GET", path).status == 200
    assert (service.ask("HEAD", path).status, service.ask("HEAD", path).body) == (200, b"")


def test_answers_are_kept_by_nobody_and_name_no_versions(service: Service) -> None:
    """On errors neither."""
    for reply in (service.post(ONE), service.post(b"{"), service.ask("GET", "/nothing"), service.ask("GET", "/livez")):
        assert (reply.headers["cache-control"], reply.headers["server"]) == ("no-store", "sidestep")
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_neither_tokens_nor_addresses_are_logged(
    service: Service, caplog: pytest.LogCaptureFixture, wait_until: WaitUntil
) -> None:
    """At no level, whether it goes well or not."""
    with caplog.at_level(logging.DEBUG):
        service.post(b'{"address": "very.private@good.example"}')
        service.post(b'{"address": "very.private@good.example", "very.private": 1}')
        service.post(ONE, token="very.private")
        broken = b"POST /v1/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer very.private\x00\r\n\r\n"

        def told() -> bool:  # one line a second, and another test may have had the last one
            assert b" 400 " in _raw(service, broken).split(b"\r\n")[0]
            return "a connection failed: BadHttpMessage" in caplog.text

        wait_until(told)
    assert "very.private" not in caplog.text and service.token not in caplog.text


def test_requests_without_their_bodies_are_few_for_each_token(
    anew: NewService, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    """From some number on a token's next one is refused, and taken again when others have ended; another token's is not
    concerned."""
    monkeypatch.setattr(bodies, "BODIES_EACH", 3)
    own = anew()
    head = (
        f"POST /v1/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {own.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(ONE)}\r\n\r\n"
    )
    with ExitStack() as stack:
        waiting = [stack.enter_context(socket.create_connection((own.host, own.port), timeout=20)) for _ in range(4)]
        for each in waiting:
            each.sendall(head.encode())
        (refused, *_), _, _ = select.select(waiting, [], [], 20)
        assert b" 429 " in refused.makefile("rb").readline()
        assert own.post(ONE, token=own.slow_token).status == 200
        taken = next(each for each in waiting if each is not refused)
        taken.sendall(ONE)
        assert b" 200 " in taken.makefile("rb").readline()
    wait_until(lambda: own.post(ONE).status == 200)
