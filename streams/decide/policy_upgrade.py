"""A policy file of an earlier version, brought up to this one: what it lacks is put in from the policy that ships, with
its comments, at the place where it stands there; everything else stays as it was written. Pure.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from sidestep.streams.decide.policy_faults import GONE
from sidestep.streams.errors import PolicyError

_HEADING = re.compile(r"^\[{1,2}([a-z-]+(?:\.[a-z-]+)?)\]")
_KEY = re.compile(r"^([a-z_-]+|\"[^\"]+\")\s*=")
_OWN = ("limits",)
"""Sections whose entries are everybody's own; only `default` has to be there."""
_NAMED = ("policy",)


class Section(NamedTuple):
    """A section as it is written: its heading, and the lines up to the next one's."""

    name: str
    lines: list[str]


class Upgraded(NamedTuple):
    """The new text, and a sentence for each thing that was added, and for each that was taken out."""

    text: str
    added: list[str]
    gone: list[str]


def upgrade(text: str, shipped: str) -> Upgraded:
    """Raises PolicyError for a text that is not TOML."""
    try:
        tomllib.loads(text)
    except ValueError as error:
        raise PolicyError(f"not TOML: {error}") from None
    sections = _sections(text)
    added: list[str] = []
    before = ""
    for section in _sections(shipped):
        if section.name and section.name.partition(".")[0] not in _NAMED:
            found = next((each for each in sections if each.name == section.name), None)
            added += _insert(sections, before, section) if found is None else _complete(found, section)
        before = section.name
    gone = [sentence for section in sections for sentence in _take_out(section)]
    return Upgraded("\n".join(line for section in sections for line in section.lines) + "\n", added, gone)


def _take_out(section: Section) -> Iterator[str]:
    """Parameters that there are no more; a list may go over several lines."""
    for (rule, key), instead in GONE.items():
        if section.name != f"rules.{rule}":
            continue
        start = next((number for number, line in enumerate(section.lines) if _key(line) == key), None)
        if start is not None:
            end = next(end for end in range(start + 1, len(section.lines) + 1) if _is_toml(section.lines[start:end]))
            yield f"[{section.name}] {' '.join(line.strip() for line in section.lines[start:end])}: {instead}"
            del section.lines[start:end]


def _is_toml(lines: list[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except ValueError:
        return False
    return True


def _sections(text: str) -> list[Section]:
    """The first one, without a name, is what stands before the first heading. Comments right above a heading are its
    own, so that a section that is put in takes them along."""
    found = [Section("", [])]
    for line in text.rstrip("\n").split("\n"):
        heading = _HEADING.match(line)
        if heading is not None:
            found.append(Section(heading[1], []))
        found[-1].lines.append(line)
    return found


def _insert(sections: list[Section], before: str, section: Section) -> list[str]:
    """Behind the one that it stands behind where it comes from; at the end if that is not there."""
    at = next((number for number, each in enumerate(sections, start=1) if each.name == before), len(sections))
    lines = _without_banner(section.lines)
    while sections[at - 1].lines and not sections[at - 1].lines[-1].strip():
        sections[at - 1].lines.pop()
    tail = _banner(sections[at - 1].lines)
    del sections[at - 1].lines[len(sections[at - 1].lines) - len(tail) :]
    sections[at - 1].lines.append("")
    sections.insert(at, Section(section.name, [*lines, "", *tail]))
    return [f"[{section.name}] {_about(lines)}".rstrip()]


def _complete(found: Section, section: Section) -> list[str]:
    """The keys that a section lacks, each behind the one that it stands behind where it comes from."""
    here = {key for line in found.lines if (key := _key(line))}
    added, before = [], ""
    for number, line in enumerate(section.lines):
        key = _key(line)
        if not key:
            continue
        if key not in here and (section.name.partition(".")[0] not in _OWN or key == "default"):
            at = _behind(found.lines, before)
            found.lines[at:at] = [line, *_continued(section.lines[number + 1 :])]
            added.append(f"[{section.name}] {line.partition('#')[0].strip()}  {_comment(line)}".rstrip())
        before = key
    return added


def _behind(lines: list[str], before: str) -> int:
    """Where a key goes that follows `before`; to the section's end if that is not there."""
    for number, line in enumerate(lines, start=1):
        if before and _key(line) == before:
            return number + len(_continued(lines[number:]))
    return len(_without_banner(lines))


def _continued(lines: list[str]) -> list[str]:
    """Comments that go on below a key, indented."""
    more = []
    for line in lines:
        if not re.match(r"\s+#", line):
            break
        more.append(line)
    return more


def _banner(lines: list[str]) -> list[str]:
    """Comment lines and blank ones at the end: they are about what comes next."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return lines[end:]


def _without_banner(lines: list[str]) -> list[str]:
    return lines[: len(lines) - len(_banner(lines))]


def _key(line: str) -> str:
    found = _KEY.match(line)
    return found[1] if found else ""


def _about(lines: list[str]) -> str:
    """What is said of a section: beside its heading, and beside the line below that."""
    return " ".join(text for line in lines[:2] if (text := _comment(line)))


def _comment(line: str) -> str:
    return line.partition("#")[2].strip()
