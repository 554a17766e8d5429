"""sidestep suppress on a real broker: records where they belong, notes that agree, files in and out, keys that fit."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from sidestep.schemas import FormerKeys, SuppressRecord
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.cli import main
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.control import Written
from sidestep.streams.screen.keys import Keys
from sidestep.topics.catalog import CONTROL, EVIDENCE
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import read

SECRET = sha256(b"of the tests").hexdigest()
KEYS = Keys(bytes.fromhex(SECRET))
JANE = f"hash:{KEYS.recipient('jane@example.com').hex()}@example.com"


def run(*arguments: str, secret: str = SECRET, text: str | None = None) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(main, ["suppress", *arguments], input=text, env={"SIDESTEP_HASH_KEY": secret})


def on(connection: Connection, *arguments: str, text: str | None = None) -> str:
    """What the command says; it must succeed."""
    result = run(*arguments, "--broker", str(connection), text=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def records(connection: Connection) -> list[tuple[int, SuppressRecord]]:
    """The log's, with their partitions, committed ones only."""
    found = [
        (message.partition() or 0, decode_evidence(message.value())) for message in read(connection, EVIDENCE.name)
    ]
    return [(partition, record) for partition, record in found if isinstance(record, SuppressRecord)]


def listed(connection: Connection) -> list[dict[str, Any]]:
    """What `export` prints."""
    return [json.loads(line) for line in on(connection, "export").splitlines()]


def test_what_is_suppressed_stands_in_its_partition_and_in_the_list(clean_topics: Connection) -> None:
    """An address only as its hash; taken back it is gone from the list, and the log says so."""
    said = on(clean_topics, "add", "Jane@example.com", "example.org", "--reason", "asked by post", "--by", "ops")
    assert "no more mail goes to 2 addresses and domains\n" == said
    found = records(clean_topics)
    assert {(partition_of(record.domain, EVIDENCE.partitions), record.domain) for _, record in found} == {
        (partition, record.domain) for partition, record in found
    }
    assert {KEYS.recipient("jane@example.com"), b""} == {record.recipient_key for _, record in found}
    assert {JANE, "example.org"} == {each["subject"] for each in listed(clean_topics)}
    head, *rows = on(clean_topics, "list").splitlines()
    assert ["what", "since", "until", "by", "reason"] == head.split()
    assert all("for good" in row and row.endswith("ops  asked by post") for row in rows)
    assert "jane" not in "".join(rows).lower()
    assert JANE in on(clean_topics, "list", "jane@example.com")
    assert "1 address or domain no longer suppressed\n" == on(clean_topics, "remove", JANE)
    gone = run("list", "jane@example.com", "--broker", str(clean_topics))
    assert (1, "nothing is suppressed\n") == (gone.exit_code, gone.stdout)
    assert [True] == [record.lifted for _, record in records(clean_topics) if record.reason == "removed"]


def test_what_was_not_suppressed_is_told_apart_from_what_was(clean_topics: Connection) -> None:
    """A slip of the keyboard is no success, and of a domain not all is let through because of one address."""
    on(clean_topics, "add", "jane@example.com", "example.org", "--reason", "asked by post")
    said = on(clean_topics, "remove", "jane@example.com", "tom@example.org", "jnae@example.com")
    assert [
        "1 address or domain no longer suppressed",
        "tom@example.org was not suppressed; all of example.org is, and stays so",
        "jnae@example.com was not suppressed",
    ] == said.splitlines()
    again = run("remove", "jane@example.com", "--broker", str(clean_topics))
    assert (1, "jane@example.com was not suppressed\n") == (again.exit_code, again.stdout)


def test_a_spreadsheets_list_comes_in_as_it_was_saved(clean_topics: Connection, tmp_path: Path) -> None:
    """With a byte order mark and semicolons; what is not UTF-8 is told as that."""
    path = tmp_path / "list.csv"
    path.write_text("email;reason\njane@example.com;moved\n", "utf-8-sig")
    on(clean_topics, "import", str(path))
    assert [(JANE, "moved")] == [(each["subject"], each["reason"]) for each in listed(clean_topics)]
    path.write_text("email;reason\njörg@example.com;moved\n", "latin-1")
    failed = run("import", str(path), "--broker", str(clean_topics))
    assert 1 == failed.exit_code
    assert f"{path} is not UTF-8" in failed.output


