"""The policy's sections [streams], [warm-up], [slow-down], [feedback], [watch], [risk-model] and [release]: what they
may say, their faults, and what is made of them. Pure.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sidestep.schemas import Reaction
from sidestep.streams.decide.policy import NEEDS, Believing, Ramp, Release, SlowDown, Streams
from sidestep.streams.gcra import parse_rate

_UNITS: Mapping[str, int] = MappingProxyType({"min": 60, "h": 3_600, "d": 86_400})
_REACTION = re.compile(r"report|(?:hold-source|hold-service) (?:[1-9]\d{0,2}min|[1-9]\d?h|(?:[12]?[1-9]|[123]0)d)")


class ValueKind(NamedTuple):
    """A kind of value: how it is called, and whether something is of that kind."""

    called: str
    fits: Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_rate(value: Any) -> bool:
    try:
        parse_rate(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_reaction(value: Any) -> bool:
    return isinstance(value, str) and _REACTION.fullmatch(value) is not None


COUNT = ValueKind("a whole number above 0", _is_count)
COUNTS = ValueKind(
    "a list of whole numbers above 0", lambda value: isinstance(value, list) and all(map(_is_count, value))
)
SHARE = ValueKind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
FACTOR = ValueKind("a number from 1 to 10", lambda value: _is_number(value) and 1 <= value <= 10)
RATE = ValueKind('a text such as "10/min"', _is_rate)
TEXTS = ValueKind(
    "a list of texts", lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value)
)

REACTION = ValueKind('"report", or "hold-source 12h", "hold-service 30min", at most 30d', _is_reaction)
PATTERNS = (
    "unknown-burst",
    "dormant-revival",
    "bounce-storm",
    "trap-hits",
    "list-bombing",
    "stray-reports",
    "engagement-collapse",
    "complaint-budget",
    "bounce-budget",
    "volume-spike",
    "reputation-block",
    "unusual",
)
"""What Watch tells of, see docs/watch.md."""
MODE = ValueKind("on or off", lambda value: value in ("on", "off"))
NEED = ValueKind(f"one of {', '.join(NEEDS)}", lambda value: value in NEEDS)
BASE = ValueKind("a number from 0.0001 to 0.5", lambda value: _is_number(value) and 0.0001 <= value <= 0.5)

SECTIONS: Mapping[str, Mapping[str, ValueKind]] = MappingProxyType(
    {
        "streams": {"exempt": TEXTS, "known": TEXTS},
        "warm-up": {
            "services": TEXTS,
            "caps": COUNTS,
            "growth": FACTOR,
            "days": COUNT,
            "used": SHARE,
            "idle_days": COUNT,
        },
        "slow-down": {
            "too_fast": TEXTS,
            "blocked": TEXTS,
            "noise": SHARE,
            "too_fast_share": SHARE,
            "blocked_share": SHARE,
            "for_seconds": COUNT,
            "double_seconds": COUNT,
            "settle_seconds": COUNT,
            "slowest": RATE,
        },
        "feedback": {
            "needs": NEED,
            **{f"needs_{need}": TEXTS for need in NEEDS},
            "bounce_days": COUNT,
            "person_days": COUNT,
        },
        "watch": dict.fromkeys(PATTERNS, REACTION),
        "risk-model": {
            "mode": MODE,
            "most_up": FACTOR,
            "most_down": FACTOR,
            "from_outcomes": COUNT,
            "base": BASE,
        },
    }
)
OPTIONAL: Mapping[str, Mapping[str, ValueKind]] = MappingProxyType(
    {"release": {"services": TEXTS, "exempt": TEXTS, "rate": RATE}}
)
"""Sections that need not be there, and of which no entry has to."""
MOST_DAYS = 366
NO_CAP = 10**12
"""Messages a day that nobody sends: where a ramp of many days ends."""
_NOTHING: Mapping[ValueKind, Any] = MappingProxyType(
    {
        COUNT: 1,
        COUNTS: [1],
        SHARE: 1,
        FACTOR: 1,
        RATE: "1/s",
        TEXTS: [],
        REACTION: "report",
        MODE: "off",
        BASE: 0.005,
        NEED: "nothing",
    }
)


def section_faults(document: dict[str, Any]) -> list[str]:
    """Of these sections, which are there: a sentence each."""
    faults: list[str] = []
    for section, kinds in SECTIONS.items():
        values = document[section]
        for key, kind in kinds.items():
            if not kind.fits(values.get(key)):
                faults.append(f"[{section}] {key} = {values.get(key)!r}: expected {kind.called}")
        faults += [f"[{section}] {key}: unknown" for key in values.keys() - kinds.keys()]
    faults += _optional_faults(document)
    days, caps = document["warm-up"].get("days"), document["warm-up"].get("caps")
    if _is_count(days) and days > MOST_DAYS:
        faults.append(f"[warm-up] days = {days}: no ramp is longer than {MOST_DAYS} days")
    if caps == []:
        faults.append(
            '[warm-up] caps = []: name at least the first day\'s; nobody is named in "services" to switch it off'
        )
    return faults


def _optional_faults(document: dict[str, Any]) -> list[str]:
    faults: list[str] = []
    for section, kinds in OPTIONAL.items():
        for key, value in document.get(section, {}).items():
            if key not in kinds:
                faults.append(f"[{section}] {key}: unknown; there are {', '.join(kinds)}")
            elif not kinds[key].fits(value):
                faults.append(f"[{section}] {key} = {value!r}: expected {kinds[key].called}")
    return faults


def complete(document: dict[str, Any]) -> None:
    """Puts in what the policy of another version lacks: such a rule is off, whatever stands here."""
    for section, kinds in SECTIONS.items():
        values = document.setdefault(section, {})
        if isinstance(values, dict):
            document[section] = {key: values.get(key, _NOTHING[kind]) for key, kind in kinds.items()}
    for section, kinds in OPTIONAL.items():
        if isinstance(values := document.get(section), dict):
            document[section] = {key: value for key, value in values.items() if key in kinds}


def streams(values: dict[str, Any]) -> Streams:
    """The section [streams]."""
    return Streams(frozenset(name.casefold() for name in values["exempt"]), tuple(values["known"]))


def release(values: dict[str, Any]) -> Release:
    """The section [release]; nobody's intents are offered again where it is not there."""
    usual = Release()
    return Release(
        services=frozenset(values.get("services", ())),
        exempt=frozenset(values.get("exempt", ())),
        rate=parse_rate(values["rate"]) if "rate" in values else usual.rate,
    )


