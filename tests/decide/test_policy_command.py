"""`sidestep policy`: all faults on stderr, warnings for what is hardly meant, one line for unreadable files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidestep.streams.cli import main
from sidestep.streams.decide.policy_text import version_of
from sidestep.streams.decide.rules.ladder import RULES
from tests.decide.world import World

Write = Callable[[str], Path]


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, arguments)])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(text): the file it went into."""

    def write(text: str) -> Path:
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_sound_policy_is_shown(new_world: type[World], write: Write) -> None:
    """OK, its version, every rule with its mode, the limits; no warnings for what ships."""
    text = new_world.policy_text()
    result = _run("check", write(text))
    assert (0, "") == (result.exit_code, result.stderr)
    assert result.stdout.startswith("OK: ")
    assert version_of(text) in result.stdout
    assert all(rule.id in result.stdout for rule in RULES)
    assert "12000/min,max_burst=2000" in result.stdout


def test_rules_whose_cases_come_out_otherwise_are_told(new_world: type[World], write: Write) -> None:
    """Not a fault: that is what a policy of one's own is for."""
    result = _run("check", write(new_world.policy_text({"role-address": "reject", "typo-domain": "off"})))
    assert (0, "") == (result.exit_code, result.stderr)
    told = result.stdout.partition("the cases of these rules come out otherwise than as shipped\n")[2]
    assert ["typo-domain", "role-address"] == [line.split()[0] for line in told.splitlines()]
    assert "drop, role-address (as shipped: send, role-address)" in told


def test_a_case_of_its_own_that_comes_out_otherwise_is_a_fault(new_world: type[World], write: Write) -> None:
    """Exit code 1, with what was expected; `show` shows the policy all the same."""
    path = write(new_world.policy_text() + '\n[[cases]]\nname = "ours"\nexpect = "drop"\n')
    result = _run("check", path)
    assert (1, "") == (result.exit_code, result.stdout)
    assert f"{path}: [[cases]] 'ours': expected drop, it is send (no rule)" in result.stderr
    assert 0 == _run("show", path).exit_code


def test_sentences_of_its_own_are_shown_and_told_apart(new_world: type[World], write: Write) -> None:
    """By `show`, and as a difference from what ships."""
    text = new_world.policy_text().replace("[rules.role-address]", "[rules.role-address]\nreason = 'Niemand.'\n#", 1)
    path = write(text)
    assert "sentences of its own\n  role-address                  Niemand." in _run("show", path).stdout
    result = _run("diff", path)
    assert (1, 1) == (result.exit_code, len(result.stdout.splitlines()))
    assert result.stdout.startswith("[rules.role-address] reason: This is the address of a role")
    assert result.stdout.endswith(" → Niemand.\n")
    assert 2 == _run("diff", path, path, path).exit_code


def test_what_is_set_is_shown(new_world: type[World], write: Write) -> None:
    """Limits by MX provider, and on how many lists or on which one."""
    text = new_world.policy_text(provider="77/min").replace("trusted = []", 'trusted = ["ours"]')
    shown = _run("show", write(text)).stdout
    assert "google                        77/min" in shown
    assert "on 2 lists, or on ours" in shown


def test_who_is_believed_and_what_is_offered_again_is_shown(new_world: type[World], write: Write) -> None:
    """By `show` and `check`; [release] is missing from most policies."""
    text = new_world.policy_text()
    assert "what is deferred its service offers again: [release] names nobody" in _run("show", write(text)).stdout
    more = '\n[release]\nservices = ["*"]\nexempt = ["crm"]\nrate = "7/s"\n'
    for command in ("show", "check"):
        shown = _run(command, write(text + more)).stdout
        believed = shown.partition("feedback is believed with\n")[2].splitlines()
        assert [["nothing", "else", "said", "approval"], ["door:lmtp", "token"]] == [it.split() for it in believed[:2]]
        offered = shown.partition("what is deferred Release offers again\n")[2].splitlines()
        assert [["of", "*"], ["but", "not", "of", "crm"], ["together", "7/s"]] == [it.split() for it in offered[:3]]


def test_every_fault_is_a_line_with_the_file_and_the_section(new_world: type[World], write: Write) -> None:
    """On stderr, exit code 1, nothing on stdout."""
    path = write(new_world.policy_text().replace("days = 730", "days = 0"))
    result = _run("check", path)
    assert (1, "") == (result.exit_code, result.stdout)
    lines = result.stderr.splitlines()
    assert 4 == len(lines)
    assert all(line.startswith(f"{path}: [rules.recipient-") for line in lines)


