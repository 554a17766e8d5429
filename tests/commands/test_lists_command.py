"""sidestep lists: status, refresh, check; what they print and with which code they leave."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidestep.streams.cli import main
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.shipped import fingerprint

LIST = "evil.example\nbad.example\nworse.example\n"
VERSION = fingerprint(LIST.split())
SOURCES = """
[dnsbl."key.dbl.example.org"]
name = "dbl.example.org"

[feeds.own]
source = "lists/own.txt"

[feeds.shared]
source = "lists/shared.txt"
reason = "spam"

[reputation.oracle]
url = "https://oracle.example/{domain}?key=hunter2"
path = "risk"
listed_values = ["high"]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sources file with two lists beside it, named by the environment; the current folder is another one."""
    (tmp_path / "lists").mkdir()
    for name in ("own", "shared"):
        (tmp_path / "lists" / f"{name}.txt").write_text(LIST)
    (tmp_path / "sources.toml").write_text(SOURCES)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("SIDESTEP_SOURCES", str(tmp_path / "sources.toml"))
    monkeypatch.setenv("SIDESTEP_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["lists", *arguments])


def test_refresh_then_status(here: Path) -> None:
    """Paths start from the sources file; status shows feeds, the lists that ship, and names of who else is asked."""
    result = run("refresh")
    assert (0, f"own: taken, 3 entries, version {VERSION}") == (result.exit_code, result.output.splitlines()[0])
    text = run("status").output
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert ["domains", "3", VERSION] == rows["shared"][:3]
    assert "taken" == rows["own"][-1]
    assert [load_lists().versions["disposable"]] == rows["disposable"]
    assert {"dbl.example.org", "oracle"} <= set(rows)
    assert "hunter2" not in text and "key.dbl" not in text


def test_status_for_programs(here: Path) -> None:
    """One JSON object; before the first refresh nothing was taken, and nobody is asked."""
    document = json.loads(run("status", "--json").output)
    assert ["own", "shared"] == [feed["name"] for feed in document["feeds"]]
    assert (0, "", "", 0) == tuple(document["feeds"][0][name] for name in ("entries", "version", "outcome", "taken_at"))
    assert (["dbl.example.org"], ["oracle"]) == (document["dnsbl"], document["reputation"])
    assert load_lists().versions == document["shipped"]
    assert not (here / "data").exists()


def test_status_without_sources(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists that ship are always there."""
    monkeypatch.delenv("SIDESTEP_SOURCES")
    result = run("status")
    assert (0, True) == (result.exit_code, result.output.startswith("no feeds:"))
    assert "disposable" in result.output


def test_a_refused_feed_is_exit_code_1_until_accepted(here: Path) -> None:
    """The reason stands in the output and in status; --accept takes that feed, and asks for no other."""
    run("refresh")
    (here / "lists/own.txt").write_text("evil.example\n")
    result = run("refresh")
    assert 1 == result.exit_code
    assert "own: refused; 1 entries instead of 3: changed by more than a third; to take it" in result.output
    assert "shared: unchanged" in result.output
    assert "    1 entries instead of 3" in run("status").output
    result = run("refresh", "--accept", "own")
    assert (0, 1) == (result.exit_code, len(result.output.splitlines()))
    assert result.output.startswith("own: taken, 1 entries")


def test_refresh_of_some(here: Path) -> None:
    """Only those that are named."""
    assert ["shared: taken, 3 entries, version " + VERSION] == run("refresh", "shared").output.splitlines()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["refresh", "other"], "no feed is called 'other'; there are: own, shared"),
        (["refresh", "--accept", "other"], "no feed is called 'other'"),
        (["refresh", "--sources", "gone.toml"], "gone.toml can't be read: No such file"),
        (["refresh", "--sources", ""], "no feeds are configured"),
        (["check", "gone.txt"], "gone.txt can't be read"),
        (["check", "../lists/own.txt", "--against", "own"], "sidestep lists refresh own"),
        (["check", "../lists/own.txt", "--against", "../own"], "there is no form of '../own'"),
    ],
)
def test_what_cannot_be_done_is_exit_code_2(here: Path, arguments: list[str], why: str) -> None:
    """With a sentence that says what to do."""
    result = run(*arguments)
    assert 2 == result.exit_code
    assert why in result.output


@pytest.mark.parametrize(
    ("text", "arguments", "code", "said"),
    [
        (LIST, [], 0, "OK: list.txt: 3 domains"),
        (LIST, ["--against", "own"], 0, "OK: list.txt: 3 domains"),
        ("evil.example\n", ["--against", "own"], 1, "list.txt: 1 entries instead of 3: changed by more than a third"),
        ("evil.example\ngmail.com\n", [], 1, "list.txt: gmail.com is a large provider"),
        ("evil.example\nno domain\n", [], 1, "list.txt: list.txt line 2: 'no domain' holds more than one entry"),
        ("jane@gmail.com\n", ["--kind", "addresses"], 0, "OK: list.txt: 1 addresses"),
        ("10 mx.trap.example.\n", ["--kind", "exchanges"], 0, "OK: list.txt: 1 exchanges"),
        ("google.com\n", ["--kind", "exchanges"], 1, "list.txt: google.com is a large provider"),
        ("0" * 64, ["--kind", "sha256"], 0, "OK: list.txt: 1 sha256"),
        ("0" * 64, ["--kind", "md5"], 1, "is not a MD5 in 32 hexadecimal digits"),
        ("a_b.example\n" + "".join(f"a{n}.example\n" for n in range(200)), [], 0, "warning: 1 of 201 lines are"),
    ],
)
def test_check(here: Path, text: str, arguments: list[str], code: int, said: str) -> None:
    """Every fault is a sentence; nothing is changed."""
    run("refresh", "own")
    Path("list.txt").write_text(text)
    result = run("check", "list.txt", *arguments)
    assert code == result.exit_code
    assert said in result.output
    assert {"state.json", f"{VERSION}.txt"} == {path.name for path in (here / "data/feeds/own").iterdir()}


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ('[dnsbl."ABCDEFGHIJKLMNOPQRSTUVWXYZ.zrd.example"]', "seems to hold an account's key"),
        ('[reputation.b]\nurl = "https://api.example/{foo}"\npath = "a"', "[reputation.b] {foo} is unknown"),
        ("[probe]\nenabled = true", "helo"),
        ('[dnsbl."two.example"]\ntimeout = -1', "[dnsbl.two.example]: Expected"),
        ('[dnsbl."two.example"]\nname = "own"', "two lists are called 'own'"),
        ("[dnsbls]", "[dnsbls]: there is no such section"),
    ],
)
def test_status_refuses_what_a_worker_would_refuse(here: Path, section: str, fault: str) -> None:
    """Before one is started, with the section's name, and without an account's key."""
    (here / "sources.toml").write_text(SOURCES + section)
    result = run("status")
    assert 2 == result.exit_code
    assert fault in result.output
    assert "ABCDEFGHIJKLMNOPQRSTUVWXYZ" not in result.output


def test_a_list_without_entries_is_not_taken(here: Path) -> None:
    """Not the first time either: somebody would believe to be protected."""
    (here / "lists/own.txt").write_text("# nothing yet\n")
    result = run("refresh", "own")
    assert 1 == result.exit_code
    assert "own: refused; it has no entries" in result.output
    assert 1 == run("check", str(here / "lists/own.txt")).exit_code
