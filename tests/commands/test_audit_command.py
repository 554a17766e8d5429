"""sidestep audit: what it shows, how it ends, and that a log without its beginning is no guess."""

import json

import click
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.schemas.codec import encode
from sidestep.streams.audit.findings import AuditFinding, AuditReport, PartitionAudit
from sidestep.streams.cli import main
from sidestep.streams.commands.audit import A_STRETCH, as_json_lines, described
from sidestep.streams.commands.past import past_ms
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection
from tests.decide.world import policy

FINDING = AuditFinding("verdict", "differs", "email-approved/1/7", "email-evidence/1/3", "risk is 0.1, …", '{"a":1}')


def report(whole: bool = True) -> AuditReport:
    """Two partitions, of which one is not as it should be."""
    bad = PartitionAudit(1, 70, unjudged=5, whole=whole)
    bad.count("verdict", "proved", 1_200)
    bad.count("link", "proved", 9)
    bad.chained_from = 1_000
    for _ in range(25):
        bad.find(FINDING)
    return AuditReport([PartitionAudit(0, 10, whole=whole), bad])


def test_people_see_a_table_what_was_found_and_how_much_is_proved() -> None:
    """In that order; of many findings some."""
    lines = [click.unstyle(line) for line in described(report())]
    assert ["partition", "proved", "differs"] == lines[0].split()[:3]
    assert ["1", "verdicts", "1,200", "25"] == lines[6].split()[:4]
    assert "partition 1: 5 records wait for Decide, and are left out" == lines[12]
    chained = ["partition 0: chained=0 links, nothing", "partition 1: chained=9 links, from record 1,000 of the log on"]
    assert chained == [lines[11], lines[13]]
    assert "verdicts, differs: 25" == lines[14]
    found = "differs   verdict email-approved/1/7 on email-evidence/1/3: risk is 0.1, …"
    assert [found, '          its recipient before: {"a":1}'] * 20 == lines[15:55]
    assert ["          5 more", "proved=1200/1225"] == lines[55:]
    assert [A_STRETCH, "proved=1200/1225"] == list(described(report(whole=False)))[-2:]


def test_the_gravest_come_first() -> None:
    """However late they are found, in whichever partition; and those that are as grave by their place."""
    one, other = PartitionAudit(0), PartitionAudit(1)
    for number in range(150):
        one.find(AuditFinding("tally", "missing", f"email-tallies/{number % 3}", "", "…"))
        one.find(AuditFinding("verdict", "repeated", f"email-approved/0/{200 - number}", "", "…"))
    for place in ("email-rejected/1/2", "email-approved/1/30", "email-approved/1/4"):
        other.find(AuditFinding("verdict", "extra", place, "", "…"))
    other.find(AuditFinding("link", "missing", "email-evidence/1/1", "", "…"))
    lines = [click.unstyle(line) for line in described(AuditReport([one, other]))]
    heads = ["verdicts, extra: 3", "verdicts, repeated: 150", "links, missing: 1", "tallies, missing: 150"]
    assert heads == [line for line in lines if line in heads]
    places = [line.split()[2].rstrip(":") for line in lines if line.startswith(("extra", "repeated"))]
    assert ["email-approved/1/4", "email-approved/1/30", "email-rejected/1/2", "email-approved/0/101"] == places[:4]
    assert 2 == lines.count("          130 more")
    found = [finding["kind"] for finding in json.loads(next(as_json_lines(AuditReport([one]))))["findings"]]
    assert ["verdict"] * 100 + ["tally"] * 100 == found


def test_programs_get_an_object_a_partition_and_one_for_all() -> None:
    """With every finding that is kept."""
    first, second, whole = map(json.loads, as_json_lines(report()))
    assert ([], {"proved": 1_200, "differs": 25}) == (first["findings"], second["verdicts"])
    assert FINDING._asdict() == second["findings"][24]
    assert {"proved": "1200/1225", "right": False} == whole


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2h", 1_799_992_800_000),
        ("30min ago", 1_799_998_200_000),
        ("2027-01-15", 1_799_971_200_000),
        ("2027-01-15T08:00:00Z", 1_800_000_000_000),
    ],
)
def test_times_are_said_as_people_say_them(text: str, ms: int) -> None:
    """Spans ago, days and moments."""
    assert ms == past_ms(text, 1_800_000_000_000)


@pytest.mark.parametrize("text", ["soon", "2h later", "2027-01-15T08:00:00", "-3h", ""])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    """And told what is one."""
    done = CliRunner().invoke(main, ["audit", f"--since={text}", "--broker", "127.0.0.1:1"])
    assert 2 == done.exit_code and "--since" in done.output


def test_an_empty_log_is_proved_and_one_without_its_beginning_is_not(clean_topics: Connection) -> None:
    """Exit code 2, with the offset that a snapshot would have to stand at; an unknown partition likewise."""
    broker = ["--broker", str(clean_topics)]
    empty = CliRunner().invoke(main, ["audit", *broker])
    assert (0, "proved=0/0") == (empty.exit_code, empty.output.splitlines()[-1]), empty.output
    unknown = CliRunner().invoke(main, ["audit", "--partition", "9", *broker])
    assert 2 == unknown.exit_code and "has no partition 9" in unknown.output
    producer = Producer(clean_topics.librdkafka())
    for _ in range(5):
        producer.produce(EVIDENCE.name, encode(policy()), partition=2)
    assert 0 == producer.flush(10)
    client = AdminClient(clean_topics.librdkafka())
    for future in client.delete_records([TopicPartition(EVIDENCE.name, 2, 3)]).values():
        future.result(10)
    done = CliRunner().invoke(main, ["audit", *broker])
    assert 2 == done.exit_code
    assert "sidestep: email-evidence/2 begins at offset 3: what was before it is no longer retained" in done.output
