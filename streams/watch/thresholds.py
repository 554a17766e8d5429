"""The thresholds: watch.toml and budgets.toml as they ship, or a file in the place of the first. Pure."""

import hashlib
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import msgspec

from sidestep.schemas.typed import as_type


class Windows(msgspec.Struct, frozen=True):
    """Lengths in seconds, volumes in intents. `length`: of one window."""

    length: int
    grace: int
    short: int
    long: int
    source_long: int
    representative: int
    new: int
    late: float


class Cold(msgspec.Struct, frozen=True):
    """How much must have been seen before something is usual."""

    of: int
    hours: int
    weeks: int
    windows: int


class ShareLimit(msgspec.Struct, frozen=True):
    """At least so many bad ones of so many, that share, and less likely by chance than that; `new_chance`: of a new
    source."""

    bad: int
    of: int
    share: float
    critical: float
    times: float
    chance: float
    new_chance: float
    quiet: int
    text: str


class UnknownLimit(ShareLimit, frozen=True):
    """The same; or first messages from a source that is not new: so many, of such a share, so many times the most."""

    strangers: int
    strangers_share: float
    strangers_times: float
    strangers_days: int
    strangers_text: str


class StormLimit(ShareLimit, frozen=True):
    """The same; or of so many that are answered, while it goes on."""

    answered: int


class TrapLimit(ShareLimit, frozen=True):
    """The same of risks; or so many reported hits."""

    reported: int
    reported_critical: int
    reported_text: str


class BombingLimit(msgspec.Struct, frozen=True):
    """Messages to one mailbox within an hour."""

    messages: int
    critical: int
    quiet: int
    text: str


class StrayLimit(msgspec.Struct, frozen=True):
    """Reports of no message of ours, of one teller, in a window."""

    reports: int
    critical: int
    quiet: int
    text: str


class ForgeryLimit(msgspec.Struct, frozen=True):
    """Records in the name of one principal that were refused, in a window; `critical_share` of at least `least`."""

    records: int
    critical: int
    critical_share: float
    least: int
    quiet: int
    text: str


class CollapseLimit(msgspec.Struct, frozen=True):
    """A share that falls below so much of what is usual."""

    of: int
    hours: int
    days: int
    usual: float
    times: float
    chance: float
    critical: float
    quiet: int
    text: str
    provider_text: str


class SpikeLimit(msgspec.Struct, frozen=True):
    """So many intents, and so many times what is usual."""

    intents: int
    times: float
    critical: float
    quiet: int
    text: str


class UnusualLimit(msgspec.Struct, frozen=True):
    """Scores of windows."""

    intents: int
    score: float
    margin: float
    windows: int
    quiet: int
    text: str


class ForestShape(msgspec.Struct, frozen=True):
    """Half-space trees; `block` and `blocks` in windows."""

    trees: int
    height: int
    block: int
    blocks: int
    seed: int


class Automatic(msgspec.Struct, frozen=True):
    """Fewer bad ones hold nothing."""

    bad: int


class Learning(msgspec.Struct, frozen=True):
    """How the model of the risk learns: standard deviations in log odds, numbers of outcomes."""

    trap: float
    spread: float
    spread_of_policy: float
    spread_of_all: float
    drift: float
    recent: int
    outcomes: int
    moved: float


class Budget(msgspec.Struct, frozen=True):
    """What a provider allows, see budgets.toml."""

    by: Literal["day", "volume", "lately"]
    bad: Literal["complaints", "hard_bounces"]
    warn: float
    limit: float
    at_least: int
    of: int
    sure: float
    quiet: int
    text: str
    pattern: str = "complaint-budget"
    providers: tuple[str, ...] = ()
    clear_days: int = 0


class Document(msgspec.Struct, frozen=True, rename="kebab"):
    """watch.toml."""

    windows: Windows
    cold: Cold
    unknown_burst: UnknownLimit
    dormant_revival: ShareLimit
    bounce_storm: StormLimit
    trap_hits: TrapLimit
    list_bombing: BombingLimit
    stray_reports: StrayLimit
    forged_records: ForgeryLimit
    engagement_collapse: CollapseLimit
    volume_spike: SpikeLimit
    reputation_block: ShareLimit
    unusual: UnusualLimit
    forest: ForestShape
    explains: dict[str, tuple[str, ...]]
    automatic: Automatic
    learning: Learning


@dataclass(frozen=True)
class Thresholds:
    """Everything by which incidents are told, and its version."""

    watch: Document
    budgets: dict[str, Budget]
    version: str


def thresholds(watch: str | None = None, budgets: str | None = None) -> Thresholds:
    """Of these TOML texts; those that ship where none are given. Raises ValueError."""
    folder = files("sidestep.streams.watch")
    watch = watch if watch is not None else folder.joinpath("watch.toml").read_text("utf-8")
    budgets = budgets if budgets is not None else folder.joinpath("budgets.toml").read_text("utf-8")
    return Thresholds(
        watch=_checked(_converted(watch, Document)),
        budgets=_converted(budgets, dict[str, Budget]),
        version=hashlib.sha256(f"{watch}\0{budgets}".encode()).hexdigest()[:12],
    )


def _checked(watch: Document) -> Document:
    lengths = watch.windows
    if not 1 <= lengths.length <= lengths.short <= lengths.long:
        raise ValueError("[windows]: expected 1 <= length <= short <= long, in seconds")
    return watch


def _converted(text: str, kind: Any) -> Any:
    return as_type(tomllib.loads(text), kind)
