"""`make evaluate` runs from end to end on a company of a few people."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.evaluate import __main__ as evaluate
from tests.evaluate.variants import BASELINES, Variant, variants


def _few(seed: int) -> list[Variant]:
    """One of each group."""
    found = {(each.group, each.protector): each for each in variants(seed)}
    return list(found.values())


@pytest.mark.slow
def test_it_writes_the_page_the_plots_and_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure that is promised is there, for Sidestep and for each baseline, and the page shows every plot."""
    monkeypatch.setattr(evaluate, "variants", _few)
    file = tmp_path / "figures.json"
    options = ["--scale", "0.02", "--docs", str(tmp_path), "--processes", "1", "--json", str(file), "--seed", "9"]
    done = CliRunner().invoke(evaluate.main, options)
    assert done.exit_code == 0, done.output
    figures = json.loads(file.read_text())
    wanted = {"avoided_recycled", "avoided_typo", "avoided_pristine", "good_dropped", "detect_windows_median"}
    assert wanted | {"false_anomalies_per_service_month"} <= figures.keys()
    assert set(BASELINES) == figures["baselines"].keys()
    assert all(wanted <= each.keys() for each in figures["baselines"].values())
    page = (tmp_path / "evaluation.md").read_text()
    plots = [path.name for path in (tmp_path / "evaluation").glob("*.png")]
    assert len(plots) == 6
    assert all(f"(evaluation/{name})" in page for name in plots)
    assert "All labels are simulated" in page
