"""The pace of MX providers: a limit's parts follow the traffic and are never more than the whole; servers' answers slow
a provider down in all partitions, and it climbs back."""

from itertools import accumulate
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidestep.schemas import Breakdown, Outcomes, Pace, PaceRecord, Returns, ReturnsByName, Tally
from sidestep.streams.decide.buckets import Passing, RateBucket
from sidestep.streams.decide.policy import SharedLimits
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.tables import DomainRow
from sidestep.streams.gcra import parse_rate
from sidestep.streams.watch.pace import EVERYBODY, pace
from sidestep.streams.watch.pace_rules import MILLION, load_pace_rules
from sidestep.streams.watch.reactions import take_policy
from sidestep.streams.watch.sharing import equal, move, settled, wanted
from sidestep.streams.watch.state import WatchState
from tests.decide.world import World

RULES = load_pace_rules()
START = 1_800_000_000
MINUTE, HOUR = 60, 3600
SECOND_US = 1_000_000


class Pacing:
    """Tallies in, records out. `told`: the record in force by partition."""

    def __init__(self, partitions: int = 4, paced: tuple[str, ...] = ("google",)):
        self.partitions = partitions
        self.state = WatchState(lambda table: ())
        self.limit(*paced)
        self.second = START
        self.told: dict[int, PaceRecord] = {}
        self.records = 0

    def limit(self, *providers: str) -> None:
        """These have limits by the policy."""
        take_policy(self.state, Tally(service="", partition=0, second=START, policy="1", paced=list(providers)))

    def minute(self, sent: dict[int, int], deferred: int = 0, provider: str = "google", **back: int) -> None:
        """A minute in which so many went out by partition; what came back came to the first of them."""
        for partition, count in sent.items():
            found = Breakdown({provider: Outcomes(approved=count, deferred=deferred)})
            returns = ReturnsByName({provider: Returns(**back)} if back and partition == min(sent) else {})
            self._take(
                Tally(service="", partition=partition, second=self.second, providers=found, returns_by_provider=returns)
            )
        self.second += MINUTE
        self._take(Tally(service="shop", partition=0, second=self.second))

    def _take(self, tally: Tally) -> None:
        self.state.second = max(self.state.second, tally.second)
        for partition, record in pace(self.state, tally, self.partitions, RULES):
            self.told[partition] = record
            self.records += 1

    def shares(self, provider: str = "google") -> list[int]:
        """In force, by partition; equal where nothing was told."""
        parts = self.partitions
        return [
            (self.told[p].providers.get(provider, Pace()).share if self.told else 0) or MILLION // parts
            for p in range(parts)
        ]

    def of(self, partition: int, provider: str = "google") -> Pace:
        """What a partition was told of a provider."""
        return self.told[partition].providers[provider]


def test_shares_follow_the_traffic() -> None:
    """Nine tenths of it in one partition: within minutes that has nearly nine tenths of the limit, the others a part to
    begin with."""
    pacing = Pacing()
    for _ in range(15):
        pacing.minute({0: 900, 1: 50, 2: 50})
    assert pacing.shares() == pytest.approx([835_000, 70_000, 70_000, 25_000], abs=30_000)
    for _ in range(15):
        pacing.minute({3: 1000})
    assert pacing.shares() == pytest.approx([25_000, 25_000, 25_000, 925_000], abs=50_000)


def test_what_waits_counts_as_traffic() -> None:
    """A partition that may send little has much to send."""
    pacing = Pacing(2)
    for _ in range(20):
        pacing.minute({0: 100}, deferred=900)
        pacing.minute({1: 100})
    assert pacing.shares()[0] > 800_000


def test_steady_traffic_needs_no_records() -> None:
    """Once the shares fit; small changes are none."""
    pacing = Pacing()
    for number in range(60):
        before = pacing.records
        pacing.minute({p: 250 + 5 * ((number + p) % 3) for p in range(4)})
        assert number < 1 or before == pacing.records


def test_nobody_is_told_of_providers_without_a_limit() -> None:
    """Records that say nothing are not worth their place in the log."""
    pacing = Pacing(paced=("microsoft",))
    for _ in range(10):
        pacing.minute({0: 900, 1: 100})
    assert {} == pacing.told
    pacing.limit(EVERYBODY)
    pacing.minute({0: 900, 1: 100})
    assert pacing.told


