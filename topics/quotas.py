"""How much each principal may ask of a broker: the data is quotas.toml. Pure."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from sidestep.topics.acls import SERVICE, is_principal

KEYS = ("producer_byte_rate", "consumer_byte_rate", "request_percentage")
"""As Kafka calls them: octets a second, octets a second, per cent of a thread."""


def quota_of(principal: str) -> dict[str, float]:
    """Limits of a principal for each broker, by KEYS; what is left out is not limited. Raises ValueError for one that
    there is not."""
    if not is_principal(principal):
        raise ValueError(f"{principal!r} is no principal")
    limits = _data()["service" if principal.startswith(SERVICE) else principal]
    return {key: limits[key] for key in KEYS if key in limits}


@cache
def _data() -> Mapping[str, Mapping[str, float]]:
    return tomllib.loads((files("sidestep.topics") / "quotas.toml").read_text("utf-8"))
