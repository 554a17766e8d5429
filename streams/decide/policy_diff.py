"""What one policy says otherwise than another one, a line each, for people. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import asdict

from sidestep.streams.decide.policy import Believing, Limits, Policy, Ramp, Release, SlowDown, Streams
from sidestep.streams.decide.policy_faults import RISK_PARAMETERS
from sidestep.streams.decide.policy_sections import reaction_text
from sidestep.streams.decide.rules.ladder import RULES, Rule
from sidestep.streams.gcra import Rate

ABSENT = "–"


def differences(old: Policy, new: Policy) -> list[str]:
    """By section, in the order in which a policy file has them; empty where both judge alike."""
    return [
        *_of_rules(old, new),
        *_of("streams", _streams(old.streams), _streams(new.streams)),
        *_of("limits.domain", _limits(old.domain_limits), _limits(new.domain_limits)),
        *_of("limits.service-at-domain", _limits(old.service_limits), _limits(new.service_limits)),
        *_of("limits.mx-provider", _rates(old.provider_limits.named), _rates(new.provider_limits.named)),
        *_of(
            "limits.service-at-provider",
            _rates(old.service_provider_limits.named),
            _rates(new.service_provider_limits.named),
        ),
        *_of("limits.tests", _limits(old.test_limits), _limits(new.test_limits)),
        *_of("warm-up", _ramp(old.ramp), _ramp(new.ramp)),
        *_of("slow-down", _slow_down(old.slow_down), _slow_down(new.slow_down)),
        *_of("feedback", _believing(old.believing), _believing(new.believing)),
        *_of("watch", _reactions(old), _reactions(new)),
        *_of("risk", old.risk, new.risk),
        *_of("risk-parameters", _parameters(old), _parameters(new)),
        *_of("risk-model", asdict(old.risk_model), asdict(new.risk_model)),
        *_of("release", _release(old.release), _release(new.release)),
    ]


def _of_rules(old: Policy, new: Policy) -> Iterator[str]:
    for rule in RULES:
        before, after = (_known(rule, asdict(policy.rules[rule.id])) for policy in (old, new))
        yield from _of(f"rules.{rule.id}", before, after)
        yield from _of(f"rules.{rule.id}", old.reasons[rule.id], new.reasons[rule.id])


def _known(rule: Rule, values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in ("mode", *rule.parameters)}


def _of(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in [*old, *(name for name in new if name not in old)]:
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        if before != after:
            yield f"[{section}] {name}: {_said(before)} → {_said(after)}"


def _limits(limits: Limits) -> dict[str, str]:
    return {"default": limits.default.text, **_rates(limits.named)}


def _rates(named: Mapping[str, Rate]) -> dict[str, str]:
    return {name: rate.text for name, rate in named.items()}


def _parameters(policy: Policy) -> dict[str, int | float]:
    return {name: getattr(policy, name) for name in RISK_PARAMETERS}


def _ramp(ramp: Ramp) -> dict[str, Any]:
    return asdict(ramp) | {"services": tuple(sorted(ramp.services)), "caps": tuple(map(str, ramp.caps))}


def _streams(values: Streams) -> dict[str, Any]:
    return {"exempt": tuple(sorted(values.exempt)), "known": values.known}


def _release(values: Release) -> dict[str, Any]:
    services, exempt = (tuple(sorted(names)) for names in (values.services, values.exempt))
    return {"services": services, "exempt": exempt, "rate": values.rate.text}


def _believing(values: Believing) -> dict[str, Any]:
    return {
        "needs": values.needs,
        **{f"needs of {name}": need for name, need in values.of.items()},
        "bounce_days": values.bounce_days,
        "person_days": values.person_days,
    }


def _reactions(policy: Policy) -> dict[str, str]:
    return {pattern: reaction_text(reaction) for pattern, reaction in policy.reactions.items()}


def _slow_down(values: SlowDown) -> dict[str, Any]:
    return asdict(values) | {"slowest": values.slowest.text}


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or ABSENT
    return f"{value:g}" if isinstance(value, float) else str(value)