def test_a_provider_that_gets_nothing_any_more_is_forgotten() -> None:
    """Its rows go, its parts are equal again."""
    pacing = Pacing()
    for _ in range(10):
        pacing.minute({0: 1000})
    pacing.second += 2 * HOUR
    for _ in range(2):
        pacing.minute({0: 10}, provider="yahoo")
    assert {b"yahoo"} == set(pacing.state.paces.by_key)
    assert equal(4) == dict(enumerate(pacing.shares()))


shares_of = st.integers(1, 12).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.integers(0, 10**6), min_size=n, max_size=n))
)


@given(st.integers(1, 8), st.lists(st.dictionaries(st.integers(0, 7), st.integers(0, 10**6), max_size=8), max_size=30))
def test_whichever_record_a_partition_has_met_the_shares_are_never_more_than_the_whole(
    partitions: int, minutes: list[dict[int, int]]
) -> None:
    """Of two records after each other, in any mixture."""
    shares = equal(partitions)
    for counts in minutes:
        demand = {p: count for p, count in counts.items() if p < partitions}
        later = move(shares, wanted(demand, partitions, RULES.shares), RULES.shares)
        assert sum(max(shares[p], later[p]) for p in shares) <= MILLION
        assert all(share > 0 for share in later.values())
        assert sum(max(0, later[p] - shares[p]) for p in shares) <= RULES.shares.move * MILLION
        shares = later


@given(st.integers(1, 6), st.integers(1, 12), st.lists(st.integers(0, 10**6), min_size=6, max_size=6))
def test_partitions_that_come_later_have_no_more_than_is_left(before: int, more: int, counts: list[int]) -> None:
    """They were told nothing: each takes an equal part of the larger number."""
    told = move(equal(before), wanted(dict(enumerate(counts[:before])), before, RULES.shares), RULES.shares)
    partitions = before + more
    shares = settled(told, partitions)
    assert sum(shares.values()) <= MILLION
    assert all(shares[p] == MILLION // partitions for p in range(before, partitions))


INTENT, POLICY = World.intent_record(), parse(World.policy_text())
LIMIT = SharedLimits({"google": parse_rate("600/min,max_burst=60")})
PER_SECOND, BURST = 10, 60


class Partitions:
    """Each with its part of a limit of ten a second and sixty at once, and more to send than it may. A record is in
    force in a partition so many seconds after it was written."""

    def __init__(self, delays: list[int]):
        self.delays = delays
        self.rows = [DomainRow() for _ in delays]
        self.shares = [0] * len(delays)
        self.coming: list[tuple[int, int, int]] = []
        """Second from which on a partition has a share."""

    def tell(self, records: dict[int, PaceRecord], second: int) -> None:
        """A record for each of them is written."""
        for partition, record in records.items():
            share = record.providers.get("google", Pace()).share
            self.coming.append((second + self.delays[partition], partition, share))

    def send(self, second: int, busy: set[int]) -> dict[int, int]:
        """What goes out in that second, of those that have anything to send."""
        for at, partition, share in self.coming:
            if at <= second:
                self.shares[partition] = share
        self.coming = [told for told in self.coming if told[0] > second]
        return {partition: self._send(partition, second * SECOND_US) for partition in sorted(busy)}

    def _send(self, partition: int, now_us: int) -> int:
        rate = LIMIT.share("google", len(self.rows), self.shares[partition])
        assert rate is not None
        bucket = RateBucket(Passing(INTENT, POLICY, now_us), "mx-provider-limit", rate, self.rows[partition], "google")
        sent = 0
        while bucket.stop() is None:
            bucket.take()
            sent += 1
        return sent


def simulate(delays: list[int], minutes: list[set[int]]) -> list[int]:
    """Watch and partitions together: what goes out in each second, of all partitions."""
    pacing, partitions = Pacing(len(delays)), Partitions(delays)
    sent: list[int] = []
    for busy in minutes:
        gone = dict.fromkeys(range(len(delays)), 0)
        for _ in range(MINUTE):
            found = partitions.send(pacing.second - START + len(sent) % MINUTE, busy)
            sent.append(sum(found.values()))
            gone = {p: count + found.get(p, 0) for p, count in gone.items()}
        before = pacing.records
        pacing.minute({p: gone[p] for p in gone if p in busy}, deferred=1000)
        if pacing.records > before:
            partitions.tell(pacing.told, len(sent))
    return sent


def most(seconds: int, partitions: int) -> float:
    """What docs/policy.md says: the limit, a burst, a quarter of one for each minute in which shares may move, and what
    rounding gives each partition."""
    records = ceil(seconds / MINUTE) + 1
    return PER_SECOND * seconds + BURST * (1 + RULES.shares.move * records) + partitions * (records + 1)


busy_minutes = st.integers(2, 4).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, MINUTE - 1), min_size=n, max_size=n),
        st.lists(st.sets(st.integers(0, n - 1)), min_size=1, max_size=12),
    )
)


