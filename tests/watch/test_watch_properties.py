"""What must hold for every log of tallies, however odd, and however it is cut into batches."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidestep.schemas import Learnt, Reaction, Tally
from tests.watch.scene import START, TABLES, Scene, tally

REACTIONS = {
    "unknown-burst": Reaction("hold-source", 3600),
    "bounce-storm": Reaction("hold-service", 600),
    "list-bombing": Reaction(),
    "stray-reports": Reaction(),
    "forged-records": Reaction("hold-service", 600),
}
numbers = st.sampled_from([0, 0, 1, 13, 40, 500])
steps = st.sampled_from([0, 0, 1, 1, 20, 59, 60, 200, 1800, 3600, 86_400, 8 * 86_400, -1, -90, -7200])
fields = st.fixed_dictionaries(
    {"service": st.sampled_from(["", "shop", "bank"])},
    optional={
        "source": st.sampled_from(["form", "import"]),
        "provider": st.sampled_from(["google", "yahoo"]),
        "approved": numbers,
        "dropped": numbers,
        "unknown": numbers,
        "dormant": numbers,
        "never_mailed": numbers,
        "risk": st.sampled_from([0, 20_000]),
        "delivered": numbers,
        "hard_bounces": numbers,
        "blocks": numbers,
        "slow_downs": numbers,
        "refusals": numbers,
        "deferred": numbers,
        "partition": st.integers(0, 3),
        "complaints": numbers,
        "engaged": numbers,
        "traps": st.sampled_from([0, 0, 0, 2]),
        "bombed": st.sampled_from([{}, {"a2V5": 30}, {"a2V5": 200}]),
        "stray": st.sampled_from([{}, {"door:lmtp": 19, "shop": 2}, {"door:lmtp": 200}]),
        "refused": st.sampled_from([{}, {"shop-1/signature-wrong": 19, "/signature-missing": 2}, {"/topic-not": 90}]),
        "learnt": st.sampled_from([{}, {"": Learnt(0, 150)}, {"dormant": Learnt(90, 10, 1, 30_000)}]),
        "samples": st.sampled_from([{}, {"unknown": ["1", "2", "3", "4"]}]),
        "domains": st.none(),
    },
)
Entry = tuple[int, dict[str, Any]]
entries: st.SearchStrategy[Entry] = st.tuples(steps, fields)
logs = st.lists(entries, max_size=40)
silences = st.sampled_from([0, 0, 0, 0, 9, 43, 401]).map(lambda days: days * 86_400)
long_logs = st.lists(st.tuples(silences, entries).map(lambda it: (it[0] + it[1][0], it[1][1])), max_size=40)
"""In which services are silent until they are forgotten."""


def _log(made_up: list[Entry]) -> list[Tally]:
    """The policy, then the tallies, each so many seconds after the one before."""
    now, log = START, [tally(START, "", policy="1", reactions=REACTIONS, paced=["google"])]
    for step, what in made_up:
        now = max(START, now + step)
        what.pop("domains", None)
        log.append(tally(now, **what))
    return log


def _watched(log: list[Tally], cuts: list[int]) -> Scene:
    """A scene in which the log was judged in batches that end at `cuts`, by another worker from each third on."""
    scene = Scene()
    for number, (first, last) in enumerate(pairwise(sorted({0, *(cut % (len(log) + 1) for cut in cuts), len(log)}))):
        if number % 3 == 2:
            scene.reopen()
        scene.append(*log[first:last])
    return scene


@given(st.one_of(logs, long_logs), st.lists(st.integers(0, 41), max_size=6))
@settings(max_examples=150)
def test_batches_make_no_difference(made_up: list[Entry], cuts: list[int]) -> None:
    """The same records, octet by octet and in the same places, and the same ledger: one by one, at once, or anyhow."""
    log = _log(made_up)
    scenes = [_watched(log, c) for c in ([], list(range(len(log))), cuts)]
    for scene in scenes[1:]:
        assert scenes[0].written() == scene.written()
        assert scenes[0].contents() == scene.contents()
        assert scenes[0].watcher.due == scene.watcher.due


@given(logs)
@settings(max_examples=60)
def test_an_incident_is_opened_first_and_closed_last(made_up: list[Entry]) -> None:
    """Once each; what it says fits its state; nothing is open when it has been quiet for long, nor is any window."""
    scene = _watched(_log(made_up), [])
    scene.quiet(400 * 86_400)  # longer than any of these logs
    scene.quiet(30 * 86_400)  # what is put on hold at their end lasts as long as that
    by_id: dict[str, list[str]] = {}
    for anomaly in scene.anomalies():
        by_id.setdefault(anomaly.id, []).append(anomaly.state)
        assert 0 <= anomaly.score <= 1
        assert anomaly.opened_at < anomaly.window_end <= anomaly.at
        assert (anomaly.state == "closed") == bool(anomaly.closed_at)
        assert anomaly.text.endswith(".")
    for states in by_id.values():
        assert states[0] == "opened" and states[-1] == "closed"
        assert set(states[1:-1]) <= {"updated"}
    assert not scene.watcher.open
    assert {} == scene.contents().get("windows", {})


def test_rows_are_read_as_they_are_written() -> None:
    """Each table's rows come back from their octets as they were; prefixes differ."""
    scene = Scene()
    scene.policy(unknown_burst=Reaction("hold-source", 60))
    scene.usual(2, approved=500, engaged=9, delivered=400, source="form")
    scene.says(approved=500, unknown=400, source="form", service="shop")
    scene.append(tally(scene.now, "", "", "google", approved=40, learnt={"dormant": Learnt(1)}))
    scene.wait(60)
    scene.tick(10)
    scene.append(tally(scene.now, approved=1))
    for table in TABLES:
        for _, row in scene.ledger.rows(table):
            assert table.decode(table.encode(row)) == row
    assert len({table.prefix for table in TABLES}) == len(TABLES)
    assert {table.name for table in TABLES} == scene.contents().keys()