SUSPICIOUS = [
    (
        "domain",
        '"example.com" = "60/min,max_burst=61"',
        "[limits.domain] example.com = 60/min,max_burst=61: the burst is 1.0 minutes'",
    ),
    (
        "service-at-domain",
        'bank = "10/hour,max_burst=5"',
        "[limits.service-at-domain] bank = 10/hour,max_burst=5: the burst is 30.0",
    ),
    ("domain", '"gmial.com" = "1/s"', "[limits.domain] gmial.com: is gmail.com meant?"),
    ("service-at-domain", '"shop@gmial.com" = "1/s"', "[limits.service-at-domain] shop@gmial.com: is gmail.com meant?"),
    ("mx-provider", 'gogle = "1/s"', "[limits.mx-provider] gogle: no provider is called so; is google"),
    (
        "service-at-provider",
        '"a@gogle" = "1/s"',
        "[limits.service-at-provider] a@gogle: no provider is called so; is google",
    ),
    ("mx-provider", 'zzzzzz = "1/s"', "they stand in streams/screen/lists/data/mx_providers.toml"),
    ("service-at-domain", '"shop@Gmail.com" = "1/s"', "shop@Gmail.com: never applies"),
    (
        "service-at-domain",
        '"shop@gmail.com" = "13000/min"',
        "above the limit of all services together, [limits.domain] gmail.com = 12000/min",
    ),
    (
        "service-at-domain",
        'shop = "3001/min"',
        "[limits.service-at-domain] shop = 3001/min: above the limit of all services",
    ),
]


@pytest.mark.parametrize(("section", "line", "sentence"), SUSPICIOUS)
def test_what_is_hardly_meant_is_a_warning(
    new_world: type[World], write: Write, section: str, line: str, sentence: str
) -> None:
    """It is said, and the policy can be used all the same."""
    text = new_world.policy_text()
    head = next(found for found in text.splitlines() if found.startswith(f"[limits.{section}]"))
    result = _run("check", write(text.replace(head, f"{head}\n{line}")))
    assert 0 == result.exit_code
    assert 1 == len(result.stderr.splitlines()), result.stderr
    assert "warning: " in result.stderr
    assert sentence in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        '"shop@gmail.com" = "12000/min"',
        '"shop@example.com" = "3000/min"',
        'bank = "60/min,max_burst=60"',
        '"example.com" = "1/day"',
    ],
)
def test_what_is_at_the_edge_is_no_warning(new_world: type[World], write: Write, line: str) -> None:
    """Equal to the domain's limit, a burst of exactly a minute, one a day: all of it may be meant."""
    text = new_world.policy_text()
    section = "[limits.service-at-domain]" if "@" in line or "bank" in line else "[limits.domain]"
    head = next(found for found in text.splitlines() if found.startswith(section))
    assert "" == _run("check", write(text.replace(head, f"{head}\n{line}"))).stderr


def test_parameters_that_have_no_effect_are_warned_of(new_world: type[World], write: Write) -> None:
    """A first wait above the longest one, opt-outs that stop what people ask for."""
    text = new_world.policy_text().replace("retry_after_max = 14400", "retry_after_max = 60")
    result = _run("check", write(text.replace('exempt = ["transactional"]', "exempt = []")))
    assert 0 == result.exit_code
    assert "retry_after is above retry_after_max" in result.stderr
    assert "exempt is empty" in result.stderr


def test_a_file_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    """One line, and where to get a file to start from."""
    result = _run("check", tmp_path / "none.toml")
    assert 2 == result.exit_code
    assert f"sidestep: {tmp_path / 'none.toml'} can't be read: No such file" in result.stderr
    assert "sidestep policy show --toml" in result.stderr


def test_a_file_that_is_no_text_is_said_to_be(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    path = tmp_path / "latin.toml"
    path.write_bytes('name = "caf\xe9"'.encode("latin-1"))
    result = _run("check", path)
    assert 2 == result.exit_code
    assert "is not UTF-8 text (octet 11)" in result.stderr


def test_the_shipped_policy_can_be_shown_and_started_from(write: Write) -> None:
    """What `show --toml` prints is a policy that `check` takes."""
    shown = _run("show", "--toml").stdout
    assert 0 == _run("check", write(shown)).exit_code
    assert version_of(shown) in _run("show").stdout
    assert version_of(shown) in _run("show", write(shown)).stdout


def test_an_exemption_for_a_stream_that_is_none_is_warned_of(new_world: type[World], write: Write) -> None:
    """It exempts nobody; where the streams are not known nobody can say."""
    text = new_world.policy_text().replace('exempt = ["transactional"]', 'exempt = ["Transactional", "recepts"]')
    result = _run("check", write(text))
    assert "[streams] exempt: there is no stream recepts among those that are known" in result.stderr
    known = 'known = ["transactional", "marketing", "newsletter"]'
    assert "" == _run("check", write(text.replace(known, "known = []"))).stderr
