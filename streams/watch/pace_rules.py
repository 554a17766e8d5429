"""The figures by which providers are paced: pace.toml, read once. Pure."""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from sidestep.schemas.typed import as_type

MILLION = 1_000_000


class Sharing(msgspec.Struct, frozen=True):
    """How a limit is divided among partitions. Shares are of the limit."""

    least: float
    smoothing: int
    enough: float
    move: float


class Slowing(msgspec.Struct, frozen=True):
    """When a provider is slowed down, by how much and for how long."""

    answers: int
    noise: float
    too_fast: float
    blocked: float
    for_seconds: int
    double_seconds: int
    settle_seconds: int


class PaceRules(msgspec.Struct, frozen=True, rename="kebab"):
    """The file as a whole."""

    shares: Sharing
    slow_down: Slowing


@cache
def load_pace_rules() -> PaceRules:
    """The figures that ship with the product."""
    text = (files("sidestep.streams.watch") / "pace.toml").read_text("utf-8")
    return as_type(tomllib.loads(text), PaceRules)
