"""`sidestep` of a version before this one: it lacks a rule of the policy, and its verdicts name another engine.

SIDESTEP_OLDER_LACKS: the rule.
"""

import os
from types import ModuleType

from sidestep.streams.cli import main
from sidestep.streams.decide import batch, controls, policy_faults, policy_text
from sidestep.streams.decide.rules import ladder

ENGINE = "0"


def forget_rule(name: str) -> None:
    """As if nobody had written it yet."""
    rules = tuple(rule for rule in ladder.RULES if rule.id != name)
    assert len(rules) == len(ladder.RULES) - 1
    ladder.Ladder.__init__.__defaults__ = (rules,)
    for module in (policy_faults, policy_text):
        _replace(module, "RULES", rules)
    for module in (batch, controls):
        _replace(module, "ENGINE", ENGINE)


def _replace(module: ModuleType, name: str, value: object) -> None:
    """On purpose, in this process. Raises AttributeError where nothing of that name is used any more."""
    getattr(module, name)
    setattr(module, name, value)


if __name__ == "__main__":
    forget_rule(os.environ["SIDESTEP_OLDER_LACKS"])
    main()
