"""sidestep simulate: the same octets for the same seed, events that the contract takes, and the truth apart."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.schemas.reading import read_intent
from sidestep.streams.commands.simulate import simulate
from sidestep.streams.screen.intake import read_feedback
from tests.private_files import open_to_others

SCALE = "0.02"
NOW = 2_000_000_000.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small company."""
    out = tmp_path_factory.mktemp("simulate") / "out"
    done = CliRunner().invoke(simulate, ["--seed", "5", "--scale", SCALE, "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


def lines(path: Path) -> list[bytes]:
    """Without their ends."""
    return path.read_bytes().splitlines()


def digests(out: Path) -> dict[str, str]:
    """Of all files."""
    found = (path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_the_same_seed_gives_the_same_octets(folder: Path, tmp_path: Path) -> None:
    """In another process, with another hash seed and another locale."""
    environment = os.environ | {"PYTHONHASHSEED": "4711", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    out = tmp_path / "again"
    options = ["simulate", "--seed", "5", "--scale", SCALE, "--out", str(out)]
    code = "from sidestep.streams.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *options], env=environment, check=True, capture_output=True)
    assert digests(out) == digests(folder)
    assert [] == open_to_others(out), "addresses, invented or not, are the owner's"


def test_the_events_are_what_the_contract_says(folder: Path) -> None:
    """Screen would read each of them, in its own schema."""
    intents = [read_intent(line, NOW) for line in lines(folder / "email-intents.ndjson")]
    assert len(intents) > 5_000
    assert {EmailIntent} == {type(intent) for intent in intents}
    for name, kind in (("email-bounces", Bounce), ("email-engagement", Engagement)):
        for line in lines(folder / f"{name}.ndjson"):
            (event,) = read_feedback(line, kind, "", NOW)
            assert type(event) is kind


@pytest.mark.parametrize(
    "name,time", [("intents", "created_at"), ("bounces", "occurred_at"), ("engagement", "occurred_at")]
)
def test_the_events_are_in_the_order_of_time(folder: Path, name: str, time: str) -> None:
    """As they would lie in a topic with one partition."""
    times = [msgspec.json.decode(line)[time] for line in lines(folder / f"email-{name}.ndjson")]
    assert times == sorted(times)


def test_no_truth_stands_beside_the_events(folder: Path) -> None:
    """Nothing but the contract's fields, and none of those that could carry a label."""
    fields = {name for line in lines(folder / "email-intents.ndjson") for name in msgspec.json.decode(line)}
    assert fields == {"id", "to", "service", "stream", "campaign", "source", "created_at", "consent_at"}
    truth = lines(folder / "truth" / "intents.ndjson")
    assert len(truth) == len(lines(folder / "email-intents.ndjson"))
    assert {"good", "dead", "recycled"} <= {msgspec.json.decode(line)["hits"] for line in truth}


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """Files of two runs side by side would be believed."""
    (tmp_path / "old").write_text("x")
    done = CliRunner().invoke(simulate, ["--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "not empty" in done.output
