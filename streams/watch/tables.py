"""The ledger's tables: what Watch remembers of a partition of email-tallies. Times are seconds of log time since 1970.

A row's fields are stored by position: add new ones at the end, with a default; never reorder or reuse.
"""

from msgspec import Struct, field

from sidestep.schemas import Reaction
from sidestep.streams.runtime.tables import Table
from sidestep.streams.watch.counts import Counts


class WatchClockRow(Struct, array_like=True, gc=False):
    """The partition's clock: the greatest second of any tally."""

    second: int = 0


class NotedThresholdsRow(Struct, array_like=True, gc=False):
    """The thresholds that began with the tally of this offset, which is the key: eight octets. They come from a file;
    who folds the tallies again knows from here by which."""

    version: str


class WindowRow(Struct, array_like=True):
    """What a window that is open has held of one service so far. Names are told apart up to window.py's KEPT."""

    counts: Counts = field(default_factory=Counts)
    sources: dict[str, Counts] = field(default_factory=dict)
    campaigns: dict[str, Counts] = field(default_factory=dict)
    providers: dict[str, Counts] = field(default_factory=dict)
    domains: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    bombed: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[str]] = field(default_factory=dict)
    late: int = 0
    """Intents of windows that were closed already."""
    stray: dict[str, int] = field(default_factory=dict)
    """Reports of no message of ours, by who has told them."""
    refused: dict[str, int] = field(default_factory=dict)
    """Records that were refused for who says them, by PRINCIPAL/REASON."""


class StoryRow(Struct, array_like=True):
    """A service, or one of its sources or campaigns, as far back as it matters."""

    first_seen: int
    last_seen: int = 0
    recent: list[tuple[int, Counts]] = field(default_factory=list)
    """The last windows with anything in them, by their start: an hour of a service, ten minutes of a source."""
    story: Counts = field(default_factory=Counts)
    """Over a representative volume."""
    asked_for: int = 0
    """Intents since it was first seen, at most NEW; below that it is new."""
    strangers_hour: int = 0
    """The hour that lasts, hours since 1970, of a source; and first messages to anybody in three minutes of it, …"""
    strangers: int = 0
    """… the most;"""
    strangers_before: int = 0
    """… and the most of all hours before, which fades week by week."""


class BaselineRow(Struct, array_like=True):
    """What is usual for a service, by hours. `hour`: the one that lasts, hours since 1970."""

    hour: int
    first_hour: int
    now: Counts = field(default_factory=Counts)
    """Of the hour that lasts."""
    peak: int = 0
    """The most intents in three minutes of it."""
    tainted: bool = False
    """An incident was open in it: it teaches nothing."""
    taught: Counts = field(default_factory=Counts)
    """Of the hours before, halved each week."""
    weeks: dict[int, list[int]] = field(default_factory=dict)
    """Peaks of the last hours by their hour of the week, the latest last."""
    day: list[tuple[int, Counts]] = field(default_factory=list)
    """The last 26 hours with anything in them."""
    halved: int = 0
    """The week of `taught`, weeks since 1970."""
    highest: int = 0
    """The highest peak ever, which fades week by week."""


class IncidentRow(Struct, array_like=True):
    """An incident that is open; fields as in schemas/anomalies.py."""

    service: str
    pattern: str
    severity: str
    score: float
    text: str
    opened_at: int
    fired: int
    """End of the last window in which its pattern, or one that it explains, was there."""
    window_start: int
    source: str = ""
    campaign: str = ""
    provider: str = ""
    recipient_key: str = ""
    features: dict[str, float] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)
    told: int = 0
    """How many bad ones the last record told of."""
    held_until: int = 0
    quiet: int = 0
    """Seconds without the pattern after which it is over."""
    most: int = 0
    """The most bad ones that any window has shown."""
    acted: int = 0
    """End of the last window in which it went on by itself, not only in a budget that it has broken."""
    lasts: int = 0
    """Seconds after that for which it explains what follows from it."""


class PaceMinuteRow(Struct, array_like=True):
    """The minute that lasts: counts by MX provider and partition of the evidence, for their pace; see pace.py."""

    minute: int
    """Since 1970."""
    counts: dict[str, dict[int, list[int]]] = field(default_factory=dict)


