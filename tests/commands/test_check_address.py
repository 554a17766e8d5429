"""sidestep check-address as a shell user sees it: fields, order, pipes that stay open, lines that are wrong."""

import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.cli import main
from sidestep.streams.commands.lines import LINE_MAX, NotAnAddress, address_in, split
from sidestep.streams.local.nameserver import NameServer
from tests.canaries import CANARY_ZONES

COMMAND = [sys.executable, "-c", "from sidestep.streams.cli import main; main()", "check-address"]
PUBLIC = "A 93.184.215.14"
ZONES = CANARY_ZONES | {
    "gmail.com": ["MX 5 gmail-smtp-in.l.google.com"], "gmail-smtp-in.l.google.com": [PUBLIC],
    "good.example": ["600 MX 10 mx.good.example"], "mx.good.example": [PUBLIC],
    "address.example": [PUBLIC], "null.example": ["MX 0 ."], "dangling.example": ["MX 10 mx.gone.example"],
    "loopback.example": ["MX 10 mx.loopback.example"], "mx.loopback.example": ["A 127.0.0.1"],
    "spf.example": [PUBLIC, 'TXT "v=spf1 -all"'], "broken.example": ["MX 10 mx.good.example"],
    "parked.example": ["MX 10 a.h-email.net"], "a.h-email.net": [PUBLIC], "yopmail.com": ["MX 10 mx.good.example"],
    "gmaiil.com": ["MX 10 mx.trap.example"], "hotmaul.de": ["MX 10 mx.trap.example"],
    "outlpok.de": ["MX 10 mx.trap.example"], "mx.trap.example": [PUBLIC],
    "outzlook.com": ["MX 10 mx.outzlook.com"], "mx.outzlook.com": [PUBLIC],
    "xn--bcher-kva.example": ["MX 10 mx.good.example"],
    "test.dbl.example": ["A 127.0.0.2"], "good.example.dbl.example": ["A 127.0.1.106"],
}  # fmt: skip


@pytest.fixture(scope="module")
def dns() -> Iterator[str]:
    """A name server with ZONES, as HOST:PORT."""
    with NameServer(ZONES) as ns:
        ns.fault("broken.example", "servfail")
        ns.fault("outlpok.de", "delay 0.3")
        yield f"{ns.host}:{ns.port}"


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["check-address", *arguments], input=stdin)


