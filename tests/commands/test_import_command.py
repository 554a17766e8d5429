"""sidestep import as somebody at a shell sees it: the list again with verdicts, the summary, the page, exit codes."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidestep.streams.cli import main
from sidestep.streams.local.nameserver import SMALL_WORLD, NameServer
from tests.private_files import open_to_others

LIST = """Name;E-Mail;Source;Phone
Ada;ada@gmail.com;shop;+49 123
Ada;A.D.A@googlemail.com;fair;
Bob;bob@gmial.com;fair;
=cmd();info@outlook.com;fair;
;;fair
Dan;dan at home;fair;1;more
"""


@pytest.fixture(scope="module")
def dns() -> Iterator[str]:
    """The demo's small world, as HOST:PORT."""
    with NameServer(SMALL_WORLD) as ns:
        yield f"{ns.host}:{ns.port}"


def _import(folder: Path, text: str, *options: str, code: int = 0) -> Result:
    (folder / "list.csv").write_text(text, "utf-8")
    done = CliRunner().invoke(main, ["import", str(folder / "list.csv"), *options])
    assert code == done.exit_code, done.output
    return done


def _answers(folder: Path, delimiter: str = ";") -> list[dict[str, str]]:
    with (folder / "list.checked.csv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_the_list_comes_back_with_verdicts(tmp_path: Path, dns: str) -> None:
    """Each row in its place with all that stood in it, one without an address too; duplicates by mailbox."""
    _import(tmp_path, LIST, "--dns", dns)
    found = _answers(tmp_path)
    assert ["Ada", "Ada", "Bob", "'=cmd()", "", "Dan"] == [row["Name"] for row in found]
    assert ["send", "send", "drop", "send", "drop", "drop"] == [row["sidestep_verdict"] for row in found]
    assert ["", "1", "", "", "", ""] == [row["sidestep_duplicate_of"] for row in found]
    assert ("bob@gmail.com", "") == (found[2]["sidestep_suggestion"], found[0]["sidestep_suggestion"])
    assert ("+49 123", "more") == (found[0]["Phone"], found[5][""])
    assert "address-syntax" == found[4]["sidestep_reason"] == found[5]["sidestep_reason"]
    assert [] == open_to_others(tmp_path / "list.checked.csv")


def test_verdicts_are_those_of_check_address(tmp_path: Path, dns: str) -> None:
    """The same code answers both."""
    _import(tmp_path, LIST, "--dns", dns)
    for row in _answers(tmp_path):
        if "@" in row["E-Mail"]:
            done = CliRunner().invoke(main, ["check-address", row["E-Mail"], "--dns", dns, "--json"])
            said = json.loads(done.output)
            rules = [each["id"] for each in said["rules"]]
            told = [row["sidestep_reason"], *row["sidestep_flags"].split()]
            assert rules == [each for each in told if each]
            assert {"approved": "send", "rejected": "drop"}[said["outcome"]] == row["sidestep_verdict"]


def test_order_does_not_matter_to_a_collector_of_slips(tmp_path: Path) -> None:
    """The first of three near misses with one exchange is a trap cluster, although thousands of rows are between."""
    zones = {name: ["MX 10 mx.trap.example"] for name in ("gmaiil.com", "hotmaul.de", "outlpok.de")}
    zones |= {"mx.trap.example": ["A 93.184.215.14"], "gmail.com": ["A 93.184.215.14"]}
    between = "".join(f"x{number}@gmail.com\n" for number in range(5_000))
    with NameServer(zones) as ns:
        text = f"a@gmaiil.com\n{between}b@hotmaul.de\nc@outlpok.de\n"
        _import(tmp_path, text, "--dns", f"{ns.host}:{ns.port}", "--address", "1")
    found = [row for row in _answers(tmp_path, ",") if not row["1"].startswith("x")]
    assert ["trap-cluster"] * 3 == [row["sidestep_reason"] for row in found]


def test_a_bad_list(tmp_path: Path, dns: str) -> None:
    """It is said, with the figures, in each form; the exit code is 1. The page loads nothing and holds no address."""
    text = "email,source\n" + "".join(f"a{each}@gmail.com,shop\n" for each in range(90))
    text += "".join(f"b{each}@gone{each}.example,<b>fair</b>\n" for each in range(20))
    done = _import(tmp_path, text, "--dns", dns, "--html", str(tmp_path / "page.html"), code=1)
    assert "This list is bad as a whole" in done.output
    assert "the list: 20 of 110 rows (18.2 %; bad from 5 % on) can't be reached" in done.output
    assert "History was not looked at" in done.output
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "bad as a whole" in page and "<svg" in page and "&lt;b&gt;fair" in page and "default-src 'none'" in page
    assert [] == [each for each in ("http://", "https://", "<script", "<b>fair", "@gmail.com") if each in page]
    (tmp_path / "list.checked.csv").unlink()
    said = json.loads(_import(tmp_path, text, "--dns", dns, "--json", code=1).stdout)
    assert (110, 90, False) == (said["rows"], said["usable"], said["history"])
    assert {"rows": 20, "drop": 20, "unreachable": 20, "stopped": 20} == said["sources"]["<b>fair</b>"]


def test_offline_defers_what_it_can_not_know(tmp_path: Path) -> None:
    """Unknown is never rejected."""
    done = _import(tmp_path, "email\nada@gmail.com\nno address\n", "--offline")
    assert "1 deferred: too little is known" in done.output
    assert ["defer", "drop"] == [row["sidestep_verdict"] for row in _answers(tmp_path, ",")]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """Neither an earlier answer nor, by a slip, the list; and a list that can't be read leaves no answers."""
    _import(tmp_path, LIST, "--offline")
    assert "is there already" in _import(tmp_path, LIST, "--offline", code=2).output
    assert (
        "is there already" in _import(tmp_path, LIST, "--offline", "--out", str(tmp_path / "list.csv"), code=2).output
    )
    (tmp_path / "list.checked.csv").unlink()
    (tmp_path / "list.csv").write_bytes(b"email\n" + b"a@x.example\n" * 20_000 + b"\xff@x.example\n")
    done = CliRunner().invoke(main, ["import", str(tmp_path / "list.csv"), "--offline"])
    assert 2 == done.exit_code and "not utf-8 after line" in done.output
    assert ["list.csv"] == [path.name for path in tmp_path.iterdir()]


def test_help_says_when_history_is_not_in_it() -> None:
    """Nobody should send a campaign believing otherwise."""
    told = CliRunner().invoke(main, ["import", "--help"]).output
    assert "WITHOUT --broker HISTORY IS NOT LOOKED AT" in " ".join(told.split())
