"""The policy's text: TOML in, a checked Policy out. Pure; the text comes out of the log.

`problems` is the linter: every fault of a text at once, as sentences with the section. `parse` raises the same as
PolicyError.
"""

import hashlib
import tomllib
from typing import Any

from sidestep.streams.decide.policy import Limits, Policy, RiskModel, RulePolicy, SharedLimits
from sidestep.streams.decide.policy_faults import KNOWN, RISK_PARAMETERS, document_faults
from sidestep.streams.decide.policy_sections import believing, complete, ramp, reactions, release, slow_down, streams
from sidestep.streams.decide.risk import SIGNALS
from sidestep.streams.decide.rules.ladder import RULES
from sidestep.streams.decide.rules.reasons import is_reason, reasons_of, sound_reasons
from sidestep.streams.errors import PolicyError
from sidestep.streams.gcra import parse_rate


def version_of(text: str) -> str:
    """The policy's version: 12 hex digits of its text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def name_of(text: str) -> str:
    """What the policy calls itself; empty where that can't be read."""
    try:
        name = tomllib.loads(text)["policy"]["name"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, RecursionError):
        return ""
    return name if isinstance(name, str) else ""


def parse(text: str) -> Policy:
    """TOML text -> Policy. Raises PolicyError that lists every fault."""
    document, faults = _check(text)
    return _policy(text, document, faults)


def parse_logged(text: str) -> Policy:
    """A policy out of the log, perhaps another version's: what it lacks is off, what we don't know is left out.

    So an upgrade that adds a rule can fold on until Screen has written the new policy. Raises PolicyError where the
    text makes no sense all the same.
    """
    document, faults = _load(text)
    if not faults:
        _complete(document)
        faults = document_faults(document)
    return _policy(text, document, faults)


def _policy(text: str, document: dict[str, Any], faults: list[str]) -> Policy:
    if faults:
        raise PolicyError("the policy can't be used:\n" + "\n".join(f"  - {fault}" for fault in faults))
    return Policy(
        version=version_of(text),
        name=document["policy"]["name"],
        rules={name: _rule(values) for name, values in document["rules"].items()},
        reasons=reasons_of(document["rules"]),
        domain_limits=_limits(document["limits"]["domain"]),
        service_limits=_limits(document["limits"]["service-at-domain"]),
        risk={name: float(document["risk"][name]) for name in SIGNALS},
        **{name: document["risk-parameters"][name] for name in RISK_PARAMETERS},
        test_limits=_limits(document["limits"]["tests"]),
        provider_limits=_shared(document["limits"].get("mx-provider", {})),
        service_provider_limits=_shared(document["limits"].get("service-at-provider", {})),
        ramp=ramp(document["warm-up"]),
        slow_down=slow_down(document["slow-down"]),
        reactions=reactions(document["watch"]),
        risk_model=RiskModel(**document["risk-model"]),
        believing=believing(document["feedback"]),
        streams=streams(document["streams"]),
        release=release(document.get("release", {})),
    )


def problems(text: str) -> list[str]:
    """Every fault of a policy text, one sentence each; empty when it can be used."""
    return _check(text)[1]


def _complete(document: dict[str, Any]) -> None:
    for name in document.keys() - KNOWN | {"cases"} & document.keys():
        del document[name]
    document.setdefault("streams", {"exempt": ["transactional"]})  # whom a password reset would have to wait for
    complete(document)
    if isinstance(limits := document.get("limits"), dict):
        limits.setdefault("tests", {"default": "1/s"})  # of a policy without the rule, which is off
    rules, risk, parameters = (document.get(name) for name in ("rules", "risk", "risk-parameters"))
    if isinstance(rules, dict):
        for name in rules.keys() - {rule.id for rule in RULES}:
            del rules[name]
        for rule in RULES:
            values = rules.setdefault(rule.id, {"mode": "off"})
            if isinstance(values, dict):
                for key in values.keys() - rule.parameters.keys() - {"mode", *sound_reasons(rule.id, values)}:
                    del values[key]
                for key, kind in rule.parameters.items():
                    values.setdefault(key, [] if kind is list else kind is not bool and 1)
    if isinstance(risk, dict):
        document["risk"] = {name: risk.get(name, 0) for name in SIGNALS}
    if isinstance(parameters, dict):
        # one time for two things, before this one had its own
        parameters.setdefault("spared_days", parameters.get("dormant_days", 1))
        document["risk-parameters"] = {name: parameters.get(name, usual) for name, usual in RISK_PARAMETERS.items()}


def _check(text: str) -> tuple[dict[str, Any], list[str]]:
    document, faults = _load(text)
    return document, faults or document_faults(document)


def _load(text: str) -> tuple[dict[str, Any], list[str]]:
    try:
        text.encode()
        return tomllib.loads(text), []
    except UnicodeEncodeError:
        return {}, ["not TOML: it contains half a surrogate pair, which is no character"]
    except RecursionError:
        return {}, ["not TOML: it is nested too deeply"]
    except ValueError as error:  # TOMLDecodeError is one; a number of thousands of digits raises the plain one
        return {}, [f"not TOML: {error}"]


def _rule(values: dict[str, Any]) -> RulePolicy:
    plain: dict[str, Any] = {
        name: tuple(it) if isinstance(it, list) else it for name, it in values.items() if not is_reason(name)
    }
    return RulePolicy(**plain)


def _limits(values: dict[str, str]) -> Limits:
    rates = {name: parse_rate(text) for name, text in values.items()}
    return Limits(default=rates.pop("default"), named=rates)


def _shared(values: dict[str, str]) -> SharedLimits:
    return SharedLimits({name: parse_rate(text) for name, text in values.items()})