class PaceRow(Struct, array_like=True):
    """The pace of one MX provider, as of the last minute that has ended."""

    demand: dict[int, int] = field(default_factory=dict)
    """By partition: messages a minute of late, asked for, in 1024ths."""
    shares: dict[int, int] = field(default_factory=dict)
    """By partition, as told last: millionths. Empty: nothing was told, and each has an equal part."""
    busiest: int = 0
    """Messages that went to it in its busiest minute of late."""
    speed: int = 1000
    """Thousandths that were left when it was lowered last."""
    per_minute: int = 0
    """Messages in its busiest minute before that; 0: it is not slow."""
    lowered_at: int = 0
    until: int = 0
    said: str = ""
    """What it has answered."""
    counted_from: int = 0
    too_fast: int = 0
    """Answers since then that were not taken seriously yet. Likewise:"""
    refusals: int = 0


class ReactionsRow(Struct, array_like=True):
    """What the policy in force wants done, by pattern, and what else Watch must know of it."""

    second: int
    version: str
    reactions: dict[str, Reaction]
    paced: list[str] = field(default_factory=list)
    """MX providers whose limits the partitions share; *: every one."""


class BudgetRow(Struct, array_like=True):
    """One budget that a provider gives the whole company, by days."""

    day: int
    """Days since 1970."""
    mails: int = 0
    bad: int = 0
    days: list[tuple[int, int, int]] = field(default_factory=list)
    """Earlier days with mail: day, mails, bad ones."""
    last_mails: int = 0
    """The last thousand or two, for what is going on now."""
    last_bad: int = 0


class ReadersRow(Struct, array_like=True):
    """Readers of a service's mail at a provider, by hours. `hour`: the one that lasts, hours since 1970."""

    hour: int
    arrived: int = 0
    """Of the hour that lasts; likewise:"""
    engaged: int = 0
    tainted: bool = False
    day: list[tuple[int, int, int]] = field(default_factory=list)
    """The last 24 hours with anything in them: hour, arrived, engaged."""
    days: list[tuple[int, int, int]] = field(default_factory=list)
    """The last days with much mail, likewise; the hour at which they were over."""


class ForestRow(Struct, array_like=True):
    """What a service's half-space trees have seen; see forest.py. `seen`: windows of the block that lasts."""

    seen: int = 0
    blocks: int = 0
    reference: list[int] = field(default_factory=list)
    latest: list[int] = field(default_factory=list)
    highest: list[float] = field(default_factory=list)
    """Highest score of each of the last blocks."""
    block_highest: float = 0.0
    streak: int = 0
    """Windows in a row that were unusual."""


TENTHS = 10


class ModelRow(Struct, array_like=True):
    """What the model of the risk knows: `mean` of each of its places, and `spread`, their covariance; see learn.py."""

    signals: list[str] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    spread: list[list[float]] = field(default_factory=list)
    seen: list[list[int]] = field(default_factory=list)
    """Outcomes of each signal: bad, good."""
    outcomes: int = 0
    tenths: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0, 0.0] for _ in range(TENTHS)])
    """Of the outcomes of which so much was expected: that, bad ones, all."""
    day: int = 0
    told: dict[str, float] = field(default_factory=dict)
    """The figures of the last snapshot."""


WATCH_CLOCK = Table("clock", b"t", WatchClockRow)
NOTED_THRESHOLDS = Table("thresholds", b"v", NotedThresholdsRow)
WINDOWS = Table("windows", b"w", WindowRow)
STORIES = Table("stories", b"s", StoryRow)
BASELINES = Table("baselines", b"b", BaselineRow)
INCIDENTS = Table("incidents", b"i", IncidentRow)
REACTIONS = Table("reactions", b"r", ReactionsRow)
BUDGETS = Table("budgets", b"g", BudgetRow)
READERS = Table("readers", b"e", ReadersRow)
FORESTS = Table("forests", b"f", ForestRow)
PACE_MINUTES = Table("pace_minutes", b"m", PaceMinuteRow)
PACES = Table("paces", b"p", PaceRow)
MODELS = Table("models", b"k", ModelRow)

WATCH_TABLES = (
    WATCH_CLOCK, WINDOWS, STORIES, BASELINES, INCIDENTS, REACTIONS,
    BUDGETS, READERS, FORESTS, PACE_MINUTES, PACES, MODELS,
)  # fmt: skip
