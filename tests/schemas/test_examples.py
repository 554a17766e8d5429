"""The golden examples, the generated JSON Schema and the decoder say the same."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sidestep.schemas
from sidestep.schemas import generate
from sidestep.schemas.codec import MODELS, decode, encode
from sidestep.topics.catalog import BY_NAME, CATALOG

FOLDER = Path(sidestep.schemas.__file__).parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*/*.json"))
SCHEMA_OF = {id(model): name for name, model in MODELS.items()}

each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def model_of(path: Path) -> Any:
    return BY_NAME[path.parent.name].schema


def schema_of(model: Any) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(generate.path_of(SCHEMA_OF[id(model)]).read_text("utf-8"))
    return schema


@each_example
def test_every_example_can_be_decoded_and_comes_out_the_same(path: Path) -> None:
    """Nothing of an example is dropped or changed on its way through our models."""
    octets = path.read_bytes()
    assert json.loads(octets) == json.loads(encode(decode(model_of(path), octets)))


@each_example
def test_every_example_fits_the_json_schema(path: Path) -> None:
    """A service that validates with JSON Schema accepts what we accept."""
    schema = schema_of(model_of(path))
    jsonschema.Draft202012Validator(schema).validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("name", MODELS)
def test_every_schema_is_a_schema(name: str) -> None:
    """The generated files are valid JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(json.loads(generate.path_of(name).read_text("utf-8")))


def test_no_schema_file_is_stale() -> None:
    """`make schemas` has been run since the models changed."""
    assert generate.stale() == []


@pytest.mark.parametrize("name", MODELS)
def test_descriptions_are_of_one_line(name: str) -> None:
    """Python 3.13 cuts the indentation of docstrings: a longer one would be another file there."""
    assert "\\n  " not in generate.path_of(name).read_text("utf-8")


def test_a_changed_schema_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--check fails, and writing again puts it right; files of no model are removed."""
    monkeypatch.setattr(generate, "FOLDER", tmp_path / "json")
    generate.write()
    assert generate.main(["--check"]) == 0
    generate.path_of("bounce").write_text("{}")
    (tmp_path / "json" / "ghost.schema.json").write_text("{}")
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_every_topic_with_a_model_has_a_few_examples() -> None:
    """Examples are how a new service learns the contract."""
    counts = {topic.name: len(list((FOLDER / topic.name).glob("*.json"))) for topic in CATALOG if topic.schema}
    assert {name: count for name, count in counts.items() if not 2 <= count <= 6} == {}


def test_there_are_no_examples_of_topics_that_do_not_exist() -> None:
    """A renamed topic takes its examples along."""
    assert set() == {path.parent.name for path in EXAMPLES} - {topic.name for topic in CATALOG if topic.schema}
