"""Each pattern: it is told when its incident comes, once, and closed when that is over; noise of its kind is none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import pytest

from sidestep.schemas import Anomaly, Breakdown, Outcomes, Reaction
from sidestep.streams.watch.thresholds import thresholds
from tests.watch.scene import DAY, HOUR, Scene

Fields = dict[str, Any]
CLEAN: Fields = {"approved": 900, "delivered": 850, "engaged": 180, "never_mailed": 20, "source": "form"}
"""An hour of a clean service."""


@dataclass
class Story:
    """An incident by what each minute of it holds, and what must not be taken for one."""

    pattern: str
    bad: Fields
    noise: list[Fields]
    minutes: int = 1
    """For which it goes on before it must have been told of."""
    service: str = "shop"
    quiet: int = 2 * HOUR
    source: str = ""
    says: str = ""
    kind: str = "source"
    step: Callable[[Scene, Fields], list[Anomaly]] = field(default=lambda scene, fields: scene.says(**fields))


def _hour(scene: Scene, fields: Fields) -> list[Anomaly]:
    found = scene.says(**fields)
    scene.wait(HOUR - 60)
    return found


STORIES = [
    Story(
        "unknown-burst",
        {"approved": 200, "dropped": 100, "unknown": 100, "source": "import", "samples": {"unknown": ["i1", "i2"]}},
        [
            {"approved": 12, "dropped": 1, "unknown": 1, "source": "import"},  # one of thirteen
            {"approved": 30, "dropped": 5, "unknown": 5, "source": "import"},  # an eighth, of few
            {"approved": 900, "dropped": 50, "unknown": 50, "source": "import"},  # of many, but one in twenty
        ],
        source="import",
        says="33 % of what shop wants to send goes to addresses that do not exist (100 of 300, usual is "
        "0.00 %): stop the source import",
    ),
    Story(
        "dormant-revival",
        {"approved": 300, "dormant": 200, "source": "old-list"},
        [{"approved": 40, "dormant": 13, "source": "old-list"}, {"approved": 900, "dormant": 60, "source": "old-list"}],
        source="old-list",
        says="67 % of what shop wants to send goes to people who have had no mail for long",
    ),
    Story(
        "bounce-storm",
        {"hard_bounces": 80, "delivered": 300, "source": "form", "samples": {"hard-bounce": ["i1"]}},
        [
            {"hard_bounces": 1, "delivered": 12, "source": "form"},
            {"hard_bounces": 4, "delivered": 30, "source": "form"},
            {"hard_bounces": 30, "delivered": 900, "source": "form"},
        ],
        source="form",
        quiet=9 * DAY,  # a budget is broken, too, which is remembered for a week
        says="21 % of shop's mail bounced for good (80 of 380, usual is 0.00 %): stop the source form",
    ),
    Story(
        "trap-hits",
        {"approved": 300, "risk": 120_000, "source": "import"},
        [{"approved": 40, "risk": 5_000, "source": "import"}, {"approved": 900, "risk": 60_000, "source": "import"}],
        source="import",
        says="120 of 300 messages of shop are likely to have hit spam traps (40 %",
    ),
    Story(
        "trap-hits",
        {"traps": 3, "source": "import"},
        [{"soft_bounces": 3, "source": "import"}],
        source="import",
        says="3 messages of shop have hit spam traps, as reported: stop the source import",
    ),
    Story(
        "list-bombing",
        {"approved": 20, "bombed": {"a2V5": 60}, "provider": "", "samples": {"bombed": ["i1"]}},
        [{"approved": 20, "bombed": {"a2V5": 9}}],
        service="",
        says="One mailbox was to get 60 messages within an hour, of many kinds",
    ),
    Story(
        "stray-reports",
        {"approved": 20, "stray": {"door:lmtp": 60}, "provider": ""},
        [{"approved": 20, "stray": {"door:lmtp": 19}}],
        service="",
        source="door:lmtp",
        says="60 bounces or complaints came from the source door:lmtp that are of no message of ours",
    ),
    Story(
        "forged-records",
        {"approved": 900, "refused": {"shop-1/signature-wrong": 40, "shop-1/signature-expired": 5}, "provider": ""},
        [{"approved": 20, "refused": {"shop-1/signature-wrong": 19, "crm-1/signature-wrong": 19}}],
        service="",
        source="shop-1",
        says="45 records in the name of the key shop-1 were refused, most of them for signature-wrong: somebody",
    ),
    Story(
        "volume-spike",
        {"approved": 6_000, "source": "form", "samples": {"never-mailed": ["i1"]}},
        [{"approved": 290, "source": "form"}, {"approved": 2_600, "source": "form"}],
        says="Shop wants to send 6000 messages in three minutes, usual at this time is 900",
    ),
    Story(
        "engagement-collapse",
        CLEAN | {"engaged": 10},
        [CLEAN | {"engaged": 120}],
        minutes=26,
        quiet=3 * DAY,
        step=_hour,
        says="of the last day was opened, clicked or answered",
    ),
    Story(
        "reputation-block",
        {
            "approved": 400,
            "soft_bounces": 80,
            "blocks": 80,
            "delivered": 300,
            "provider": "google",
            "samples": {"block": ["i1"]},
        },
        [
            {"approved": 12, "soft_bounces": 1, "blocks": 1, "delivered": 12, "provider": "google"},
            {"approved": 900, "soft_bounces": 40, "blocks": 40, "delivered": 860, "provider": "google"},
        ],
        service="",
        says="Google refuses 20 % of our mail because of our own reputation (80 of 400)",
    ),
    Story(
        "complaint-budget",
        {"delivered": 4_000, "complaints": 20, "provider": "google"},
        [
            {"delivered": 500, "complaints": 9, "provider": "google"},
            {"delivered": 9_000, "complaints": 10, "provider": "google"},
        ],
        service="",
        quiet=2 * DAY,
        says="0.50 % of today's mail to Google was reported as spam (20 of 4000)",
    ),
    Story(
        "bounce-budget",
        {"approved": 2_000, "delivered": 1_860, "hard_bounces": 140, "engaged": 400, "source": "form"},
        [
            {"approved": 100, "hard_bounces": 7, "source": "form"},
            {"approved": 2_000, "hard_bounces": 80, "source": "form"},
        ],
        minutes=24,
        quiet=10 * DAY,
        step=_hour,
        says="Amazon SES reviews at 5 % and pauses at 10 %",
    ),
    Story(
        "complaint-budget",
        {"approved": 2_000, "delivered": 2_000, "complaints": 14, "source": "form"},
        [{"approved": 2_000, "delivered": 2_000, "complaints": 2, "source": "form"}],
        minutes=24,
        quiet=10 * DAY,
        step=_hour,
        says="of shop's mail was reported as spam, over a representative volume",
    ),
]
NAMES = [f"{story.pattern}-{story.service or 'all'}-{number}" for number, story in enumerate(STORIES)]


def _after_usual_days(story: Story) -> Scene:
    scene = Scene()
    clean = CLEAN if story.service else {"delivered": 900, "provider": "google"}
    scene.usual(10, service=story.service, **clean)
    scene.quiet(2 * HOUR)
    assert [] == scene.anomalies()
    return scene


@pytest.mark.parametrize("story", STORIES, ids=NAMES)
def test_an_incident_is_opened_once_and_closed(story: Story) -> None:
    """While it lasts there is one, which says what, where and what to do; when it is over it is closed, once."""
    scene = _after_usual_days(story)
    found = [
        one for _ in range(story.minutes + 5) for one in story.step(scene, {"service": story.service, **story.bad})
    ]
    assert [story.pattern] == [one.pattern for one in found if one.state == "opened"]
    first = next(one for one in found if one.state == "opened")
    assert story.says in first.text
    assert story.source in ("", first.source)
    assert first.name == (story.bad["provider"] if story.service == "" else story.service)
    assert first.at <= scene.start + scene.now
    assert first.severity in ("warning", "critical")
    assert next(iter(story.bad.get("samples", {}).values()), []) == first.samples
    assert len(found) <= 5, "an update says something new"
    closing = scene.quiet(story.quiet)
    assert [(first.id, "closed")] == [(one.id, one.state) for one in closing]
    assert closing[0].closed_at and closing[0].opened_at == first.opened_at
    assert [] == scene.quiet(30 * DAY)


@pytest.mark.parametrize("story", STORIES, ids=NAMES)
def test_noise_is_no_incident(story: Story) -> None:
    """Below the minimum volumes, or below the share: nothing is said of that pattern."""
    for noise in story.noise:
        scene = _after_usual_days(story)
        story.step(scene, {"service": story.service, **noise})
        scene.quiet(story.quiet)
        assert [] == [one for one in scene.anomalies() if one.pattern == story.pattern], noise


def test_a_new_service_is_judged_by_absolute_thresholds() -> None:
    """Cold start: a burst is told of in its first minute, with nothing usual; a volume is not."""
    scene = Scene()
    found = scene.says(approved=5_000, unknown=0, source="form")
    assert [] == found
    found = scene.says(approved=300, dropped=200, unknown=200, source="import")
    assert ["unknown-burst"] == [one.pattern for one in found]
    assert {} == found[0].expected and "usual is not known yet" in found[0].text


def test_what_is_usual_for_a_service_is_no_incident() -> None:
    """One whose list has always been bad by a twelfth is told of only when it gets four times worse."""
    scene = Scene()
    scene.usual(10, approved=800, dropped=65, unknown=65, source="form")
    before = len(scene.anomalies())
    assert [] == scene.says(approved=400, dropped=100, unknown=100, source="form")
    found = scene.says(approved=400, dropped=400, unknown=400, source="import")
    assert ["unknown-burst"] == [one.pattern for one in found] and before == 0


def test_the_worst_of_a_service_is_named_and_its_consequences_are_no_incidents_of_their_own() -> None:
    """An old list is imported: one incident, of its source, whatever follows from it."""
    scene = Scene()
    scene.usual(10, **CLEAN)
    burst = {"approved": 900, "dropped": 500, "unknown": 500, "source": "import"}
    storm = {"hard_bounces": 300, "delivered": 400, "risk": 0, "source": "import"}
    found = scene.minutes(3, **burst) + scene.minutes(3, **burst | storm) + scene.minutes(3, **storm)
    assert [("unknown-burst", "import")] == [(one.pattern, one.source) for one in found if one.state == "opened"]
    assert 0.1 < scene.quiet(9 * DAY)[0].features["bounce_share"], "the last record tells of it as well"


def test_messages_are_named_only_where_they_are_of_the_incident() -> None:
    """Samples are a window's: of two mailboxes that are filled up, or two providers that refuse, they may be the
    other's."""
    scene = Scene()
    scene.usual(10, service="", delivered=900, provider="google")
    bad: Fields = {"approved": 400, "soft_bounces": 80, "blocks": 80, "delivered": 300, "samples": {"block": ["i1"]}}
    flood: Fields = {"bombed": {"a2V5": 60, "b2V5": 9}, "samples": {"bombed": ["i2"]}}
    scene.append(
        scene.tally(scene.now, service="", provider="google", **bad),
        scene.tally(scene.now, service="", provider="yahoo", soft_bounces=1, blocks=1),
        scene.tally(scene.now, service="", approved=9, **flood),
    )
    scene.wait(60)
    scene.tick(10)
    found = scene.anomalies()
    assert ["list-bombing", "reputation-block"] == sorted(one.pattern for one in found)
    assert [[], []] == [one.samples for one in found]


