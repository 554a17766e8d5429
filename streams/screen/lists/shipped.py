"""The lists that ship in data/, read and given a version. One entry a line; `#` starts a comment."""

import tomllib
from collections.abc import Iterable
from hashlib import blake2b
from importlib.resources import files
from typing import Any


def entries(lines: Iterable[str]) -> list[str]:
    """The entries in lines of text, lower-case, in the order given; comments and empty lines left out."""
    stripped = (line.partition("#")[0].strip().lower() for line in lines)
    return [entry for entry in stripped if entry]


def read_words(name: str) -> frozenset[str]:
    """The entries of data/<name>.txt. Raises FileNotFoundError when no such list ships."""
    return frozenset(entries(_text(f"{name}.txt").splitlines()))


def read_table(name: str) -> dict[str, Any]:
    """The table data/<name>.toml. Raises FileNotFoundError, or tomllib.TOMLDecodeError when it can't be read."""
    return tomllib.loads(_text(f"{name}.toml"))


def fingerprint(names: Iterable[str]) -> str:
    """The version of a list: 12 hex digits that change whenever an entry does; order does not matter."""
    return blake2b("\n".join(sorted(names)).encode(), digest_size=6).hexdigest()


def _text(file: str) -> str:
    return (files("sidestep.streams.screen.lists") / "data" / file).read_text(encoding="utf-8")
