"""The pages under docs/ say everything that the code declares."""

import importlib.util
import re
from dataclasses import Field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric

from sidestep.streams import errors as errors_of_streams
from sidestep.streams.commands.receive import receive
from sidestep.streams.commands.replay import replay
from sidestep.streams.commands.serve import serve
from sidestep.streams.settings import Settings
from sidestep.topics import errors
from sidestep.topics.access import Access
from sidestep.topics.catalog import CATALOG, DAY_MS

DOCS = Path(__file__).parents[1] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()


def _generator(name: str = "generate_settings") -> Any:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rows(heading: str) -> set[str]:
    """The first cells of the table under a heading, without the backticks."""
    section = OPERATIONS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.M))


def test_the_settings_page_is_up_to_date() -> None:
    """docs/settings.md is what streams/settings.py says now; if not: python docs/generate_settings.py."""
    assert (DOCS / "settings.md").read_text() == _generator().render()
    assert _generator().main(["--check"]) == 0


def test_a_stale_settings_page_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` fails and says what to run."""
    generator = _generator()
    generator.PAGE = tmp_path / "settings.md"
    assert generator.main(["--check"]) == 1
    assert "generate_settings.py" in capsys.readouterr().err
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0


def test_the_table_of_topics_is_the_catalogs() -> None:
    """Retention, reason, addresses and readers in personal-data.md; if not: python docs/generate_retention.py."""
    generator, page = _generator("generate_retention"), (DOCS / "personal-data.md").read_text()
    assert page == generator.render(page) and generator.main(["--check"]) == 0
    for topic in CATALOG:
        assert f"| `{topic.name}` |" in page and topic.why_so_long


def test_no_topic_with_addresses_is_kept_for_longer_than_a_month() -> None:
    """What is compacted or kept for longer holds no address."""
    assert [t.name for t in CATALOG if t.addresses and not 0 < (t.retention_ms or 0) <= 30 * DAY_MS] == []


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: Field[Any]) -> None:
    """Each has a sentence, and a row in the page."""
    assert setting.metadata["about"]
    assert f"| `SIDESTEP_{setting.name.upper()}` |" in (DOCS / "settings.md").read_text()


def test_settings_that_the_pages_name_exist() -> None:
    """No page tells of a knob that is not there."""
    named = set().union(*(re.findall(r"SIDESTEP_([A-Z_]+[A-Z])", page.read_text()) for page in DOCS.rglob("*.md")))
    options = [*serve.params, *receive.params, *replay.params]
    of_commands = {str(option.envvar).removeprefix("SIDESTEP_").lower() for option in options if option.envvar}
    of_the_other_cluster = {f"to_{each.name}" for each in fields(Access)}
    known = {setting.name for setting in fields(Settings)} | of_commands | of_the_other_cluster
    assert {name.lower() for name in named} <= known


def test_every_metric_is_documented(metric_families: list[Metric]) -> None:
    """The table and what a worker with every role shows name the same metrics."""
    assert _rows("Metrics") == {f"{family.name}{_suffix(family.type)}" for family in metric_families}


def _suffix(kind: str) -> str:
    return "_total" if kind == "counter" else ""


def test_every_error_is_documented() -> None:
    """The table names the errors of topics/errors.py and of streams/errors.py, and no others."""
    declared = {
        name
        for module in (errors, errors_of_streams)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, errors.SidestepError)
    }
    assert _rows("Errors") == declared


def test_every_alert_is_documented() -> None:
    """Whoever is woken by an alert finds out what to do."""
    rules = yaml.safe_load((DOCS.parent / ".deploy/alerts.yml").read_text())["groups"][0]["rules"]
    assert _rows("Alerts") == {rule["alert"] for rule in rules}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/"])
def test_every_endpoint_is_documented(path: str) -> None:
    """Each path has a row."""
    assert path in _rows("Endpoints")


def _links() -> list[tuple[Path, str]]:
    pages = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]
    found = [(page, link) for page in pages for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())]
    return [(page, link) for page, link in found if not re.match(r"[a-z]+:", link)]


def test_every_link_leads_somewhere() -> None:
    """A link of a page to a file, or to a heading of it, finds one."""
    assert len(_links()) > 50
    assert [] == [f"{page.name}: {link}" for page, link in _links() if not _leads(page, link)]


def _leads(page: Path, link: str) -> bool:
    name, _, heading = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not heading or heading in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index() -> None:
    """docs/README.md leads to each page."""
    linked = {(page.parent / link).resolve() for page, link in _links() if page == DOCS / "README.md"}
    assert set() == {page.resolve() for page in DOCS.glob("*.md")} - {DOCS / "README.md"} - linked


PATHS = re.compile(r"`((?:streams|topics|schemas|tests|docs|examples|\.ci)/[\w./-]*)`")


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"])
def test_every_path_that_is_named_exists(page: str) -> None:
    """Who follows a page's path arrives somewhere."""
    named = set(PATHS.findall((DOCS.parent / page).read_text()))
    assert [] == sorted(path for path in named if not (DOCS.parent / path).exists())
    assert len(named) > (40 if page == "docs/architecture.md" else -1)


def test_every_room_is_on_the_map() -> None:
    """docs/architecture.md shows each folder of streams/."""
    shown = (DOCS / "architecture.md").read_text().split("```")[1]
    rooms = {path.parent.name for path in (DOCS.parent / "streams").glob("*/__init__.py")}
    assert set() == {room for room in rooms if f"{room}/" not in shown}


def test_each_decision_has_a_number_of_its_own() -> None:
    """Code and pages name decisions by it. The title says the same number as the file."""
    pages = sorted((DOCS / "decisions").glob("*.md"))
    assert [] == [page.name for page, next_one in pairwise(pages) if page.name[:3] == next_one.name[:3]]
    assert [] == [page.name for page in pages if not page.read_text("utf-8").startswith(f"# {page.name[:3]} ")]
