"""The check of a policy's text: its faults, and its own cases that come out otherwise than it says. Pure.

What a worker starts with or takes while it runs has passed it, and so has what `sidestep policy check` lets through.
"""

from sidestep.streams.decide.case_run import case_faults
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_text import parse, problems
from sidestep.streams.errors import PolicyError


def faults_of(text: str) -> list[str]:
    """All faults, one sentence each; cases are looked at where there are no others."""
    return problems(text) or case_faults(text)


def checked(text: str) -> Policy:
    """The policy. Raises PolicyError that lists every fault."""
    policy = parse(text)
    if faults := case_faults(text):
        raise PolicyError("the policy can't be used:\n" + "\n".join(f"  - {fault}" for fault in faults))
    return policy
