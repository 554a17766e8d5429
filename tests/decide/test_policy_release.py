"""The policy's section [release]: whose deferred intents are offered again, and how fast."""

import pytest

from sidestep.streams.commands.policy_warnings import warnings
from sidestep.streams.decide.policy import Release
from sidestep.streams.decide.policy_diff import differences
from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import parse, parse_logged, problems
from sidestep.streams.settings import Settings

SHIPPED = read_policy(Settings())


def policy(section: str) -> str:
    """The policy that ships, with this section."""
    return f"{SHIPPED}\n[release]\n{section}\n"


def test_nobodys_are_unless_the_policy_says_so() -> None:
    """The section may be left out, and each of its lines."""
    assert Release() == parse(SHIPPED).release == parse(policy("")).release
    assert not Release().names("shop") and 10_000 == Release().interval_us


def test_services_are_named_one_by_one_or_all_but_some() -> None:
    """A star is every service."""
    some = parse(policy('services = ["shop"]\nrate = "10/s"')).release
    assert (True, False, 100_000) == (some.names("shop"), some.names("crm"), some.interval_us)
    rest = parse(policy('services = ["*"]\nexempt = ["crm"]')).release
    assert (True, False) == (rest.names("shop"), rest.names("crm"))


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ('services = "shop"', "[release] services = 'shop': expected a list of texts"),
        ("rate = 10", '[release] rate = 10: expected a text such as "10/min"'),
        ('service = ["shop"]', "[release] service: unknown; there are services, exempt, rate"),
    ],
)
def test_what_makes_no_sense_is_told(section: str, fault: str) -> None:
    """Each with its line."""
    assert [fault] == problems(policy(section))
    assert ["[release]: must be a table"] == problems("release = 1\n" + SHIPPED)


def test_a_policy_of_a_later_version_counts_as_far_as_it_is_known() -> None:
    """In the log; a file is checked."""
    logged = parse_logged(policy('services = ["shop"]\nlater = 1')).release
    assert logged.names("shop")


def test_differences_and_what_is_hardly_meant_are_told() -> None:
    """As of other sections."""
    old, new = parse(SHIPPED), parse(policy('services = ["shop"]\nexempt = ["shop", "crm"]\nrate = "30/hour"'))
    assert [
        "[release] services: – → shop",
        "[release] exempt: – → crm, shop",
        "[release] rate: 100/s → 30/hour",
    ] == differences(old, new)
    told = [line for line in warnings(new, lambda _: None, ()) if line.startswith("[release]")]
    assert ["exempt: crm changes", "exempt: shop stands", "rate = 30/hour: that"] == [
        " ".join(line.removeprefix("[release] ").split()[: 4 if "rate" in line else 3]) for line in told
    ]
