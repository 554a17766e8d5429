"""What Watch is given in the demo: the windows and thresholds that ship, for a day in which a second is an hour."""

import tomllib
from importlib.resources import files
from typing import Any

from sidestep.schemas import Anomaly
from sidestep.streams.demo.incidents import Incidents
from sidestep.streams.watch.thresholds import thresholds

TIMES = ("length", "grace", "short", "long", "source_long", "quiet")


def _read(package: str, name: str) -> dict[str, Any]:
    return tomllib.loads((files(package) / name).read_text("utf-8"))


def test_the_demos_thresholds_are_those_that_ship_with_shorter_times() -> None:
    """Whoever changes one changes the other."""
    shipped, demo = _read("sidestep.streams.watch", "watch.toml"), _read("sidestep.streams.demo.data", "watch.toml")
    for section in shipped.values():
        for name in section.keys() & set(TIMES):
            section[name] = max(1, section[name] // 60)
    assert shipped == demo
    demo_text = (files("sidestep.streams.demo.data") / "watch.toml").read_text("utf-8")
    assert 1 == thresholds(demo_text).watch.windows.length


def test_each_incident_is_news_once_and_so_is_its_hold() -> None:
    """The last record says how it stands."""
    incidents = Incidents()
    fields: dict[str, Any] = {"id": "1", "subject": "service", "name": "crm", "source": "import", "pattern": "p"}
    fields |= {"severity": "warning", "score": 0.5, "features": {}, "window_start": 1, "window_end": 2, "at": 3}
    told = [
        Anomaly(text="Half is dead: stop it.", **fields),
        Anomaly(text="Half is dead: stop it.", held_until=9, **fields),
        Anomaly(text="Half is dead: stop it.", held_until=9, state="closed", **fields),
    ]
    news = [incidents.take(one) for one in told]
    assert ["Watch: Half is dead: stop it.", "Watch puts the source import of crm on hold: Half is dead", ""] == news
    assert ["closed"] == [one.state for one in incidents.by_id.values()]
