"""What two releases of a JSON Schema can say to each other, for the schemas that msgspec makes of our models. Pure.

What others write to us only widens: a record that the last release took is taken by the next one too, because services
change when they like. What we write is read by services, by an older worker beside a newer one, and weeks later by an
audit: old and new read each other's records. So no field goes, none changes its type or its default, and an enum of
what we write stays as it is.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sidestep.schemas.evidence import LARGEST
from sidestep.schemas.intents import NOT_CLAIMED, PRINTABLE, SECONDS, TIME_TEXT, WITHOUT_NUL

Schema = dict[str, Any]

WRITTEN_BY_OTHERS = frozenset({"email-intent", "bounce", "engagement"})
"""Names of schemas whose records only services and mailers write. Sidestep writes all others."""

NEW_KINDS: Mapping[str, Collection[str]] = {
    "evidence": ("suppress", "source-hold", "trap", "pace", "marks", "erasure", "feedback-by-id")
}
"""Tags of records, by schema, that no reader of the last release knows: what people say, what Watch does, which is
upgraded last, and what Screen writes, which is upgraded behind Decide. The changelog says so. Emptied by each release.
"""

TOLD_LATER: Collection[Schema] = (
    PRINTABLE,
    WITHOUT_NUL,
    NOT_CLAIMED,
    SECONDS,
    TIME_TEXT,
    {"minimum": -LARGEST, "maximum": LARGEST},
)
"""What readers have refused all along, and no writer of ours has ever written, but schemas say only since the last
release. Emptied by each release."""

NEW_VALUES: Mapping[str, Collection[str]] = {"evidence": ("subscribed",), "tally": ("subscribed",)}
"""Likewise values of enums, by schema: Decide and Watch are upgraded before Screen writes them."""

BOUNDS = {"maximum": "at most", "maxLength": "at most", "minimum": "at least", "minLength": "at least"}
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
"""Of a value of JSON in Python -> its JSON type."""


def breaks(name: str, released: Schema, now: Schema) -> Iterator[str]:
    """One sentence for each way in which the schema `name` may no longer be what it was in the last release."""
    released, now = resolved(released), resolved(now)
    for reason in refusals(released, _as_told(now), new_fields=False):
        yield f"{name}: records of the last release would not be read: {reason}"
    if name not in WRITTEN_BY_OTHERS:
        for reason in refusals(_without(now, name), released, new_fields=True):
            yield f"{name}: readers of the last release would not read this: {reason}"


def _without(schema: Schema, name: str) -> Schema:
    """What is new in a schema that others read, left out."""
    tags, values = NEW_KINDS.get(name, ()), NEW_VALUES.get(name, ())
    if tags:
        schema = schema | {"anyOf": [one for one in schema["anyOf"] if _tag(one) not in tags]}
    return _without_values(schema, values) if values else schema


def _without_values(part: Any, values: Collection[str]) -> Any:
    if isinstance(part, list):
        return [_without_values(each, values) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _without_values(each, values) for key, each in part.items()}
    if isinstance(enum := part.get("enum"), list):
        kept["enum"] = [each for each in enum if each not in values]
    return kept


def _as_told(part: Any) -> Any:
    """The schema without what it says later than its readers."""
    if isinstance(part, list):
        return [_as_told(each) for each in part]
    if not isinstance(part, dict):
        return part
    known = [(name, _in_files(value)) for told in TOLD_LATER for name, value in told.items()]
    return {name: _as_told(each) for name, each in part.items() if (name, each) not in known}


def _in_files(value: Any) -> Any:
    """A value of a model's schema as the files have it: generate.py."""
    if isinstance(value, dict):
        return {name: _in_files(each) for name, each in value.items()}
    return value.replace(r"\Z", "$") if isinstance(value, str) else value


def resolved(schema: Schema) -> Schema:
    """The schema without references: each stands where it is used."""
    whole: Schema = _resolved(schema, schema.get("$defs", {}))
    return whole


