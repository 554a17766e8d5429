"""Chance: one generator for each purpose, all from one seed, so that more draws for one thing shift no other. Pure."""

import zlib
from random import Random

from sidestep.streams.simulate.assumptions import Span

_STEPS = (7919.0, 104729.0, 1299709.0, 15485863.0, 32452843.0)


class Chance:
    """Generators by purpose; the same purpose gets the same one."""

    def __init__(self, seed: int):
        self._seed = seed
        self._generators: dict[str, Random] = {}

    def of(self, purpose: str) -> Random:
        """The generator of a purpose."""
        found = self._generators.get(purpose)
        if found is None:
            # not hash(): that changes from process to process
            found = self._generators[purpose] = Random(zlib.crc32(f"{self._seed}/{purpose}".encode()))
        return found


def between(random: Random, span: Span) -> float:
    """Evenly from the first to the second."""
    return span[0] + (span[1] - span[0]) * random.random()


def branch(luck: float, number: int) -> float:
    """Another number from 0 to 1 out of one: what becomes of a message must not depend on what became of others, so
    each carries its own luck and everything that may happen to it takes a branch of that."""
    return luck * _STEPS[number] % 1.0
