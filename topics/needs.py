"""What the guarantee needs of a cluster, compared with what a cluster says of itself. Pure; the data is needs.toml."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

UNLIMITED = -1
SAFE_REPLICAS = 3
SINCE_43 = "cordoned.log.dirs"
"""A setting that brokers know from Kafka 4.3.0 on; no client library tells their version."""
OFFSETS = "__consumer_offsets"
INTERNAL = {
    "__transaction_state": "transaction.state.log.replication.factor",
    OFFSETS: "offsets.topic.replication.factor",
}
"""Kafka's own topics, and how many replicas a broker will give them where they do not exist yet."""

Config = Mapping[str, str]


@dataclass(frozen=True)
class SeenTopic:
    """A topic as the cluster has it. `leaderless`, `behind`: partitions without a leader, with replicas out of sync."""

    name: str
    replicas: int
    config: Config
    leaderless: tuple[int, ...] = ()
    behind: tuple[int, ...] = ()


@dataclass(frozen=True)
class SeenCluster:
    """What a cluster says of itself. `brokers`: settings by number; `hidden`: who did not tell, and why."""

    brokers: Mapping[int, Config]
    topics: Mapping[str, SeenTopic]
    hidden: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shortfall:
    """One thing that is not as it should be. `needed` and `here` are for people."""

    weight: Literal["fault", "advice"]
    where: str
    what: str
    here: str
    needed: str
    means: str
    do: str


def shortfalls(seen: SeenCluster, catalog: Iterable[str], session_ms: int) -> list[Shortfall]:
    """Faults first. `catalog`: names of the topics that Sidestep uses; `session_ms`: the workers' session timeout."""
    names = [name for name in catalog if name in seen.topics]
    found = [shortfall for number, config in seen.brokers.items() for shortfall in _broker(f"broker {number}", config)]
    found += [
        shortfall for number, config in seen.brokers.items() for shortfall in _session(number, config, session_ms)
    ]
    found += [shortfall for name in names for shortfall in _topic(seen.topics[name])]
    found += [
        shortfall for name in (*names, *INTERNAL) if name in seen.topics for shortfall in _replicas(seen.topics[name])
    ]
    found += _internal(seen, names)
    found += _single(seen, names)
    found += _version(seen)
    found += [_hidden(where, why) for where, why in seen.hidden.items()]
    return sorted(found, key=lambda shortfall: shortfall.weight != "fault")


def _broker(where: str, config: Config) -> Iterator[Shortfall]:
    for need in _needs()["broker"]:
        yield from _compared(where, need, config)


def _topic(topic: SeenTopic) -> Iterator[Shortfall]:
    for need in _needs()["topic"]:
        # with one replica nobody else can become leader
        beside = need["name"] == "unclean.leader.election.enable" and topic.replicas < 2
        if not beside and topic.name in need.get("only", (topic.name,)):
            yield from _compared(topic.name, need, topic.config)


def _compared(where: str, need: Mapping[str, Any], config: Config) -> Iterator[Shortfall]:
    here = config.get(need["name"])
    if here is None or not (wanted := _wanted(need, here)):
        return
    weight: Literal["fault", "advice"] = "fault" if need["fault"] else "advice"
    yield Shortfall(weight, where, need["name"], here, wanted, need["means"], need["do"])


def _wanted(need: Mapping[str, Any], here: str) -> str:
    """What would do, for people; empty: it is so."""
    if "is" in need:
        return "" if here == need["is"] else str(need["is"])
    number = float("inf") if float(here) == UNLIMITED else float(here)
    if "least" in need:
        least = float("inf") if need["least"] == UNLIMITED else need["least"]
        return (
            "" if number >= least else ("no limit (-1)" if need["least"] == UNLIMITED else f"at least {need['least']}")
        )
    return "" if number <= need["most"] else f"at most {need['most']}"


def _session(number: int, config: Config, session_ms: int) -> Iterator[Shortfall]:
    least, most = (int(config.get(f"group.{end}.session.timeout.ms", session_ms)) for end in ("min", "max"))
    if least <= session_ms <= most:
        return
    bound = ("min", least) if session_ms < least else ("max", most)
    yield Shortfall(
        "fault",
        f"broker {number}",
        f"group.{bound[0]}.session.timeout.ms",
        str(bound[1]),
        f"{'at most' if bound[0] == 'min' else 'at least'} {session_ms}",
        f"Workers ask for a session of {session_ms} ms (SIDESTEP_SESSION_TIMEOUT) and are not let into their group.",
        f"Set SIDESTEP_SESSION_TIMEOUT to between {least / 1000:g} and {most / 1000:g}, or change the brokers.",
    )


