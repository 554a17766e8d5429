"""Services: each example is listed; they learn what became of their intents."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from sidestep.topics import Connection
from tests.examples.programs import EXAMPLES, run


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_is_listed_and_run(path: Path) -> None:
    """It stands in the table, a test starts it, and it tells its options."""
    assert f"| [{path.name}]({path.name}) |" in (EXAMPLES / "README.md").read_text("utf-8")
    tests = Path(__file__).parent.glob("test_*.py")
    assert any(f'"{path.name}"' in test.read_text("utf-8") for test in tests)
    code, said = run(path.name, "--help")
    assert (code, "--broker" in said) == (0, True)


def test_a_service_learns_what_became_of_its_intents(workers: str) -> None:
    """Each address has a final verdict in the end; what was deferred has been offered again."""
    addresses = ["ada@takes.example", "kim@takes-none.example", "eve@takes.example"]
    code, said = run("service.py", "--broker", workers, *addresses)
    assert code == 0, said
    lines = said.splitlines()
    assert ["send"] == sorted({line.split()[0] for line in lines if "ada@" in line or "eve@" in line} - {"defer"})
    assert 1 == sum(line.startswith("defer") for line in lines)
    assert any(re.match(r"drop +kim@takes-none.example: .+ takes no mail", line) for line in lines)


def test_a_service_says_that_a_verdict_is_missing(clean_topics: Connection) -> None:
    """Where no worker runs, it ends with 1 when its time is up."""
    assert (1, "") == run("service.py", "--broker", clean_topics, "--wait", "1", "ada@takes.example")


def test_a_service_needs_no_more_than_json_and_a_client(workers: str) -> None:
    """A verdict for each line of the file, which keeps to the published schema; nothing of Sidestep's is imported."""
    lines = (EXAMPLES / "intents.jsonl").read_bytes().splitlines()
    schema = json.loads((EXAMPLES.parent / "schemas/json/email-intent.schema.json").read_text("utf-8"))
    for line in lines:
        jsonschema.validate(json.loads(line), schema)
    assert "import sidestep" not in (plain := (EXAMPLES / "plain_service.py").read_text("utf-8"))
    assert "from sidestep" not in plain
    code, said = run("plain_service.py", EXAMPLES / "intents.jsonl", "--broker", workers)
    assert code == 0
    verdicts = {verdict["id"]: verdict for verdict in map(json.loads, said.splitlines())}
    assert {"order-4711-receipt": "send", "spring-4711": "drop"} == {
        intent_id: verdict["action"] for intent_id, verdict in verdicts.items()
    }
    assert {"template": "receipt"} == verdicts["order-4711-receipt"]["metadata"]
    assert "kim@gmail.com" == verdicts["spring-4711"]["suggestion"]
