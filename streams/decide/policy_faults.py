"""What a policy may say, and what is wrong with one that says something else. Pure."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sidestep.streams.decide.policy_cases import case_problems
from sidestep.streams.decide.policy_sections import OPTIONAL, SECTIONS, section_faults
from sidestep.streams.decide.risk import SIGNALS, SPEAKS_FOR
from sidestep.streams.decide.rules.ladder import RULES, Natural, Rule
from sidestep.streams.decide.rules.reasons import is_reason, reason_faults
from sidestep.streams.gcra import parse_rate

RISK_PARAMETERS: Mapping[str, int | float] = MappingProxyType(
    {
        "dormant_days": 1,
        "consent_days": 1,
        "unanswered": 1,
        "engagement": 0.0,
        "bombed": 1_000_000,
        "dark_days": 1_000_000,
        "silent": 1_000_000,
        "silent_domain": 1_000_000,
        "unread": 1_000_000,
        "silent_chance": 1.0,
        "silent_alive": 1.0,
        "silent_gone": 1.0,
        "slips": 1_000_000,
        "slip_share": 1.0,
        "faint": 1_000_000,
        "spared": 0.0,
        "spared_days": Natural(0),
        "source_least": 1_000_000,
        "source_doubtful": 1.0,
        "source_dirty": 1.0,
        "source_traps": 1.0,
    }
)
"""Whole numbers and shares, and what holds where a policy out of the log, of an earlier version, does not say."""
WITH_DEFAULT = ("domain", "service-at-domain", "tests")
"""Limits that hold for everybody whom they do not name."""
SHARED = ("mx-provider", "service-at-provider")
"""Limits that several partitions share; none has to be there."""
REQUIRED = {"policy", "rules", "limits", "risk", "risk-parameters", *SECTIONS}
KNOWN = {*REQUIRED, *OPTIONAL, "cases"}
"""Sections of a policy."""
GONE: Mapping[tuple[str, str], str] = MappingProxyType(
    {("recipient-unsubscribed", "streams"): "an opt-out stops every stream now that [streams] does not exempt"}
)
"""Parameters that rules had once, and what there is instead."""
_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


def document_faults(document: dict[str, Any]) -> list[str]:
    """Of a policy that was read from TOML: one sentence each, with the section."""
    faults: list[str] = []
    faults += [f"[{name}]: unknown section" for name in document.keys() - KNOWN]
    faults += [f"[{name}]: the section is missing" for name in sorted(REQUIRED - document.keys())]
    tables = (REQUIRED | OPTIONAL.keys()) & document.keys()
    faults += [f"[{name}]: must be a table" for name in tables if not isinstance(document[name], dict)]
    faults += case_problems(document.get("cases", []))
    if not faults:
        if not isinstance(document["policy"].get("name"), str):
            faults.append("[policy] name: give the policy a name")
        faults += _check_rules(document["rules"]) + _check_limits(document["limits"])
        faults += section_faults(document) + _check_risk(document["risk"], document["risk-parameters"])
    return faults


def _check_rules(rules: dict[str, Any]) -> list[str]:
    names = [rule.id for rule in RULES]
    faults = [f"[rules.{name}]: no such rule; there are {', '.join(names)}" for name in rules.keys() - set(names)]
    for rule in RULES:
        values = rules.get(rule.id)
        if isinstance(values, dict):
            faults += _check_rule(rule, values)
        else:
            faults.append(f'[rules.{rule.id}]: the rule is missing; to switch it off write mode = "off"')
    return faults


def _check_rule(rule: Rule, values: dict[str, Any]) -> list[str]:
    section, mode = f"[rules.{rule.id}]", values.get("mode")
    faults = [] if mode in rule.modes else [f"{section} mode = {mode!r}: expected one of {', '.join(rule.modes)}"]
    for key, kind in rule.parameters.items():
        faults += _check_value(f"{section} {key}", values.get(key), kind)
    unknown = values.keys() - rule.parameters.keys() - {"mode"}
    faults += [f"{section} {key}: {_unknown(rule.id, key)}" for key in unknown if not is_reason(key)]
    return [*faults, *reason_faults(rule.id, values)]


def _unknown(rule: str, key: str) -> str:
    instead = GONE.get((rule, key))
    return f"{instead}; take it out, or let sidestep policy upgrade do so" if instead else "unknown parameter"


def _check_value(where: str, value: Any, kind: type) -> list[str]:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind is int and not (whole and value > 0):
        return [f"{where} = {value!r}: expected a whole number above 0"]
    if kind is Natural and not (whole and value >= 0):
        return [f"{where} = {value!r}: expected a whole number, 0 or above"]
    if kind is bool and not isinstance(value, bool):
        return [f"{where} = {value!r}: expected true or false"]
    if kind is list and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        return [f"{where} = {value!r}: expected a list of texts"]
    if kind is float and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1):
        return [f"{where} = {value!r}: expected a number from 0 to 1"]
    return []


def _check_limits(limits: dict[str, Any]) -> list[str]:
    known = {*WITH_DEFAULT, *SHARED}
    faults = [f"[limits.{name}]: unknown" for name in limits.keys() - known]
    for section in SHARED:
        values = limits.get(section, {})
        if not isinstance(values, dict):
            faults.append(f"[limits.{section}]: must be a table")
            continue
        for name, text in values.items():
            faults += _check_rate(f"[limits.{section}] {name}", text)
    for section in WITH_DEFAULT:
        values = limits.get(section)
        if not isinstance(values, dict) or "default" not in values:
            faults.append(f'[limits.{section}]: needs at least default = "COUNT/UNIT,max_burst=N"')
            continue
        for name, text in values.items():
            faults += _check_rate(f"[limits.{section}] {name}", text)
            if section == "domain" and name != "default" and not _DOMAIN.fullmatch(name):
                faults.append(f"[limits.domain] {name}: expected a lower-case domain (A-labels), in quotes")
    return faults


def _check_rate(where: str, text: Any) -> list[str]:
    if not isinstance(text, str):
        return [f'{where} = {text!r}: expected a text such as "500/min,max_burst=50"']
    try:
        parse_rate(text)
    except ValueError as error:
        return [f"{where}: {error}"]
    return []


def _check_risk(risk: dict[str, Any], parameters: dict[str, Any]) -> list[str]:
    faults = [f"[risk] {name}: unknown signal" for name in risk.keys() - set(SIGNALS)]
    for name in SIGNALS:
        weight = risk.get(name)
        least, most = (-1, 0) if name in SPEAKS_FOR else (0, 1)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not least <= weight <= most:
            faults.append(f"[risk] {name} = {weight!r}: expected a number from {least} to {most}")
    for name, usual in RISK_PARAMETERS.items():
        faults += _check_value(f"[risk-parameters] {name}", parameters.get(name), type(usual))
    faults += [f"[risk-parameters] {name}: unknown" for name in parameters.keys() - set(RISK_PARAMETERS)]
    return faults
