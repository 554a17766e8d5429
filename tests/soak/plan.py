"""What goes wrong, when, and to whom: decks of faults, shuffled by a seed. The same seed gives the same plan. Pure.

Two lanes run at the same time: one is about workers and their folders, one about the world around them. So a worker is
killed while the broker is frozen, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

WORKERS = "workers"
WORLD = "world"
WORKER, NODE, LINK, NAMES = "worker", "node", "link", "names"
"""A worker, a broker, a worker's way to the brokers (or, one number more, the way of all), all name servers."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `cards`: how often it is in a deck. `least`, `most`: seconds that it lasts."""

    name: str
    lane: str
    cards: int
    least: float
    most: float
    about: str = WORKER
    """What its target is one of."""
    needs: str = ""
    """Empty, "proxy" (the network between workers and broker can be touched), "disk" (each worker has a small one
    of its own), or "cluster" (several brokers)."""


KINDS = (
    # SIGKILL, and the next worker finds the folder as it was, none, that of an earlier life, or a damaged one
    Kind("kill", WORKERS, 8, 0, 2),
    Kind("kill-empty", WORKERS, 3, 0, 2),
    Kind("kill-older", WORKERS, 3, 0, 2),
    Kind("kill-damaged", WORKERS, 2, 0, 2),
    Kind("folder-removed", WORKERS, 1, 3, 8),
    Kind("term", WORKERS, 3, 0, 1),
    Kind("freeze", WORKERS, 1, 8, 14),  # longer than the session of 6 s
    Kind("freeze-briefly", WORKERS, 1, 1, 4),
    Kind("broker-kill", WORLD, 3, 0, 8, NODE),
    Kind("broker-term", WORLD, 1, 0, 8, NODE),
    Kind("broker-away", WORLD, 1, 20, 35, NODE),  # longer than sessions, shorter than a transaction may take
    Kind("broker-freeze", WORLD, 2, 2, 32, NODE),
    Kind("broker-freeze-long", WORLD, 1, 62, 75, NODE),  # longer than a transaction may take: 60 s
    Kind("all-brokers-kill", WORLD, 1, 0, 5, NODE, "cluster"),
    Kind("net-cut", WORLD, 1, 3, 20, LINK, "proxy"),
    Kind("net-no-requests", WORLD, 1, 3, 20, LINK, "proxy"),
    Kind("net-no-answers", WORLD, 1, 3, 20, LINK, "proxy"),
    Kind("net-delay", WORLD, 1, 5, 20, LINK, "proxy"),
    Kind("net-reset", WORLD, 1, 3, 10, LINK, "proxy"),
    Kind("net-throttle", WORLD, 1, 5, 20, LINK, "proxy"),
    Kind("net-loss", WORLD, 1, 5, 20, LINK, "proxy"),
    Kind("disk-full", WORLD, 1, 4, 12, WORKER, "disk"),
    Kind("clock", WORLD, 1, 5, 20, WORKER),
    Kind("names-silent", WORLD, 1, 5, 20, NAMES),
    Kind("names-lie", WORLD, 1, 5, 20, NAMES),
)
BY_NAME = {kind.name: kind for kind in KINDS}
KILLS = frozenset(
    {"kill", "kill-empty", "kill-older", "kill-damaged", "broker-kill", "broker-away", "all-brokers-kill"}
)
"""These send SIGKILL."""

HURRY = {WORKERS: (0.2, 2.0), WORLD: (2.0, 8.0)}
"""Seconds between two faults of a lane: too few for the group to come together, which takes a session of 6 s."""
BREATH = {WORKERS: (9.0, 14.0), WORLD: (12.0, 25.0)}
"""… and enough to work at full speed: who is never at work can't be killed at it."""
BREATHS = {WORKERS: 0.3, WORLD: 0.35}
"""Share of rests in which there is time to breathe."""


@dataclass(frozen=True)
class Step:
    """One fault: the target's number, how long it lasts, and how long its lane rests afterwards, in seconds."""

    kind: str
    target: int
    seconds: float
    rest: float


def choose(names: Sequence[str], without: Sequence[str], have: frozenset[str]) -> list[Kind]:
    """The kinds with these names (none: all), but for some, of which everything that they need is had. Raises
    ValueError for a name that no kind has."""
    if unknown := [name for name in (*names, *without) if name not in BY_NAME]:
        raise ValueError(f"no fault is called {', '.join(unknown)}; there are: {', '.join(BY_NAME)}")
    wanted = [kind for kind in KINDS if not names or kind.name in names]
    return [kind for kind in wanted if kind.name not in without and (not kind.needs or kind.needs in have)]


def plan(seed: int, lane: str, kinds: Sequence[Kind], targets: Mapping[str, int]) -> Iterator[Step]:
    """Steps of one lane without end; each kind comes as often as it has cards. Nothing, if no kind is of this lane.

    `targets`: how many there are of what faults are about.
    """
    random = Random(f"{seed}/{lane}")
    cards = [kind for kind in kinds if kind.lane == lane for _ in range(kind.cards)]
    while cards:
        random.shuffle(cards)
        for kind in cards:
            rest = random.uniform(*(BREATH if random.random() < BREATHS[lane] else HURRY)[lane])
            target = random.randrange(targets[kind.about])
            yield Step(kind.name, target, random.uniform(kind.least, kind.most), rest)
