"""Policy files of earlier versions, brought up to this one; and what two policies judge otherwise."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.cli import main
from sidestep.streams.decide.policy_diff import differences
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import parse, problems
from sidestep.streams.decide.policy_upgrade import upgrade
from sidestep.streams.errors import PolicyError

TEXT = SHIPPED.read_text(encoding="utf-8")
SECTIONS = re.findall(r"(?m)^\[(rules\.[a-z-]+|warm-up|slow-down|watch)\]", TEXT)
RULES = [section for section in SECTIONS if section.startswith("rules.")]
SIGNALS = re.findall(r"(?m)^([a-z-]+) = ", TEXT.partition("[risk]\n")[2].partition("[risk-parameters]")[0])


def without(text: str, section: str) -> str:
    """A policy from before that section was there."""
    shorter, count = re.subn(rf"(?ms)^\[{re.escape(section)}\].*?\n\n(?=[#\[])", "", text)
    assert count == 1
    return shorter


def without_signal(text: str, signal: str) -> str:
    """A policy from before that signal was there."""
    head, _, tail = text.partition("[risk]\n")
    shorter, count = re.subn(rf"(?m)^{signal} = .*\n(?:\s+#.*\n)*", "", tail, count=1)
    assert count == 1
    return f"{head}[risk]\n{shorter}"


def run(*arguments: str | Path) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(main, ["policy", *map(str, arguments)])


def test_what_ships_lacks_nothing() -> None:
    """Not a character changes."""
    assert (TEXT, [], []) == upgrade(TEXT, TEXT)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_rule_comes_back_where_it_was(section: str) -> None:
    """With its comments; what is said of it is told."""
    upgraded = upgrade(without(TEXT, section), TEXT)
    if section not in RULES[1:-1]:  # what stands between chapters does not tell to which one it belongs
        assert sorted(TEXT.split("\n")) == sorted(upgraded.text.split("\n"))
    else:
        assert TEXT == upgraded.text
    assert [f"[{section}]"] == [sentence.split()[0] for sentence in upgraded.added]


@given(st.sets(st.sampled_from(SECTIONS), max_size=8), st.sets(st.sampled_from(SIGNALS), max_size=4))
def test_whatever_is_missing_the_upgraded_policy_judges_as_the_shipped_one(
    sections: set[str], signals: set[str]
) -> None:
    """And a second upgrade has nothing to add."""
    old = TEXT
    for section in sections:
        old = without(old, section)
    for signal in signals:
        old = without_signal(old, signal)
    upgraded = upgrade(old, TEXT)
    assert [] == problems(upgraded.text)
    assert [] == differences(parse(TEXT), parse(upgraded.text))
    assert len(sections) + len(signals) == len(upgraded.added)
    assert (upgraded.text, [], []) == upgrade(upgraded.text, TEXT)


def test_what_somebody_has_changed_stays() -> None:
    """Modes, figures, comments, limits of their own."""
    mine = without(TEXT, "rules.trap-risk").replace('mode = "flag"', 'mode = "reject"  # our own word')
    mine = mine.replace('default = "3000/min,max_burst=500"', 'default = "10/min"\n"x.example" = "1/min"')
    mine = mine.replace('"gmail.com" = "12000/min,max_burst=2000"\n', "")
    upgraded = upgrade(mine, TEXT)
    assert [] == problems(upgraded.text)
    rest = iter(upgraded.text.splitlines())
    assert all(line in rest for line in mine.splitlines() if line), "each line of it, in its order"
    assert "gmail.com" not in parse(upgraded.text).domain_limits.named


def test_cases_and_sentences_of_its_own_stay_where_they_are() -> None:
    """What the section before the cases lacks goes in before them."""
    cases = '\n[[cases]]\nname = "x"\nexpect = "send"\n\n[[cases]]\nname = "y"\nexpect = "send"\n'
    worded = TEXT.replace("[rules.role-address]", '[rules.role-address]\nreason = "Nobody."\n#', 1)
    older = worded.replace("unanswered = 25\n", "")
    assert older != worded
    assert (worded + cases, 1) == ((upgraded := upgrade(older + cases, TEXT)).text, len(upgraded.added))


def test_what_is_no_toml_is_refused() -> None:
    """Before anything is made of it."""
    with pytest.raises(PolicyError, match="not TOML"):
        upgrade("[rules", TEXT)


def test_the_command_writes_and_keeps_what_was(tmp_path: Path) -> None:
    """And says what it added; the second time there is nothing to do."""
    path = tmp_path / "mine.toml"
    old = without(TEXT, "rules.suppressed")
    path.write_text(old, "utf-8")
    shown = run("upgrade", path)
    assert (0, TEXT) == (shown.exit_code, shown.stdout)
    assert old == path.read_text("utf-8"), "it was only to be shown"
    written = run("upgrade", path, "--write")
    assert written.stderr.startswith("added: [rules.suppressed] sidestep suppress: somebody has said so by hand")
    assert (TEXT, old) == (path.read_text("utf-8"), (tmp_path / "mine.toml.before").read_text("utf-8"))
    assert "nothing is missing\n" == run("upgrade", path, "--write").stderr
    assert old == (tmp_path / "mine.toml.before").read_text("utf-8")


@pytest.mark.parametrize("wrong", ['[rules.unknown]\nmode = "off"\n', "[rules . listed]\nlists = 3\n"])
def test_the_command_leaves_a_file_alone_that_it_can_not_make_usable(tmp_path: Path, wrong: str) -> None:
    """What is wrong is said."""
    path = tmp_path / "mine.toml"
    old = without(without(TEXT, "rules.suppressed"), "rules.listed").replace(
        "\n[limits.domain]", f"\n{wrong}\n[limits.domain]"
    )
    path.write_text(old, "utf-8")
    result = run("upgrade", path, "--write")
    assert 1 == result.exit_code
    assert "is left as it was: mend this first" in result.stderr
    assert old == path.read_text("utf-8")


def test_a_difference_is_a_line(tmp_path: Path) -> None:
    """Rule, figure, limit, weight: what it was and what it is. Comments are none."""
    path = tmp_path / "mine.toml"
    mine = TEXT.replace("lists = 2", "lists = 3").replace("trusted = []", 'trusted = ["ours"]')
    mine = mine.replace("role-address = 0.15", "role-address = 0.2").replace('"yahoo.com" = "6000', '"yahoo.com" = "60')
    path.write_text(mine.replace('name = "default"', 'name = "mine"  # of our own'), "utf-8")
    result = run("diff", SHIPPED, path)
    assert (1, [
        "[rules.listed] lists: 2 → 3",
        "[rules.listed] trusted: – → ours",
        "[limits.domain] yahoo.com: 6000/min,max_burst=1000 → 60/min,max_burst=1000",
        "[risk] role-address: 0.15 → 0.2",
    ]) == (result.exit_code, result.stdout.splitlines())  # fmt: skip
    assert (0, "both judge alike\n") == ((same := run("diff", SHIPPED)).exit_code, same.stdout)


def test_a_parameter_that_there_is_no_more_is_taken_out(tmp_path: Path) -> None:
    """A list over several lines as well; it is said what there is instead, and what was changed beside it stays."""
    file = tmp_path / "my.toml"
    file.write_text(TEXT.replace("consent_lifts = true ", 'streams = ["marketing",\n    "news",  # ours\n] '), "utf-8")
    assert "let sidestep policy upgrade do so" in run("check", file).stderr
    result = run("upgrade", file, "--write")
    assert 0 == result.exit_code
    assert "taken out: [rules.recipient-unsubscribed] streams" in result.stderr
    assert 0 == run("check", file).exit_code
    assert parse(file.read_text("utf-8")).rules["recipient-unsubscribed"].consent_lifts