def test_a_list_goes_out_and_comes_in_again(clean_topics: Connection, tmp_path: Path) -> None:
    """More than one transaction's worth; a file with a fault changes nothing, and every fault is named."""
    path = tmp_path / "list.csv"
    lines = [f"u{number}@d{number % 50}.example,old list" for number in range(4_500)]
    path.write_text("\n".join(["email,reason", *lines]))
    assert "no more mail goes to 4,500 addresses and domains\n" == on(clean_topics, "import", str(path), "--by", "ops")
    exported = on(clean_topics, "export")
    assert 4_500 == len(exported.splitlines())
    before = {(each["subject"], each["reason"], each["by"]) for each in map(json.loads, exported.splitlines())}
    on(clean_topics, "import", "-", text=exported)
    assert before == {(each["subject"], each["reason"], each["by"]) for each in listed(clean_topics)}
    path.write_text("email\njane@example.com\njane doe@example.com\nexample\n")
    failed = run("import", str(path), "--broker", str(clean_topics))
    assert 1 == failed.exit_code
    assert "nothing was written:" in failed.output
    assert f"{path}: line 3: 'jane doe@example.com' is no address" in failed.output
    assert f"{path}: line 4: 'example' is neither" in failed.output
    assert 4_500 == len(listed(clean_topics))


def test_a_hash_key_that_does_not_fit_is_refused(clean_topics: Connection) -> None:
    """It would stop nobody. Domains need none, addresses do."""
    producer = Producer(clean_topics.librdkafka())
    producer.produce(CONTROL.name, encode(Written(KEYS.fingerprint, 0, 1)), "hash-key")
    assert 0 == producer.flush(10)
    wrong = run(
        "add", "jane@example.com", "--reason", "x", "--broker", str(clean_topics), secret=sha256(b"another").hexdigest()
    )
    assert 2 == wrong.exit_code
    assert "not the one that the Screen workers of this cluster use" in wrong.stderr
    without = run("add", "jane@example.com", "--reason", "x", "--broker", str(clean_topics), secret="")
    assert 1 == without.exit_code
    assert "the hash key of the Screen workers is needed" in without.output
    assert 0 == run("add", "example.org", "--reason", "x", "--broker", str(clean_topics), secret="").exit_code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "nonsense", "--reason", "x"), "neither an address nor a domain"),
        (("add", "example.org", "--reason", " "), "the reason is empty"),
        (("add", "example.org", "--reason", "x", "--until", "yesterday"), "is neither a time"),
        (("remove", "hash:1@x.example"), "expected 32 hex digits"),
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


def test_while_the_secret_is_changed_both_keys_are_meant(clean_topics: Connection, tmp_path: Path) -> None:
    """What was said under the former one is found, shown and taken back by its address; nothing of it is left."""
    former = tmp_path / "former"
    former.write_text(SECRET)
    former.chmod(0o600)
    new = sha256(b"a new one").hexdigest()
    both = {"SIDESTEP_HASH_KEY": new, "SIDESTEP_HASH_KEY_FORMER_FILE": str(former)}

    def say(*arguments: str) -> str:
        arguments = ("suppress", *arguments, "--broker", str(clean_topics))
        result = CliRunner().invoke(main, arguments, env=both)
        assert result.exit_code == 0, result.output
        return result.stdout

    on(clean_topics, "add", "jane@example.com", "--reason", "asked", "--by", "ops")
    assert JANE in say("list", "jane@example.com")
    say("add", "jane@example.com", "--reason", "asked again", "--by", "ops")
    (listed_now,) = [json.loads(line) for line in say("export").splitlines()]
    moved = Keys(bytes.fromhex(new)).recipient("jane@example.com")
    assert f"hash:{moved.hex()}@example.com" == listed_now["subject"]
    say("remove", "jane@example.com", "--by", "ops")
    assert "" == say("export")
    last = [record for _, record in records(clean_topics)][-1]
    assert (moved, (FormerKeys(KEYS.recipient("jane@example.com")),)) == (last.recipient_key, last.former)