def ramp(values: dict[str, Any]) -> Ramp:
    """The section [warm-up] -> its caps by the day, until there are none."""
    caps = [min(cap, NO_CAP) for cap in values["caps"][: values["days"]]]
    while len(caps) < values["days"]:
        caps.append(min(int(caps[-1] * values["growth"]), NO_CAP))
    return Ramp(frozenset(values["services"]), tuple(caps), float(values["used"]), values["idle_days"])


def slow_down(values: dict[str, Any]) -> SlowDown:
    """The section [slow-down]; shares as thousandths, at least one."""
    return SlowDown(
        too_fast=tuple(values["too_fast"]),
        blocked=tuple(values["blocked"]),
        noise=float(values["noise"]),
        too_fast_share=max(1, round(values["too_fast_share"] * 1000)),
        blocked_share=max(1, round(values["blocked_share"] * 1000)),
        for_seconds=values["for_seconds"],
        double_seconds=values["double_seconds"],
        settle_seconds=values["settle_seconds"],
        slowest=parse_rate(values["slowest"]),
    )


def believing(values: dict[str, Any]) -> Believing:
    """The section [feedback]; who stands in two lists needs more."""
    of = {name: need for need in NEEDS for name in values[f"needs_{need}"]}
    return Believing(values["needs"], of, values["bounce_days"], values["person_days"])


def reactions(values: dict[str, str]) -> dict[str, Reaction]:
    """The section [watch]: what is to be done about each pattern."""
    return {pattern: _reaction(text) for pattern, text in values.items()}


def _reaction(text: str) -> Reaction:
    action, _, span = text.partition(" ")
    if not span:
        return Reaction()
    number = span.rstrip("".join(_UNITS))
    seconds = int(number) * _UNITS[span.removeprefix(number)]
    return Reaction("hold-source" if action == "hold-source" else "hold-service", seconds)


def reaction_text(reaction: Reaction) -> str:
    """A reaction as the policy has it."""
    if reaction.action == "report":
        return reaction.action
    unit = next(unit for unit in ("d", "h", "min") if reaction.seconds % _UNITS[unit] == 0)
    return f"{reaction.action} {reaction.seconds // _UNITS[unit]}{unit}"