def test_two_bad_sources_are_two_incidents() -> None:
    """Each is to be fixed by itself."""
    scene = Scene()
    scene.usual(3, **CLEAN)
    bad: Fields = {"approved": 200, "dropped": 100, "unknown": 100}
    scene.append(scene.tally(scene.now, source="a", **bad), scene.tally(scene.now, source="b", **bad))
    scene.wait(60)
    scene.tick(10)
    assert ["a", "b"] == [one.source for one in scene.anomalies()]


def test_what_explains_an_incident_that_is_open_takes_it_over() -> None:
    """A volume that turns out to be an old list: the same incident under its better name."""
    scene = Scene()
    scene.usual(3, **CLEAN)
    first = scene.says(approved=6_000, source="import")
    second = scene.says(approved=3_000, dropped=3_000, unknown=3_000, source="import")
    assert [("volume-spike", "opened"), ("unknown-burst", "updated")] == [
        (one.pattern, one.state) for one in [*first, *second]
    ]
    assert first[0].id == second[0].id and second[0].source == "import"


def test_a_campaign_is_named_where_no_source_is() -> None:
    """Services that give none still hear which campaign it is."""
    scene = Scene()
    scene.usual(3, **CLEAN)
    bad: Fields = {"approved": 200, "dropped": 100, "unknown": 100}
    found = scene.says(**bad, campaigns=Breakdown({"spring": Outcomes(**bad)}))
    assert [("unknown-burst", "", "spring")] == [(one.pattern, one.source, one.campaign) for one in found]
    assert "stop the campaign spring" in found[0].text


