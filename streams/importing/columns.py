"""The columns of a list: which one holds addresses, and which one says where they are from. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from sidestep.streams.errors import ImportFailed
from sidestep.streams.terminal import printable

ADDRESS_NAMES = (
    "email", "e-mail", "mail", "email address", "e-mail address", "e-mail-adresse", "emailadresse", "email-adresse",
    "emailaddress", "email_address", "mail address", "recipient", "to", "address",
)  # fmt: skip
SOURCE_NAMES = ("source", "origin", "utm_source", "list", "quelle", "herkunft")


class Columns(NamedTuple):
    """Positions from 0. `names` are those of the header, or numbers from 1 where there is none."""

    names: tuple[str, ...]
    headed: bool
    address: int
    source: int | None


def columns(sample: Sequence[list[str]], width: int, address: str | None, source: str | None) -> Columns:
    """The columns by the first rows; `width` is the most cells that any row has. `address` and `source` name a column,
    by its name in the header or by its number from 1. Raises ImportFailed."""
    headed = not any("@" in cell for cell in sample[0])
    named = [cell.strip() for cell in sample[0]] if headed else [str(at) for at in range(1, width + 1)]
    names = tuple(named + [""] * (width - len(named)))
    at = _given(names, address, "--address") if address else _address(names, sample[headed:])
    from_ = _given(names, source, "--source") if source else _by_name(names, SOURCE_NAMES)
    return Columns(names, headed, at, from_)


def _address(names: Sequence[str], sample: Sequence[list[str]]) -> int:
    at = _by_name(names, ADDRESS_NAMES)
    filled = [sum("@" in row[each] for row in sample if each < len(row)) for each in range(len(names))]
    # a name is believed unless another column holds twice as many at signs: `to` may be a person's name
    if at is not None and 2 * filled[at] >= max(filled):
        return at
    if not any(filled):
        raise ImportFailed(f"no column holds addresses; name one with --address: {_listed(names)}")
    return filled.index(max(filled))


def _by_name(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    lower = [name.lower() for name in names]
    return next((lower.index(name) for name in wanted if name in lower), None)


def _given(names: Sequence[str], wanted: str, option: str) -> int:
    lower = [name.lower() for name in names]
    if wanted.lower() in lower:
        return lower.index(wanted.lower())
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise ImportFailed(f"{option}: there is no column {printable(wanted)!r}, but {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{at} {printable(name)}".rstrip() for at, name in enumerate(names, 1))
