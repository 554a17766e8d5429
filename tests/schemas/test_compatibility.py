"""A schema may grow, but not so that a record of the last release, or a reader of it, is left behind."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct, defstruct

from sidestep.schemas import generate
from sidestep.schemas.compatibility import breaks

INPUT, OUTPUT = "email-intent", "verdict"
Text = Annotated[str, Meta(max_length=10)]
LongText = Annotated[str, Meta(max_length=20)]
Field = tuple[str, Any] | tuple[str, Any, Any]


def schema(*fields: Field) -> dict[str, Any]:
    """The JSON Schema of a struct with these fields: name, type, and the default of those that may be absent."""
    return dict(msgspec.json.schema(defstruct("Model", fields, kw_only=True)))


def found(name: str, before: Iterable[Field], after: Iterable[Field]) -> list[str]:
    """What breaks when the fields `before` become those `after`; without the beginning of the sentences."""
    return [line.rpartition(": ")[2] for line in breaks(name, schema(*before), schema(*after))]


@pytest.mark.parametrize("name", [INPUT, OUTPUT])
@pytest.mark.parametrize(
    "after",
    [
        [("id", str)],
        [("id", str), ("note", str, "")],
        [("id", str), ("note", str | None, None), ("more", dict[str, int], {})],
    ],
)
def test_new_fields_that_may_be_absent_break_nobody(name: str, after: list[Field]) -> None:
    """This is how a schema grows."""
    assert [] == found(name, [("id", str)], after)


WIDER: list[tuple[Any, Any]] = [
    (int, float),
    (int, int | None),
    (int, int | str),
    (Text, LongText),
    (Text, str),
    (Literal["a"], Literal["a", "b"]),
    (Literal["a", "b"], str),
    (list[int], list[float]),
    (dict[str, Text], dict[str, str]),
]
"""A type, and one that takes more."""


@pytest.mark.parametrize(("narrow", "wide"), WIDER, ids=str)
def test_what_others_write_may_only_widen(narrow: Any, wide: Any) -> None:
    """A service that has not been changed since the last release is still understood."""
    assert [] == found(INPUT, [("x", narrow)], [("x", wide)])
    assert len(found(INPUT, [("x", wide)], [("x", narrow)])) == 1


@pytest.mark.parametrize(("narrow", "wide"), WIDER, ids=str)
def test_what_we_write_stays_as_it_is(narrow: Any, wide: Any) -> None:
    """Wider, and readers of the last release are left behind; narrower, and its records are."""
    assert len(found(OUTPUT, [("x", narrow)], [("x", wide)])) == 1
    assert len(found(OUTPUT, [("x", wide)], [("x", narrow)])) == 1


def test_a_field_that_may_be_absent_stays_so() -> None:
    """A service that leaves it out is not refused from one day to the next."""
    before, after = [("x", str, "")], [("x", str)]
    assert ["x may be absent"] == found(INPUT, before, after)
    assert [] == found(INPUT, after, before)


def test_a_field_that_is_always_there_stays_so_in_what_we_write() -> None:
    """Readers count on it."""
    assert ["x may be absent"] == found(OUTPUT, [("x", str)], [("x", str, "")])


@pytest.mark.parametrize("name", [INPUT, OUTPUT])
def test_no_field_goes(name: str) -> None:
    """What it said would be passed over in silence."""
    assert ["y is gone"] == found(name, [("x", str), ("y", str, "")], [("x", str)])


@pytest.mark.parametrize("name", [INPUT, OUTPUT])
def test_no_default_changes(name: str) -> None:
    """What is left out would mean something else."""
    assert "x left out means 1, and is read as 2" in found(name, [("x", int, 1)], [("x", int, 2)])


class Hold(Struct, tag="hold", tag_field="kind"):
    """One kind of record of a union."""

    until: int


class Tick(Struct, tag="tick", tag_field="kind"):
    """Another one."""


class Mark(Struct, tag="mark", tag_field="kind"):
    """A third one."""

    offset: int


class LongerHold(Struct, tag="hold", tag_field="kind"):
    """The first one, with a field that old records lack."""

    until: int
    reason: str


def union(kinds: Any) -> dict[str, Any]:
    """The schema of a union of structs."""
    return dict(msgspec.json.schema(kinds))


def test_a_kind_of_record_neither_comes_nor_goes() -> None:
    """An older worker beside a newer one would make dead letters of a kind that it does not know."""
    came = list(breaks("evidence", union(Hold | Mark), union(Hold | Mark | Tick)))
    assert ["evidence: readers of the last release would not read this: the record may be tick"] == came
    went = list(breaks("evidence", union(Hold | Mark | Tick), union(Hold | Mark)))
    assert ["evidence: records of the last release would not be read: the record may be tick"] == went
    assert [] != list(breaks("evidence", union(Hold), union(Hold | Tick)))


def test_kinds_are_compared_by_their_name() -> None:
    """Each with its own older self, wherever it stands in the union."""
    assert [] == list(breaks("evidence", union(Hold | Tick), union(Tick | Hold)))
    (longer,) = breaks("evidence", union(Hold | Tick), union(Tick | LongerHold))
    assert longer.endswith("reason may be absent")


def test_the_last_release_is_kept() -> None:
    """The schemas of one version that the changelog tells of, to each of which our models still keep."""
    (version,) = [folder for folder in generate.RELEASED.iterdir() if folder.is_dir()]
    assert f"\n## {version.name} – " in (Path(__file__).parents[2] / "CHANGELOG.md").read_text("utf-8")
    assert {"email-intent.schema.json", "verdict.schema.json"} <= {path.name for path in version.iterdir()}
    assert [] == generate.broken()


def test_a_narrowing_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Of the real models: --check names the schema, the field and whom it hurts; a release on purpose ends it."""
    monkeypatch.setattr(generate, "RELEASED", tmp_path)
    generate.main(["--release", "1.0.0"])
    kept = tmp_path / "1.0.0" / "email-intent.schema.json"
    released = json.loads(kept.read_text("utf-8"))
    released["$defs"]["EmailIntent"]["properties"]["service"]["maxLength"] = 200
    released["$defs"]["EmailIntent"]["required"].remove("id")
    kept.write_text(json.dumps(released), "utf-8")
    assert 1 == generate.main(["--check"])
    told = capsys.readouterr().err
    assert "email-intent: records of the last release would not be read: id may be absent\n" in told
    assert "service has to be at most 100 (maxLength)\n" in told
    assert 0 == generate.main(["--release", "2.0.0"])
    assert 0 == generate.main(["--check"])
    assert ["2.0.0"] == [folder.name for folder in tmp_path.iterdir()]
