"""Windows: which tallies they hold, when they end, what comes late, and that names stay bounded."""

from sidestep.schemas import Breakdown, Outcomes
from sidestep.streams.watch.state import WatchState, window_key, window_of
from sidestep.streams.watch.tables import STORIES, WINDOWS
from sidestep.streams.watch.windows import KEPT, SAMPLES, start_of
from tests.watch.scene import DAY, MINUTE, RULES, START, Scene, tally

GRACE, LENGTH = RULES.watch.windows.grace, RULES.watch.windows.length


def test_a_window_waits_for_partitions_that_come_later() -> None:
    """A window ends when the greatest second of any tally is ten seconds past it; not before."""
    scene = Scene()
    scene.append(tally(START + 5, approved=1), tally(START + LENGTH - 1, approved=1, partition=1))
    ended = scene.append(tally(START + LENGTH + GRACE - 1, "bank", approved=1)).windows
    assert not ended
    scene.append(tally(START + LENGTH // 2, approved=1, partition=2))
    assert {"service": 1} == scene.append(tally(START + LENGTH + GRACE, "bank", approved=1)).windows
    story = dict(scene.ledger.rows(STORIES))[b"shop\0\0"]
    assert [(START, 3)] == [(when, counts.approved) for when, counts in story.recent]


def test_what_comes_late_counts_in_the_window_that_is_open() -> None:
    """Nothing is lost; a window with much that is late says nothing about volume, and a burst is seen all the same."""
    scene = Scene()
    scene.usual(10, approved=100, source="form")
    now = scene.now
    scene.append(tally(now, approved=10, source="form"), tally(now + 5 * MINUTE, "", "", "google", approved=1))
    batch = scene.append(
        *(tally(now + second, approved=100, source="form", partition=1) for second in range(60)),
        tally(now + 20, approved=300, dropped=300, unknown=300, source="import"),
    )
    assert 61 == batch.late
    ((_, row),) = [(key, row) for key, row in scene.ledger.rows(WINDOWS) if window_of(key)[1] == "shop"]
    assert (6_300, 6_600) == (row.counts.approved, row.late)
    scene.wait(7 * MINUTE)
    scene.tick()
    assert ["unknown-burst"] == [one.pattern for one in scene.anomalies()], "6,600 at once are no spike: they came late"


def test_the_window_of_a_second_is_never_one_that_has_ended() -> None:
    """Whatever the clock; late ones go to the oldest that may be open."""
    for watermark in range(START, START + 130):
        for second in range(START - 70, START + 200, 7):
            start, late = start_of(second, watermark, MINUTE)
            assert start % MINUTE == 0 and start + MINUTE > watermark
            assert late == (second // MINUTE * MINUTE + MINUTE <= watermark)
            assert late or start <= second < start + MINUTE


def test_keys_of_windows_are_in_the_order_of_time() -> None:
    """So the oldest end first."""
    keys = [window_key(start, name) for start in (60, 120, 2**33) for name in ("", "a", "\N{SNOWMAN}")]
    assert sorted(keys) == keys
    assert (120, "\N{SNOWMAN}") == window_of(window_key(120, "\N{SNOWMAN}"))


def test_made_up_names_stay_bounded() -> None:
    """A source for each intent fills neither windows nor stories."""
    scene = Scene()
    for minute in range(30):
        for part in range(10):
            named = {f"s{minute}-{part}-{number}": Outcomes(approved=1) for number in range(20)}
            scene.append(tally(scene.now, approved=20, sources=Breakdown(named), samples={"unknown": ["1", "2"]}))
        (row,) = [row for _, row in scene.ledger.rows(WINDOWS)]
        assert KEPT == len(row.sources) and [SAMPLES] == [len(ids) for ids in row.samples.values()]
        scene.wait(MINUTE)
        scene.tick(GRACE)
    assert [b"shop\0\0"] == [key for key, _ in scene.ledger.rows(STORIES)]


def test_stories_that_nobody_hears_of_end() -> None:
    """Small ones after a week, large ones after more than a year; the service's own with them."""
    scene = Scene()
    scene.says(approved=50, source="small")
    scene.says(approved=900, source="large")
    scene.quiet(8 * DAY)
    assert {b"shop\0\0", b"shop\0source\0large"} == {key for key, _ in scene.ledger.rows(STORIES)}
    scene.quiet(401 * DAY)
    assert {} == WatchState(scene.ledger.rows).stories.by_key
