"""Half-space trees over the features of a service's windows: what no single threshold sees. Pure.

Tan, Ting and Liu, Fast anomaly detection for streaming data (IJCAI 2011). Trees cut the space of features in halves, at
places that follow from a seed alone; each counts how many windows of a block fell into each part (its mass). A window
is scored by what the block before held, and counted into the one that lasts. All state is those two lists of whole
numbers, so it lies in a row of the ledger; docs/decisions/029 says why it is not river's.
"""

import hashlib
from functools import cache
from typing import NamedTuple

from sidestep.streams.watch.tables import ForestRow
from sidestep.streams.watch.thresholds import ForestShape

FEW = 0.1
"""Of a block: a part with less mass is not looked into any further."""


class Cut(NamedTuple):
    """A node of a tree: which feature it asks for, and where it halves it."""

    feature: int
    at: float


@cache
def grown(shape: ForestShape, features: int) -> tuple[tuple[Cut, ...], ...]:
    """The trees: for each the cuts of its inner nodes, the children of node n at 2n + 1 and 2n + 2."""
    return tuple(_tree(shape, features, tree) for tree in range(shape.trees))


def _tree(shape: ForestShape, features: int, tree: int) -> tuple[Cut, ...]:
    ranges = [_range(_chance(shape.seed, tree, -1 - feature)) for feature in range(features)]
    cuts: list[Cut] = []
    spaces = [ranges]
    for node in range(2**shape.height - 1):
        space = spaces[node]
        feature = int(_chance(shape.seed, tree, node) * features)
        low, high = space[feature]
        middle = (low + high) / 2
        cuts.append(Cut(feature, middle))
        for half in ((low, middle), (middle, high)):
            spaces.append([*space[:feature], half, *space[feature + 1 :]])
    return tuple(cuts)


def _range(centre: float) -> tuple[float, float]:
    """Features are from 0 to 1; the space around a random centre holds all of that."""
    width = 2 * max(centre, 1 - centre)
    return centre - width, centre + width


def _chance(seed: int, tree: int, node: int) -> float:
    """From 0 up to 1, the same on every machine."""
    digest = hashlib.blake2b(f"{seed}/{tree}/{node}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32


def score(row: ForestRow, shape: ForestShape, window: tuple[float, ...]) -> float:
    """How unlike the block before it is, from 0 to 1; and counted. 0 while there is no block before."""
    size = 2 ** (shape.height + 1) - 1
    if not row.latest:
        row.latest, row.reference = [0] * (size * shape.trees), [0] * (size * shape.trees)
    mass = 0
    for number, cuts in enumerate(grown(shape, len(window))):
        mass += _descend(row, cuts, number * size, shape, window)
    most = shape.trees * shape.block * 2**shape.height
    found = round(1 - mass / most, 4) if row.blocks else 0.0
    _end_block(row, shape, found)
    return found


def _descend(row: ForestRow, cuts: tuple[Cut, ...], base: int, shape: ForestShape, window: tuple[float, ...]) -> int:
    node, depth, mass = 0, 0, -1
    while True:
        row.latest[base + node] += 1
        here = row.reference[base + node]
        if mass < 0 and (here <= FEW * shape.block or depth == shape.height):
            mass = here * 2**depth
        if depth == shape.height:
            return mass
        cut = cuts[node]
        node, depth = 2 * node + (1 if window[cut.feature] < cut.at else 2), depth + 1


def _end_block(row: ForestRow, shape: ForestShape, found: float) -> None:
    row.block_highest = max(row.block_highest, found)
    row.seen += 1
    if row.seen < shape.block:
        return
    row.reference, row.latest = row.latest, [0] * len(row.latest)
    if row.blocks:
        row.highest = [*row.highest, row.block_highest][-shape.blocks :]
    row.blocks += 1
    row.seen, row.block_highest = 0, 0.0
