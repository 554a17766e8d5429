"""The reasons of the rules: the sentence of each as a template, in reasons.toml or as the policy words it. Pure.

A template is a text with named values in braces, `{domain} takes no mail: {why}.`, and nothing else of str.format: no
attributes, no indices, no formats. Which names a rule has stands beside its template.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from sidestep.schemas import IntentEvidence
from sidestep.schemas.typed import as_type
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_cases import RuleCase
from sidestep.streams.decide.rules.case import Finding

REASON = "reason"
ALWAYS = ("service", "domain")
"""Names that every rule has."""
NOTHING: Mapping[str, object] = MappingProxyType({})
LENGTH_MAX = 500
"""Characters of a template: it is a sentence in each verdict."""


class RuleReasons(Struct, frozen=True):
    """What reasons.toml says of one rule."""

    forms: dict[str, str]
    """Templates by key: `reason`, and `reason_…` for what a rule says otherwise in some cases."""
    names: tuple[str, ...]
    case: RuleCase


@cache
def shipped_reasons() -> Mapping[str, RuleReasons]:
    """The reasons of all rules, by id."""
    text = (files("sidestep.streams.decide.rules") / "reasons.toml").read_text(encoding="utf-8")
    return {id: _read(values) for id, values in tomllib.loads(text).items()}


def _read(values: dict[str, Any]) -> RuleReasons:
    forms = {key: text for key, text in values.items() if is_reason(key)}
    return RuleReasons(forms, (*ALWAYS, *values["names"]), as_type(values["case"], RuleCase))


def is_reason(key: str) -> bool:
    """Whether a rule's key in a policy is about its sentence."""
    return key == REASON or key.startswith(f"{REASON}_")


def finding(
    policy: Policy,
    evidence: IntentEvidence,
    rule: str,
    values: Mapping[str, object] = NOTHING,
    form: str = REASON,
    retry_us: int = 0,
) -> Finding:
    """A rule that applies to an intent, with its sentence. `values`: of all names of the rule, "" for what is not."""
    template = policy.reasons[rule][form]
    return Finding(rule, template.format(service=evidence.service, domain=evidence.domain, **values), retry_us)


def reasons_of(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The templates by rule and form: a policy's own, or those that ship. Its `reason` is for all forms of a rule of
    which it says nothing else."""
    return {id: _worded(it.forms, rules.get(id, {})) for id, it in shipped_reasons().items()}


def _worded(forms: Mapping[str, str], own: Mapping[str, Any]) -> dict[str, str]:
    return {form: own.get(form, own.get(REASON, text)) for form, text in forms.items()}


def sound_reasons(rule: str, values: Mapping[str, Any]) -> set[str]:
    """The keys of a policy's own sentences that can be used: in the log stand those of other versions, too."""
    known = shipped_reasons()[rule]
    return {key for key in values if key in known.forms and not template_fault(values[key], known.names)}


def reason_faults(rule: str, values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the sentences of a policy's rule; `values` are those of its section."""
    known = shipped_reasons()[rule]
    for key in filter(is_reason, values):
        if key not in known.forms:
            yield f"[rules.{rule}] {key}: there is no such sentence; there are {', '.join(known.forms)}"
        elif fault := template_fault(values[key], known.names):
            yield f"[rules.{rule}] {key}: {fault}"


def template_fault(text: Any, names: tuple[str, ...]) -> str:
    """What is wrong with a template, as the end of a sentence; empty: nothing."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        return "expected a sentence on one line"
    if len(text) > LENGTH_MAX:
        return f"a sentence has at most {LENGTH_MAX} characters"
    try:
        fields = [field for field in Formatter().parse(text) if field[1] is not None]
    except ValueError as error:
        return f"{error}; a brace that is meant is written twice"
    for _, name, spec, conversion in fields:
        if spec or conversion or name not in names:
            shown = "{" + f"{name}{f'!{conversion}' if conversion else ''}{f':{spec}' if spec else ''}" + "}"
            return f"there is no {shown}; there are {', '.join('{' + each + '}' for each in names)}"
    return ""
