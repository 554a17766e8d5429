"""The OpenAPI 3.1 description of this API, as it is served."""

from functools import cache
from importlib.resources import files


@cache
def description() -> bytes:
    """openapi.json, octet for octet."""
    return (files("sidestep.streams.web.validate") / "openapi.json").read_bytes()
