"""What Watch must know of a policy that takes force, as a tally with no counts: it reads tallies alone. Pure."""

from sidestep.schemas import Tally
from sidestep.streams.decide.policy import Policy

EVERYBODY = "*"


def policy_tally(policy: Policy, partition: int, second: int) -> Tally:
    """The tally, for every partition of email-tallies. `partition`: of the evidence, where it has taken force; `second`
    is that of its stamp."""
    reactions = {pattern: it for pattern, it in policy.reactions.items() if it.action != "report"}
    return Tally(
        service="",
        partition=partition,
        second=second,
        policy=policy.version,
        reactions=reactions,
        paced=_paced(policy),
    )


def _paced(policy: Policy) -> list[str]:
    """The MX providers whose limits the partitions share."""
    found: set[str] = set()
    if policy.rules["mx-provider-limit"].mode != "off":
        found |= policy.provider_limits.named.keys()
    if policy.rules["service-provider-limit"].mode != "off":
        found |= {_provider(name) for name in policy.service_provider_limits.named}
    return [EVERYBODY] if EVERYBODY in found else sorted(found)


def _provider(name: str) -> str:
    """Of SERVICE@PROVIDER; a SERVICE has its limit at each."""
    return name.rpartition("@")[2] if "@" in name else EVERYBODY