def _resolved(part: Any, definitions: dict[str, Schema]) -> Any:
    if isinstance(part, list):
        return [_resolved(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    definition = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
    parts = {**definition, **part}
    return {name: _resolved(each, definitions) for name, each in parts.items() if name not in ("$ref", "$defs")}


def refusals(written: Schema, read: Schema, new_fields: bool, at: str = "") -> Iterator[str]:
    """Where a reader that goes by `read` refuses or misunderstands what `written` allows. `new_fields`: the reader may
    pass over fields that it does not know, because nobody has relied on them yet."""
    readers = list(_alternatives(read))
    for one in _alternatives(written):
        reader = _meant(one, readers)
        if reader is None:
            yield f"{at or 'the record'} may be {_tag(one) or _type(one)}"
        else:
            yield from _of_values(one, reader, at)
            yield from _of_parts(one, reader, new_fields, at)


def _alternatives(schema: Schema) -> Iterator[Schema]:
    """Each of one JSON type; an enum of strings and null are two."""
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _alternatives(one)
    elif "enum" in schema:
        for kind in sorted({TYPES[type(value)] for value in schema["enum"]}):
            yield {"type": kind, "enum": [value for value in schema["enum"] if TYPES[type(value)] == kind]}
    else:
        yield schema


def _type(schema: Schema) -> str:
    return str(schema.get("type", "anything"))


def _tag(schema: Schema) -> str:
    """Of a struct in a union, the name that tells it from its neighbours."""
    constants = [field["enum"] for field in schema.get("properties", {}).values() if len(field.get("enum", ())) == 1]
    return str(constants[0][0]) if constants else ""


def _meant(written: Schema, readers: list[Schema]) -> Schema | None:
    """The reader's alternative for what is written: by its type, and by its tag where there are several."""
    takes = (_type(written), "anything", "number" if _type(written) == "integer" else "")
    fitting = [reader for reader in readers if _type(reader) in takes]
    if len(fitting) > 1:
        fitting = [reader for reader in fitting if _tag(reader) == _tag(written)]
    return fitting[0] if fitting else None


def _of_values(written: Schema, read: Schema, at: str) -> Iterator[str]:
    if "enum" in read:
        missing = sorted(set(written.get("enum", ["any other value"])) - set(read["enum"]))
        yield from (f"{at} may be {value}" for value in missing)
    for bound, words in BOUNDS.items():
        limit, least = read.get(bound), words == "at least"
        known = written.get(bound)
        if limit is not None and (known is None or (known < limit if least else known > limit)):
            yield f"{at} has to be {words} {limit} ({bound})"
    for name in ("pattern", "contentEncoding"):
        if name in read and read[name] != written.get(name):
            yield f"{at} has another {name}"


def _of_parts(written: Schema, read: Schema, new_fields: bool, at: str) -> Iterator[str]:
    for name in sorted(set(read.get("required", ())) - set(written.get("required", ()))):
        yield f"{_inside(at, name)} may be absent"
    yield from _of_fields(written.get("properties", {}), read.get("properties", {}), new_fields, at)
    for inside in ("items", "additionalProperties"):
        if isinstance(read.get(inside), dict):
            yield from refusals(written.get(inside) or {}, read[inside], new_fields, f"{at}[]")


def _of_fields(written: dict[str, Schema], read: dict[str, Schema], new_fields: bool, at: str) -> Iterator[str]:
    for name, field in written.items():
        here = _inside(at, name)
        if name in read:
            yield from _of_defaults(field, read[name], here)
            yield from refusals(field, read[name], new_fields, here)
        elif not new_fields:
            yield f"{here} is gone"


def _of_defaults(written: Schema, read: Schema, at: str) -> Iterator[str]:
    """What is left out stands for the writer's default, and is read as the reader's."""
    if "default" in written and "default" in read and written["default"] != read["default"]:
        yield f"{at} left out means {written['default']!r}, and is read as {read['default']!r}"


def _inside(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