def test_a_source_whose_mail_has_a_campaign_too_is_one_incident() -> None:
    """The incident is of the source and tells of the campaign, minute after minute."""
    scene = Scene()
    bad: Fields = {"approved": 200, "dropped": 100, "unknown": 100}
    both: Fields = {**bad, "source": "import", "campaigns": Breakdown({"we-miss-you": Outcomes(**bad)})}
    found = scene.minutes(4, **both)
    assert [("import", "we-miss-you")] == list({(one.source, one.campaign) for one in found[1:]} or [("", "")])
    assert 1 == len({one.id for one in found})


def test_what_was_bad_once_is_no_news_of_a_new_source() -> None:
    """All of a new source counts, but only as long as it goes on: a clean minute a day later opens nothing again."""
    scene = Scene()
    bad: Fields = {"approved": 80, "dropped": 60, "unknown": 60, "source": "import"}
    assert ["opened"] == [one.state for one in scene.says(**bad)]
    assert ["closed"] == [one.state for one in scene.quiet(2 * HOUR)]
    assert [] == [found for _ in range(5) for found in scene.says(approved=20, source="import") or scene.quiet(HOUR)]


def test_windows_may_be_shorter_than_a_minute() -> None:
    """By a file of one's own: the demo's day takes seconds."""
    shipped = files("sidestep.streams.watch").joinpath("watch.toml").read_text("utf-8")
    quick = shipped.replace("length = 20 ", "length = 1 ").replace("grace = 10 ", "grace = 1 ")
    scene = Scene(rules=thresholds(quick))
    scene.append(scene.tally(source="import", approved=200, dropped=100, unknown=100))
    scene.wait(2)
    scene.tick()
    (found,) = scene.anomalies()
    assert ("import", scene.start, scene.start + 1) == (found.source, found.window_start, found.window_end)


