"""sidestep topics grow: what it refuses before anything is changed; tests/guarantees/test_grow.py has what it does."""

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient

from sidestep.streams.cli import main
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection


@pytest.mark.parametrize(
    ("partitions", "said"),
    [
        (5, "can grow to a multiple of that: 8, 12, 16"),
        (2, "can grow to a multiple of that: 8, 12, 16"),
        (4, "the log has 4 partitions already"),
        (12, "there is no group nobody-decide: give SIDESTEP_GROUP as the workers have it"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_changed(
    clean_topics: Connection, partitions: int, said: str
) -> None:
    """Each with what to do."""
    arguments = ["topics", "grow", "--broker", str(clean_topics), "--partitions", str(partitions), "--notice", "0"]
    result = CliRunner().invoke(main, arguments, env={"SIDESTEP_GROUP": "nobody"})
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)
    found = AdminClient(clean_topics.librdkafka()).list_topics(timeout=10).topics
    assert {4} == {len(topic.partitions) for name, topic in found.items() if name == EVIDENCE.name}
