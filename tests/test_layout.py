"""The tree is what the design says: one copy of each module, a light contract, a catalog without gaps."""

import subprocess
import sys

import pytest

from sidestep import schemas, topics
from sidestep.topics.catalog import BY_NAME, CATALOG

PUBLIC = "from sidestep.topics import *; from sidestep.schemas import *; import sidestep.topics.admin"


def imported_by(statement: str) -> set[str]:
    """Names in sys.modules of a new interpreter after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sys.modules, sep=chr(10))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_there_is_one_copy_of_each_module() -> None:
    """Importing sidestep.streams never brings `streams`, which would be a second copy of it."""
    assert set() == {"streams", "topics", "schemas"} & imported_by(f"import sidestep.streams.cli; {PUBLIC}")


def test_a_service_that_uses_the_contract_does_not_load_the_workers() -> None:
    """Publishing must not cost a service the second that Faust takes, nor its dependencies."""
    heavy = {"faust", "aiokafka", "rocksdict", "dns", "uvloop", "jgo", "rich", "click", "sidestep.streams"}
    assert set() == heavy & imported_by(PUBLIC)


def test_a_service_imports_what_it_needs_from_one_place() -> None:
    """The public names are there for people and for type checkers, and each is the one thing of that name."""
    assert list(topics.__all__) == [getattr(topics, name).__name__ for name in topics.__all__]
    assert [] == [name for name in schemas.__all__ if not hasattr(schemas, name)]
    with pytest.raises(AttributeError, match="no attribute 'Publsher'"):
        topics.Publsher  # type: ignore[attr-defined]  # noqa: B018 - a slip, as a reader may make it


def test_the_models_alone_need_nothing_but_msgspec() -> None:
    """The contract can be used without any Kafka client."""
    assert set() == {"confluent_kafka", "click", "asyncio"} & imported_by("import sidestep.schemas")


def test_listing_the_topics_does_not_load_faust() -> None:
    """The command line imports a sub-command only when it is asked for."""
    command = "from sidestep.streams.cli import main\nmain(['topics', 'list'], standalone_mode=False)"
    assert set() == {"faust", "confluent_kafka", "rich"} & imported_by(command)


def test_topic_names_are_unique() -> None:
    """Two topics of one name would be one topic."""
    assert len(CATALOG) == len(BY_NAME)


def test_what_must_match_another_topic_names_one_that_comes_before_it() -> None:
    """Creation goes through the catalog once."""
    seen: set[str] = set()
    for topic in CATALOG:
        assert topic.same_partitions_as == "" or topic.same_partitions_as in seen
        seen.add(topic.name)


def test_every_topic_says_who_writes_and_who_reads_it() -> None:
    """The catalog is documentation and the base of access rules."""
    assert [t.name for t in CATALOG if not (t.producers and t.consumers and t.about and t.key)] == []


def test_a_topic_is_either_compacted_or_kept_for_a_time() -> None:
    """Retention None means for ever, which only compaction bounds."""
    assert [t.name for t in CATALOG if (t.retention_ms is None) != (t.cleanup == "compact")] == []