def _replicas(topic: SeenTopic) -> Iterator[Shortfall]:
    in_sync = int(topic.config.get("min.insync.replicas", 1))
    replicas = f"{topic.replicas} replicas, min.insync.replicas={in_sync}"
    if topic.leaderless:
        yield Shortfall(
            "fault", topic.name, "leader", f"none for partition {_list(topic.leaderless)}", "one for each partition",
            "Nothing can be read or written there.",
            "Look which brokers are down: a partition has a leader again when a broker with its replica is back.",
        )  # fmt: skip
    if topic.behind:
        yield Shortfall(
            "advice", topic.name, "replicas in sync", f"too few for partition {_list(topic.behind)}", "all",
            "One more broker that fails may stop these partitions.", "Look which broker is down or slow.",
        )  # fmt: skip
    if in_sync > topic.replicas:
        yield Shortfall(
            "fault", topic.name, "min.insync.replicas", replicas, f"at most {max(1, topic.replicas - 1)}",
            "Every write is refused: there can't be so many replicas in sync.",
            "Lower min.insync.replicas, or give the topic more replicas.",
        )  # fmt: skip
    elif topic.replicas > 1 and in_sync < 2:
        place = topic.name == OFFSETS  # a place that is lost is read up to again, and what is known passed over
        yield Shortfall(
            "advice" if place else "fault", topic.name, "min.insync.replicas", replicas, "2",
            "A record counts as written when one broker has it: if that one dies, "
            + ("much is read again." if place else "verdicts are lost or come twice."),
            "Set min.insync.replicas=2.",
        )  # fmt: skip
    elif topic.replicas > 1 and in_sync == topic.replicas:
        yield Shortfall(
            "advice", topic.name, "min.insync.replicas", replicas, f"at most {topic.replicas - 1}",
            "One broker that restarts stops all writing.", "Use three replicas and min.insync.replicas=2.",
        )  # fmt: skip


def _internal(seen: SeenCluster, names: list[str]) -> Iterator[Shortfall]:
    """Kafka's own topics must be as safe as ours: whether a transaction is committed stands in one of them."""
    wanted = min((seen.topics[name].replicas for name in names), default=1)
    for name, factor in INTERNAL.items():
        configured = [int(config[factor]) for config in seen.brokers.values() if factor in config]
        here = seen.topics[name].replicas if name in seen.topics else min(configured, default=wanted)
        if here < wanted:
            yield Shortfall(
                "fault", name, factor, f"{here} replicas", f"at least {wanted}, as the topics have",
                "What is committed and how far groups have read hangs on fewer brokers than the records themselves.",
                f"Raise {factor} before the first start; for a topic that exists: "
                f"`sidestep topics grow --replication {wanted} --internal`.",
            )  # fmt: skip


def _single(seen: SeenCluster, names: list[str]) -> Iterator[Shortfall]:
    single = [name for name in names if seen.topics[name].replicas == 1]
    if single:
        yield Shortfall(
            "advice", _some(single), "replication", "1", f"{SAFE_REPLICAS}, with min.insync.replicas=2",
            "Every record is on one disk only: what that loses is lost, and nothing works while its broker is down.",
            "In production: three brokers, and `sidestep topics create --replication 3` before the first start; for "
            "topics that exist `sidestep topics grow --replication 3 --internal`.",
        )  # fmt: skip


def _version(seen: SeenCluster) -> Iterator[Shortfall]:
    recent = [number for number, config in seen.brokers.items() if SINCE_43 in config]
    if recent:
        yield Shortfall(
            "advice", f"broker {_list(recent)}", "version", "4.3.0 or later", "the newest 4.2, see docs/decisions/018",
            "KAFKA-20734: after a restart it may forget to finish a transaction; readers then stop at that place.",
            "Watch for it (docs/operations.md, When Kafka is in trouble), or run the newest 4.2.",
        )  # fmt: skip


def _hidden(where: str, why: str) -> Shortfall:
    return Shortfall(
        "advice", where, "settings", f"not told: {why}", "DescribeConfigs",
        "What stands there was not compared.", "Allow this user to describe configurations, or compare them by hand.",
    )  # fmt: skip


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


@cache
def _needs() -> dict[str, Any]:
    return tomllib.loads((files("sidestep.topics") / "needs.toml").read_text("utf-8"))
