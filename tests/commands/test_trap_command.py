"""sidestep trap on a real broker: records where they belong, notes that agree, lists of providers, what is refused."""

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sidestep.schemas import TrapRecord
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.cli import main
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.keys import Keys
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import read

SECRET = sha256(b"of the tests").hexdigest()
KEY = Keys(bytes.fromhex(SECRET)).recipient("jane@example.com")
JANE = f"hash:{KEY.hex()}@example.com"


def run(*arguments: str, text: str | None = None) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(main, ["trap", *arguments], input=text, env={"SIDESTEP_HASH_KEY": SECRET})


def on(connection: Connection, *arguments: str, text: str | None = None) -> str:
    """What the command says; it must succeed."""
    result = run(*arguments, "--broker", str(connection), text=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def records(connection: Connection) -> list[tuple[int, TrapRecord]]:
    """The log's, with their partitions, committed ones only."""
    found = [
        (message.partition() or 0, decode_evidence(message.value())) for message in read(connection, EVIDENCE.name)
    ]
    return [(partition, record) for partition, record in found if isinstance(record, TrapRecord)]


def listed(connection: Connection) -> list[dict[str, Any]]:
    """What `list --json` prints."""
    return [json.loads(line) for line in on(connection, "list", "--json").splitlines()]


def test_what_is_reported_stands_in_its_partition_and_in_the_list(clean_topics: Connection) -> None:
    """An address only as its hash; a mistake taken back is gone from the list, and the log says so."""
    said = on(clean_topics, "report", "Jane@example.com", "example.org", "--by", "abusix", "--hit-at", "2026-10-01")
    assert "no more mail goes to 2 addresses and domains: known as traps from now on" in said
    assert "sidestep anomalies" in said
    found = records(clean_topics)
    assert {(partition_of(name, EVIDENCE.partitions), name) for name in ("example.com", "example.org")} == {
        (partition, record.domain) for partition, record in found
    }
    assert {KEY, b""} == {record.recipient_key for _, record in found}
    assert {1_790_812_800_000} == {record.hit_at for _, record in found}
    assert {JANE, "example.org"} == {each["subject"] for each in listed(clean_topics)}
    head, *rows = on(clean_topics, "list").splitlines()
    assert ["what", "since", "hit", "by", "reason"] == head.split()
    assert all("2026-10-01T00:00:00Z" in row and row.endswith("abusix") for row in rows)
    assert JANE in on(clean_topics, "list", "jane@example.com")
    assert "1 address or domain no longer taken for a trap\n" == on(clean_topics, "remove", JANE)
    gone = run("list", "jane@example.com", "--broker", str(clean_topics))
    assert (1, "no traps are known\n") == (gone.exit_code, gone.stdout)
    assert [True] == [record.lifted for _, record in records(clean_topics) if record.reason == "removed"]
    again = run("remove", "jane@example.com", "example.net", "--broker", str(clean_topics))
    assert (1, ["jane@example.com was not taken for a trap", "example.net was not taken for a trap"]) == (
        again.exit_code,
        again.stdout.splitlines(),
    )


def test_a_key_without_its_domain_is_reported_everywhere(clean_topics: Connection) -> None:
    """As email-evidence has it."""
    on(clean_topics, "report", b64encode(KEY).decode(), "--reason", "found in the log")
    found = records(clean_topics)
    assert list(range(EVIDENCE.partitions)) == sorted(partition for partition, _ in found)
    assert {("", KEY)} == {(record.domain, record.recipient_key) for _, record in found}
    assert [f"hash:{KEY.hex()}"] == [each["subject"] for each in listed(clean_topics)]
    assert "1 address or domain no longer taken for a trap\n" == on(clean_topics, "remove", "jane@example.com")


def test_a_providers_list_comes_in_and_goes_out(clean_topics: Connection, tmp_path: Path) -> None:
    """A file with a fault changes nothing, and every fault is named."""
    path = tmp_path / "hits.csv"
    path.write_text("email,hit_at,reason\njane@example.com,2026-10-01,pristine\ntom@example.com,,\n")
    on(clean_topics, "import", str(path), "--by", "abusix", "--reason", "its list")
    before = listed(clean_topics)
    assert {("pristine", "2026-10-01T00:00:00Z"), ("its list", None)} == {
        (each["reason"], each.get("hit_at")) for each in before
    }
    exported = on(clean_topics, "list", "--json")
    on(clean_topics, "import", "-", text=exported)
    assert {each["subject"] for each in before} == {each["subject"] for each in listed(clean_topics)}
    path.write_text(f"email,hit_at\nmia@example.com,\n{'5e' * 16},\njoe@example.com,yesterday\n")
    failed = run("import", str(path), "--broker", str(clean_topics))
    assert 1 == failed.exit_code
    assert "nothing was written:" in failed.output
    assert f"{path}: line 3: '{'5e' * 16}' looks like a hash of an address" in failed.output
    assert f"{path}: line 4: hit_at is neither Unix seconds" in failed.output
    assert 2 == len(listed(clean_topics))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "nonsense"), "neither an address nor a domain"),
        (("report", "example.org", "--hit-at", "2050-01-01"), "is not between the year 2000 and tomorrow"),
        (("remove", "hash:1"), "expected 32 hex digits"),
    ],
)
def test_what_can_not_be_is_refused_with_the_reason(
    clean_topics: Connection, arguments: tuple[str, ...], said: str
) -> None:
    """And nothing is written."""
    result = run(*arguments, "--broker", str(clean_topics))
    assert result.exit_code in (1, 2)
    assert said in result.output
    assert [] == records(clean_topics)