@given(busy_minutes)
@settings(max_examples=30)
def test_traffic_that_moves_in_any_way_exceeds_the_limit_by_no_more_than_is_stated(
    made_up: tuple[list[int], list[set[int]]],
) -> None:
    """In any stretch of time, whichever partitions have mail in which minute, and though each meets a record at another
    time, up to a minute later."""
    delays, minutes = made_up
    total = [0, *accumulate(simulate(delays, minutes))]
    for length in (1, 5, 30, 60, 61, 120, 300, 720):
        for first in range(max(0, len(total) - length)):
            assert total[first + length] - total[first] <= most(length, len(delays))


def test_a_limit_is_used_where_the_traffic_is() -> None:
    """All of it in one of four partitions: after some minutes nine tenths of the limit go out, a quarter before."""
    sent = simulate([3, 0, 20, 7], [{0}] * 20)
    assert sum(sent[:60]) < 0.5 * 600
    assert sum(sent[-300:]) > 0.9 * 5 * 600
    assert sum(sent[-300:]) <= most(300, 4)


def minutes_of(pacing: Pacing, count: int) -> None:
    """So many minutes of a thousand messages."""
    for _ in range(count):
        pacing.minute({0: 750, 1: 250})


def test_answers_slow_a_provider_down_in_all_partitions() -> None:
    """Half of what it got in its busiest minute, divided as the traffic is; with or without a limit in the policy."""
    for paced in ((), ("google",)):
        pacing = Pacing(2, paced)
        minutes_of(pacing, 12)
        pacing.minute({0: 750, 1: 250}, slow_downs=12, blocks=14)
        found = [pacing.of(partition) for partition in range(2)]
        assert [one.per_minute for one in found] == pytest.approx([725, 275], abs=30)
        until = (pacing.second + HOUR) * 1000
        reason = "has answered that we send too fast (12 times by 08:13 UTC)"
        assert [(500, until, 900, reason)] * 2 == [(o.speed, o.until, o.double_after, o.reason) for o in found]


def test_blocks_slow_it_down_more() -> None:
    """To a tenth; what blames us for something else, such as a missing signature, does not."""
    pacing = Pacing(2, ())
    minutes_of(pacing, 3)
    pacing.minute({0: 750, 1: 250}, blocks=40, refusals=16, slow_downs=4)
    assert (100, "has answered that it blocks us (20 times by 08:04 UTC)") == (pacing.of(0).speed, pacing.of(0).reason)


@pytest.mark.parametrize(
    ("count", "answers", "slow"), [(10, 2, False), (10, 3, True), (10_000, 20, False), (10_000, 21, True)]
)
def test_a_few_answers_are_the_business_of_their_domain(count: int, answers: int, slow: bool) -> None:
    """Three at least, and more than two of a thousand messages."""
    pacing = Pacing(1, ())
    pacing.minute({0: count})
    pacing.minute({0: count}, slow_downs=answers)
    assert slow == bool(pacing.told)


def test_it_is_lowered_again_after_it_has_settled_and_told_when_it_is_whole() -> None:
    """What comes before that prolongs it; at the end nobody is slow any more."""
    pacing = Pacing(1, ())
    speeds = []
    minutes_of(pacing, 2)
    for number in range(13):
        pacing.minute({0: 100}, slow_downs=10 if number in (0, 3, 12) else 0)
        speeds.append(pacing.of(0).speed)
    assert [500] * 12 + [250] == speeds
    until = pacing.of(0).until // 1000
    while pacing.second <= until + 16 * MINUTE:
        pacing.minute({0: 100})
    assert {} == pacing.told[0].providers
    assert pacing.second == pytest.approx(until + 15 * MINUTE, abs=2 * MINUTE)