@pytest.mark.parametrize("said", ["length = 0", "length = 7200", "length = 'long'", "lenght = 60"])
def test_windows_that_cannot_be_are_refused(said: str) -> None:
    """With what is wrong."""
    shipped = files("sidestep.streams.watch").joinpath("watch.toml").read_text("utf-8")
    with pytest.raises(ValueError, match="length"):
        thresholds(shipped.replace("length = 20", said))


def test_figures_that_matter_are_updated() -> None:
    """A warning that becomes critical, and numbers that have doubled; nothing else."""
    scene = Scene()
    scene.usual(3, **CLEAN)
    small, large = {"approved": 170, "dropped": 30, "unknown": 30}, {"approved": 200, "dropped": 200, "unknown": 200}
    found = scene.minutes(1, source="import", **small) + scene.minutes(6, source="import", **large)
    assert ["warning", "critical"] == list(dict.fromkeys(one.severity for one in found))
    assert "opened" == found[0].state and {"updated"} == {one.state for one in found[1:]}
    assert len(found) <= 5


@pytest.mark.parametrize(
    ("refused", "approved", "severity"),
    [(20, 0, "warning"), (50, 51, "warning"), (50, 50, "critical"), (199, 9_000, "warning"), (200, 9_000, "critical")],
)
def test_forgeries_are_graver_by_number_and_by_share(refused: int, approved: int, severity: str) -> None:
    """Of few a share says nothing."""
    found = Scene().says(service="", approved=approved, refused={"topic:email-intents.crm/topic-nobodys": refused})
    assert [("forged-records", severity)] == [(one.pattern, one.severity) for one in found]
    assert "in the name of who writes to email-intents.crm were refused" in found[0].text


def test_nothing_is_held_for_forgeries() -> None:
    """Whatever a policy says: the name is what a stranger claims. Each name is an incident of its own, and one for all
    whom no key names."""
    scene = Scene()
    scene.policy(forged_records=Reaction("hold-service", 3600))
    flood = {"shop/signature-wrong": 5_000, "/signature-missing": 900, "crm-1/signature-ahead": 90}
    scene.append(scene.tally(scene.now, "shop", approved=500, source="form"))
    found = scene.minutes(3, service="", refused=flood)
    assert {"shop": "critical", "nobody": "critical", "crm-1": "critical"} == {
        one.source: one.severity for one in found
    }
    assert {"opened"} == {one.state for one in found} and {0} == {one.held_until for one in found}
    assert [] == scene.holds()
    assert ["closed"] * 3 == [one.state for one in scene.quiet(2 * HOUR)]
