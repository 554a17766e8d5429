"""A list of mail servers, from the sources file to the verdict, with the real resolver."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import parse as parse_policy
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.build import open_sources
from sidestep.streams.settings import Settings
from sidestep.streams.web.validate.answer import Answerer, CurrentVersions, Result
from sidestep.streams.web.validate.checking import Checker
from tests.canaries import CANARY_ZONES

PUBLIC = "A 93.184.215.14"
ZONES = CANARY_ZONES | {
    "good.example": ["MX 10 mx.good.example"],
    "mx.good.example": [PUBLIC],
    "old.example": ["MX 10 mx.good.example", "MX 20 in7.trap.example"],
    "in7.trap.example": [PUBLIC],
    "gmaiil.com": ["MX 10 in7.trap.example"],
    "trap.example": ["MX 10 mx.good.example"],
    "doubted.example": ["MX 10 mx.doubted.example"],
    "mx.doubted.example": [PUBLIC],
}
SOURCES = """
[feeds.collectors]
source = "collectors.txt"
kind = "exchanges"
reason = "trap"

[feeds.rumours]
source = "rumours.txt"
kind = "exchanges"
suspect = true
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """What /v1/validate says of an address in each domain, each asked for alone."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "sources.toml").write_text(SOURCES)
    (folder / "collectors.txt").write_text("*.trap.example\n")
    (folder / "rumours.txt").write_text("mx.doubted.example\n")
    return asyncio.run(_found(folder))


async def _found(folder: Path) -> dict[str, Result]:
    settings = Settings(data_dir=str(folder / "data"), sources=str(folder / "sources.toml"))
    lists, policy = load_lists(), parse_policy(SHIPPED.read_text("utf-8"))
    async with NameServer(ZONES) as ns:
        sources = open_sources(settings, [ns.address])
        await sources.prepare()
        answerer = Answerer(policy, lists, CurrentVersions(policy.version, lists.versions))
        checker = Checker(sources.inquiry, DomainBook(lists, suggest, partitions=1), answerer)
        loop = asyncio.get_running_loop()
        names = ("old.example", "gmaiil.com", "good.example", "trap.example", "doubted.example")
        results: dict[str, Any] = {}
        for name in names:
            (results[name],) = await checker.check([f"jane@{name}"], "", loop.time() + 10)
        await checker.close()
        await sources.close()
    return results


@pytest.mark.parametrize(
    ("domain", "classes", "suggestion", "stopped", "words"),
    [
        ("old.example", ("trap-cluster",), None, "trap-cluster", "collectors (trap: trap.example, version "),
        (
            "gmaiil.com",
            ("typo", "trap-cluster"),
            "jane@gmail.com",
            "trap-cluster",
            "jane@gmail.com was probably meant.",
        ),
        ("good.example", (), None, None, None),
        ("trap.example", (), None, None, None),
        ("doubted.example", (), None, None, None),
    ],
)
def test_a_domain_with_a_listed_mail_server_is_a_trap_cluster(
    found: dict[str, Result],
    domain: str,
    classes: tuple[str, ...],
    suggestion: str | None,
    stopped: str | None,
    words: Any,
) -> None:
    """Any of its servers will do, and a domain need not look like a slip; the sentence names server, list and entry. A
    domain of that name is none by that, nor is one that a list only suspects."""
    said = found[domain]
    assert (classes, suggestion) == (said.classes, said.suggestion)
    assert stopped == next((rule.id for rule in said.rules if rule.id != "listed-doubtful"), None)
    if stopped:
        assert f"The mail of {domain} goes to in7.trap.example, a server that collects" in said.rules[0].text
        assert words in said.rules[0].text
        assert ["listed", "listed-doubtful"] != [rule.id for rule in said.rules]


def test_what_a_list_only_suspects_is_a_doubtful_listing(found: dict[str, Result]) -> None:
    """With the server that hit."""
    said = found["doubted.example"]
    assert [("rumours", "mx.doubted.example", True)] == [(it.list, it.exchange, it.suspect) for it in said.listed]
    assert ["listed-doubtful"] == [rule.id for rule in said.rules]
