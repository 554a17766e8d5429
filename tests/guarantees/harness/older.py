"""`sidestep` of a version before this one: it lacks a rule of the policy, and its verdicts name another engine.

SIDESTEP_OLDER_LACKS: the rule.
"""

import os

from sidestep.streams.cli import main
from sidestep.streams.decide import batch, policy_faults, policy_text, state
from sidestep.streams.decide.rules import ladder

ENGINE = "0"


def forget_rule(name: str) -> None:
    """As if nobody had written it yet."""
    rules = tuple(rule for rule in ladder.RULES if rule.id != name)
    assert len(rules) == len(ladder.RULES) - 1
    # on purpose, in this process
    policy_faults.RULES = policy_text.RULES = rules  # type: ignore[attr-defined]
    ladder.Ladder.__init__.__defaults__ = (rules,)
    batch.ENGINE = state.ENGINE = ENGINE  # type: ignore[attr-defined]


if __name__ == "__main__":
    forget_rule(os.environ["SIDESTEP_OLDER_LACKS"])
    main()