def checked(*arguments: str, addresses: list[str]) -> list[dict[str, Any]]:
    result = run("--json", *arguments, stdin="".join(json.dumps(address) + "\n" for address in addresses))
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_field(dns: str) -> None:
    """What is documented, in this order; times of the DNS answer at the end."""
    (found,) = checked("--dns", dns, addresses=["No-Reply+x@Yopmail.com"])
    assert list(found) == [
        "address", "syntax", "reason", "normalized", "identity", "domain", "mx", "mx_reason", "classes", "suggestion",
        "listed", "mx_provider", "mx_checked_at", "mx_ttl", "mailbox", "outcome", "rules", "versions",
    ]  # fmt: skip
    assert abs(found.pop("mx_checked_at") / 1000 - time.time()) < 60
    assert found.pop("versions").keys() == {"policy", "lists", "engine"}
    assert ("rejected", "disposable-address") == (found.pop("outcome"), found.pop("rules")[0]["id"])
    versions = [match.pop("version") for match in found["listed"]]
    assert all(versions) and len(versions) == 2
    assert found == {
        "address": "No-Reply+x@Yopmail.com", "syntax": "ok", "reason": "", "normalized": "No-Reply+x@yopmail.com",
        "identity": "no-reply+x@yopmail.com", "domain": "yopmail.com", "mx": "yes", "mx_reason": "mx",
        "classes": ["disposable", "role"], "suggestion": None, "mx_provider": "", "mx_ttl": 300, "mailbox": None,
        "listed": [{"list": "disposable", "entry": "yopmail.com"}, {"list": "role", "entry": "noreply"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("domain", "mx", "reason"),
    [
        ("gmail.com", "yes", "mx"),
        ("address.example", "yes", "address"),
        ("null.example", "no", "null-mx"),
        ("dangling.example", "no", "dangling-mx"),
        ("loopback.example", "no", "mx-not-global"),
        ("spf.example", "no", "spf-refuses-all"),
        ("gone.example", "no", "nxdomain"),
        ("broken.example", "unknown", "servfail"),
        ("BÜCHER.example", "yes", "mx"),
    ],
)
def test_dns_is_asked(dns: str, domain: str, mx: str, reason: str) -> None:
    """Each kind of domain is found to be what it is."""
    (found,) = checked("--dns", dns, addresses=[f"jane@{domain}"])
    assert (mx, reason) == (found["mx"], found["mx_reason"])


@pytest.mark.parametrize(
    ("address", "classes", "suggestion"),
    [
        ("jane@gmial.com", "typo", "jane@gmail.com"),
        ("jane@outzlook.com", "near-miss", None),
        ("jane@hotmaik.de", "typo", "jane@hotmail.de"),
        ("jane@parked.example", "parked", None),
        ("spam-trap@good.example", "honeypot", None),
        ("x7k2q9zt4mwp@good.example", "machine-made", None),
        ("jane@duck.com", "relay", None),
        ("jane@gmail.com", "free", None),
    ],
)
def test_classes_and_suggestions(dns: str, address: str, classes: str, suggestion: str | None) -> None:
    """What the lists say, weighed by DNS."""
    (found,) = checked("--dns", dns, addresses=[address])
    assert classes in found["classes"]
    assert suggestion == found["suggestion"]


def test_near_misses_that_come_together_are_judged_together(dns: str) -> None:
    """Three with one exchange are a trap cluster, the first of them as well as the last."""
    found = checked("--dns", dns, addresses=["a@gmaiil.com", "b@hotmaul.de", "c@good.example", "d@outlpok.de"])
    assert ["trap-cluster" in one["classes"] for one in found] == [True, True, False, True]
    assert [one["suggestion"] for one in found] == ["a@gmail.com", "b@hotmail.de", None, "d@outlook.de"]
    (alone,) = checked("--dns", dns, addresses=["b@hotmaul.de"])
    assert alone["classes"] == ["near-miss"]


def test_offline_asks_nobody() -> None:
    """mx is unknown, everything else is said."""
    sound, invalid = checked("--offline", addresses=["Jane.Doe+x@GMail.com", "jane@[192.0.2.1]"])
    assert ("unknown", "offline", "janedoe@gmail.com") == (sound["mx"], sound["mx_reason"], sound["identity"])
    assert ("invalid", "domain-literal", "") == (invalid["syntax"], invalid["reason"], invalid["normalized"])
    assert ("unknown", "offline") == (invalid["mx"], invalid["mx_reason"])


def test_an_address_that_is_refused_is_not_asked_about(dns: str) -> None:
    """Its domain is told where it can be read."""
    (found,) = checked("--dns", dns, addresses=["jane..doe@good.example"])
    assert ("two-dots", "good.example", "unknown", "not-asked") == (
        found["reason"], found["domain"], found["mx"], found["mx_reason"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "jane",
        "5",
        "null",
        '["a"]',
        '{"to":"a@b.example"}',
        '"open',
        '"a" "b"',
        '"tab\t"',
        "[" * 10_000,
        b"\xff\xfe",
        b'"\xff"',
        b'"' + b"x" * (LINE_MAX + 10) + b'"',
    ],
)
def test_a_line_that_holds_no_address(line: str | bytes) -> None:
    """Is answered in its place with its number; the others are not disturbed; the exit code says so at the end."""
    octets = line.encode() if isinstance(line, str) else line
    result = run("--offline", "--json", stdin=b'"a@b.example"\n\n' + octets + b'\n"c@d.example"')
    assert result.exit_code == 1
    first, second, third = map(json.loads, result.stdout.splitlines())
    assert ("a@b.example", 3, "c@d.example") == (first["address"], second["line"], third["address"])
    assert second["error"]
    assert run("--offline", stdin=octets).exit_code == 1


def test_odd_strings_survive() -> None:
    """Escapes, lone surrogates, line breaks inside a string, Windows line ends, a byte order mark."""
    result = run("--offline", "--json", stdin=b'\xef\xbb\xbf"\\ud800@x.com"\r\n"a\\nb@x.com"\r\n"\\u00e9@x.com"\n')
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["unsafe-character", "whitespace", ""] == [one["reason"] for one in found]
    assert ["\ud800@x.com", "a\nb@x.com", "é@x.com"] == [one["address"] for one in found]
    assert result.stdout.isascii()


def test_files_are_read_in_turn(tmp_path: Path) -> None:
    """The last line of a file need not end; - is standard input."""
    (tmp_path / "one").write_text('"a@x.com"\n"b@x.com"')
    result = run("--offline", "--json", str(tmp_path / "one"), "-", stdin='"c@x.com"')
    assert ["a@x.com", "b@x.com", "c@x.com"] == [json.loads(line)["address"] for line in result.stdout.splitlines()]
    assert run("--offline", str(tmp_path / "none")).exit_code == 2


@pytest.mark.parametrize("dns", ["127.0.0.1:99999", "127.0.0.1:x", "no such host:53"])
def test_a_name_server_that_makes_no_sense(dns: str) -> None:
    """Is refused at the start, in one line."""
    result = run("--dns", dns, stdin='"a@x.com"')
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_for_people() -> None:
    """One line each; nothing steers the terminal."""
    result = run("--offline", stdin='"jane@gmial.com"\n"a\\u001b[2J@x.com"\n')
    typo, hostile = result.stdout.splitlines()
    assert "perhaps jane@gmail.com" in typo
    assert hostile.startswith("drop    a\N{REPLACEMENT CHARACTER}[2J@x.com  control-character  [address-syntax: ")


def test_addresses_on_the_command_line_and_plain_lines(dns: str, tmp_path: Path) -> None:
    """As a newcomer tries it first: would mail be sent or dropped? With the sentence that a verdict would have."""
    result = run("--dns", dns, "jane@null.example", "jane@good.example")
    dropped, sent = result.stdout.splitlines()
    assert (0, True) == (result.exit_code, dropped.startswith("drop    jane@null.example  mail: no (null-mx)"))
    assert dropped.endswith(
        "  [domain-takes-no-mail: null.example takes no mail: the domain says that it takes no mail "
        "(null MX, RFC 7505).]"
    )
    assert sent == "send    jane@good.example  mail: yes (mx)"
    (tmp_path / "list@home").write_text("jane@broken.example\r\n", "utf-8")
    result = run("--dns", dns, "-", str(tmp_path / "list@home"), stdin='jane@good.example\n"a b"@good.example\n')
    assert ["send", "send", "unknown"] == [line.split()[0] for line in result.stdout.splitlines()]
    result = run("jane")
    assert (2, True) == (
        result.exit_code,
        "neither an address nor a file that can be read: No such file" in result.stderr,
    )


def test_a_policy_of_ones_own_is_asked(dns: str, tmp_path: Path) -> None:
    """What it lets pass is sent."""
    shipped = CliRunner().invoke(main, ["policy", "show", "--toml"]).stdout
    policy = tmp_path / "policy.toml"
    head, _, tail = shipped.partition("[rules.disposable-address]")
    policy.write_text(f"{head}[rules.disposable-address]{tail.replace('reject', 'flag', 1)}", "utf-8")
    found = [
        checked("--dns", dns, *options, addresses=["a@yopmail.com"])[0]["outcome"]
        for options in ((), ("--policy", str(policy)))
    ]
    assert ["rejected", "approved"] == found


@pytest.mark.parametrize(
    ("zones", "reason", "words"),
    [
        ({}, "resolver-denies-all", "the name servers are not to be believed, they deny domains that certainly exist"),
        ({"*": [PUBLIC]}, "resolver-answers-all", "not to be believed, they give an address for every name"),
    ],
)
def test_a_name_server_that_lies_is_told_from_a_domain_that_takes_no_mail(
    zones: dict[str, list[str]], reason: str, words: str
) -> None:
    """In a network without a way out nobody is told that gmail.com does not exist: it is unknown, with exit code 0."""
    with NameServer(zones) as ns:
        server = f"{ns.host}:{ns.port}"
        (found,) = checked("--dns", server, addresses=["bob@gmail.com"])
        result = run("--dns", server, stdin='"bob@gmail.com"')
    assert ("unknown", reason) == (found["mx"], found["mx_reason"])
    assert 0 == result.exit_code
    assert result.stdout.startswith("unknown bob@gmail.com  ") and words in result.stdout


def test_canaries_can_be_chosen_and_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of one's own, in any spelling of IDNA; none, and all is believed; what is no domain is refused."""
    with NameServer({"xn--bcher-kva.example": ["MX 10 mx.example"]}) as ns:
        for canaries, mx in (
            ("", "no"), ("Bücher.example ,", "no"), ("other.example", "unknown"), ("shipped", "unknown")
        ):  # fmt: skip
            monkeypatch.setenv("SIDESTEP_DNS_CANARIES", canaries)
            (found,) = checked("--dns", f"{ns.host}:{ns.port}", addresses=["bob@gmail.com"])
            assert mx == found["mx"], canaries
    monkeypatch.setenv("SIDESTEP_DNS_CANARIES", "gmail.com, no domain")
    result = run("--dns", "127.0.0.1:9", stdin='"bob@gmail.com"')
    assert 2 == result.exit_code
    assert "SIDESTEP_DNS_CANARIES: 'no domain' is no domain" in result.output


def test_order_is_kept_and_a_slow_name_holds_up_no_look_up() -> None:
    """A thousand names behind one that is slow are looked up meanwhile; the answers come in the order given."""
    zones = {"*.fast.example": ["MX 10 mx.fast.example"], "mx.fast.example": [PUBLIC]}
    addresses = ["a@slow.example", *(f"a@n{number}.fast.example" for number in range(1000))]
    with NameServer(zones) as ns:
        ns.fault("slow.example", "drop-first 1")
        started = time.monotonic()
        found = checked("--dns", f"localhost:{ns.port}", addresses=addresses)
        assert time.monotonic() - started < 30
        assert addresses == [one["address"] for one in found]
        assert {"yes"} == {one["mx"] for one in found[1:]}
        assert ns.queries["mx.fast.example"] < 10


def test_a_pipe_that_stays_open_is_answered_line_by_line(dns: str) -> None:
    """A program can ask, read the answer, and ask again."""
    command = [*COMMAND, "--dns", dns, "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None and process.stdout is not None
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        for domain in ("good.example", "null.example", "good.example"):
            process.stdin.write(f'"a@{domain}"\n')
            assert json.loads(process.stdout.readline())["domain"] == domain
        process.stdin.close()
        assert process.wait(10) == 0
        watchdog.cancel()


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    """`| head` wants no traceback."""
    with subprocess.Popen(
        [*COMMAND, "--offline"],
        text=True,
        bufsize=1,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write('"a@x.com"\n')
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write('"a@x.com"\n' * 10)
        assert process.wait(20) == 1
        assert process.stderr.read() == ""


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(1, 5))
def test_lines_do_not_depend_on_how_they_arrive(lines: list[bytes], size: int) -> None:
    """Whatever the chunks: the same lines as splitting the whole."""

    class Slow(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            return super().read(size)

    text = b"\n".join(lines)
    expected = text.split(b"\n") if text else []
    if expected and not expected[-1]:
        expected.pop()
    assert expected == [line for some in split(Slow(text)) for line in some]


@given(st.binary(max_size=40) | st.text(st.characters(), max_size=40).map(json.dumps).map(str.encode))
def test_any_line_is_text_or_refused(line: bytes) -> None:
    """Never another exception."""
    try:
        assert isinstance(address_in(line), str)
    except NotAnAddress as error:
        assert str(error)


def test_sources_are_asked_too(dns: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that was never fetched is fetched first; a zone lists; each match by list, version, entry and reason."""
    monkeypatch.setenv("SIDESTEP_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "traps.txt").write_text("good.example\n", "utf-8")
    sources = tmp_path / "sources.toml"
    sources.write_text(
        '[dnsbl."dbl.example"]\ncodes = "spamhaus-dbl"\n[feeds.traps]\nsource = "traps.txt"\nreason = "trap"\n', "utf-8"
    )
    (found,) = checked("--dns", dns, "--sources", str(sources), addresses=["jane@good.example"])
    feed, zone = found["listed"]
    assert all((feed.pop("version"), zone.pop("version")))
    assert {"list": "traps", "entry": "good.example", "reason": "trap"} == feed
    entry = {"list": "dbl.example", "entry": "good.example 127.0.1.106", "reason": "abused-botnet", "suspect": True}
    assert entry == zone


def test_a_sources_file_that_makes_no_sense(dns: str, tmp_path: Path) -> None:
    """One line that says where the fault is, and exit code 2."""
    sources = tmp_path / "sources.toml"
    sources.write_text('[feeds.traps]\nsorce = "traps.txt"\n', "utf-8")
    for path in (sources, tmp_path / "none.toml"):
        result = run("--dns", dns, "--sources", str(path), stdin='"jane@good.example"\n')
        assert result.exit_code == 2
        assert result.output.startswith("sidestep: ") and result.output.count("\n") == 1


@pytest.mark.parametrize("server", ["", ",", " "])
def test_an_empty_name_server_is_not_the_systems(server: str) -> None:
    """Whoever forgot to set a variable must not have a stranger asked."""
    result = run("--dns", server, stdin='"jane@good.example"\n')
    assert result.exit_code == 2
    assert "names no server" in result.output
