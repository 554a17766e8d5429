"""The evaluation counts what it says that it counts."""

from collections import Counter

import pytest

from sidestep.schemas import Anomaly
from sidestep.streams.simulate.incidents import Incident, Spell
from tests.evaluate.figures import (
    avoided,
    calibration_error,
    detections,
    dropped,
    false_anomalies,
    good,
    good_elsewhere,
    of_bad_lists,
    precision_recall,
    reliability,
    summary,
    total,
)
from tests.evaluate.play import Fates, Played
from tests.evaluate.variants import Variant, variants, weightless, without

STORM = Incident("bounce-storm", "crm", 1_000.0, 4_600.0, "import-2017", again=[(700_000.0, 703_600.0)])


def played(fates: dict[str, Fates], **fields: object) -> Played:
    """A run."""
    given: dict[str, object] = {
        "risks": Counter(),
        "stopped": Counter(),
        "listed_days": 0.0,
        "incidents": [STORM],
        "listed": [],
        "weeks": 4.345,
        "services": 2,
    }
    return Played(Variant("Sidestep", "main", 1), fates, **given | fields)  # type: ignore[arg-type]  # as given


def anomaly(at: int, pattern: str = "bounce-storm", name: str = "crm", state: str = "opened") -> Anomaly:
    """One that is told at this second."""
    return Anomaly(
        id=f"{pattern}-{at}", subject="service", name=name, pattern=pattern, text="", severity="warning", score=1.0,
        features={}, window_start=at - 60, window_end=at, at=at, state=state,  # type: ignore[arg-type]  # as given
    )  # fmt: skip


def test_a_trap_is_avoided_when_nothing_went_to_it() -> None:
    """Dropped, or deferred until the end: of ten, two were dropped and one never came out."""
    run = played({"recycled": Fates(offered=10, dropped=2, unsent=1, delayed=4)})
    assert avoided([run], ("recycled",)) == pytest.approx(0.3)
    assert avoided([run], ("typo",)) is None


def test_good_mail_that_never_went_out_counts_as_dropped() -> None:
    """Late mail does not."""
    run = played({"good": Fates(offered=1000, dropped=3, unsent=2, delayed=100)})
    assert dropped(good([run, run])) == pytest.approx(0.005)
    assert summary([run])["good_delayed"] == 0.1


def test_good_people_on_bad_lists_are_told_apart() -> None:
    """A list that is an incident is to be held, whoever is on it."""
    held, other = Fates(offered=100, unsent=100), Fates(offered=100, dropped=1)
    run = played({"good": total([held, other])}, by_source={("import-2017", "good"): held, ("form", "good"): other})
    assert dropped(good([run])) == pytest.approx(0.505)
    assert dropped(good_elsewhere([run])) == pytest.approx(0.01)
    assert {"import-2017": {"good": total([held, held])}} == of_bad_lists([run, run])


def test_precision_and_recall_are_of_who_stops_from_a_risk_on() -> None:
    """What would have bounced belongs to neither."""
    risks = Counter({(0.9, "typo"): 3, (0.9, "good"): 1, (0.1, "typo"): 1, (0.1, "good"): 5, (0.9, "dead"): 50})
    high, low = precision_recall([played({}, risks=risks)])
    assert (high.risk, high.precision, high.recall) == (0.9, 0.75, 0.75)
    assert (low.precision, low.recall, low.good) == (0.4, 1.0, 1.0)


def test_calibrated_is_who_says_what_is_seen() -> None:
    """A risk of 0.25 that is a trap once in four has no error."""
    right = played({}, risks=Counter({(0.25, "pristine"): 1, (0.25, "good"): 3}))
    wrong = played({}, risks=Counter({(0.25, "good"): 4}))
    assert calibration_error(reliability([right])) == pytest.approx(0.0)
    assert calibration_error(reliability([wrong])) == pytest.approx(0.25)


def test_an_incident_is_found_by_the_first_anomaly_about_it() -> None:
    """In windows from its start; one of another service, or from before, is about something else."""
    told = [anomaly(900), anomaly(1100, name="shop"), anomaly(1130), anomaly(1400)]
    (found,) = detections(played({}, anomalies=told))
    assert (found.windows, found.pattern) == (3, "bounce-storm")
    assert [900, 1100] == [it.at for it in false_anomalies(played({}, anomalies=told))]


def test_who_does_not_watch_finds_nothing_and_says_so() -> None:
    """None is not 0."""
    assert summary([played({})])["detect_windows_median"] is None
    assert summary([played({})])["false_anomalies_per_service_month"] is None
    assert summary([played({}, anomalies=[anomaly(900)])])["false_anomalies_per_service_month"] == 0.5


def test_the_same_cause_acting_again_is_no_false_alarm() -> None:
    """An update never is, and neither is a block that a list has brought about."""
    again, block = anomaly(700_100), anomaly(50_000, "reputation-block", "")
    run = played({}, anomalies=[again, block, anomaly(9_000_000, state="updated")], listed=[Spell(49_000, 60_000)])
    assert [] == false_anomalies(run)


def test_every_variant_has_a_name_of_its_own_and_a_policy_that_can_be_used() -> None:
    """Each ablation changes the policy."""
    found = variants(7)
    assert len({(each.name, each.seed) for each in found}) == len(found)
    texts = [each.policy for each in found if each.group == "ablation"]
    assert len(set(texts)) == len(texts)
    assert without(("trap-cluster",)) != weightless(("dormant",))
