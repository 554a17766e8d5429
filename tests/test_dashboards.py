"""What is watched: Prometheus, its alerts and Grafana's dashboard, against the metrics that there are."""

import json
import re
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric

from sidestep.streams.settings import Settings
from sidestep.streams.web.receive.received_metrics import ReceivedMetrics
from tests.compose_file import ROOT, SERVICES, WORKERS, aliases, environment, given

RULES = yaml.safe_load((ROOT / ".deploy/alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / ".deploy/grafana/dashboards/sidestep.json").read_text())


def test_prometheus_asks_the_workers_as_they_want_it() -> None:
    """Over TLS, with the token, at the default port, by the name that all of them have."""
    scrape = yaml.safe_load((ROOT / ".deploy/prometheus.yml").read_text())["scrape_configs"][0]
    target = scrape["dns_sd_configs"][0]
    assert (target["names"], target["port"]) == (["workers"], Settings().web_port)
    assert scrape["scheme"] == "https"
    assert scrape["tls_config"]["server_name"] == "workers"
    assert scrape["authorization"] == {"credentials_file": environment("decide")["SIDESTEP_WEB_TOKEN_FILE"]}
    for worker in WORKERS:
        assert {"workers", environment(worker)["SIDESTEP_WEB_HOST"]} == aliases(worker, "scrape")
        assert SERVICES[worker]["healthcheck"]["test"] == ["CMD", "sidestep", "ready"]


def test_prometheus_asks_the_receiver_with_another_token() -> None:
    """Strangers reach the receiver: whoever takes it over has no token of the workers'."""
    scrape = yaml.safe_load((ROOT / ".deploy/prometheus.yml").read_text())["scrape_configs"][1]
    target = scrape["dns_sd_configs"][0]
    assert (set(target["names"]), target["port"]) == (aliases("receive", "door-scrape"), Settings().web_port)
    assert (scrape["scheme"], scrape["tls_config"]["server_name"]) == ("https", "receiver")
    source = {"/run/secrets/" + target: source for target, source in given("prometheus").items()}
    assert source[scrape["authorization"]["credentials_file"]] == given("receive")["web-token"]


def test_grafana_asks_prometheus_where_it_listens() -> None:
    """Prometheus is bound to the network of dashboards: workers, whom it asks, can't ask it."""
    source = yaml.safe_load((ROOT / ".deploy/grafana/datasources/prometheus.yml").read_text())["datasources"][0]
    (host,) = aliases("prometheus", "dashboards")
    assert source["url"] == f"http://{host}:9090"
    assert f"--web.listen-address={host}:9090" in SERVICES["prometheus"]["command"]
    assert source["uid"] == DASHBOARD["uid"]


def _names(expression: str) -> set[str]:
    return {re.sub(r"_(total|bucket)$", "", name) for name in re.findall(r"\bsidestep_\w+", expression)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alerts_are_about_metrics_that_exist(rule: dict[str, Any], metric_families: list[Metric]) -> None:
    """An alert on a metric that nobody exports would never fire."""
    used = _names(rule["expr"])
    assert used or "up{" in rule["expr"] or "process_start_time_seconds{" in rule["expr"]
    assert used <= {family.name for family in (*metric_families, *ReceivedMetrics().registry.collect())}


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_panels_show_metrics_that_exist(panel: dict[str, Any], metric_families: list[Metric]) -> None:
    """With labels that they have, from the data source that is provisioned."""
    known = {family.name for family in (*metric_families, *ReceivedMetrics().registry.collect())}
    assert panel["datasource"]["uid"] == DASHBOARD["uid"]
    for target in panel["targets"]:
        assert _names(target["expr"]) and _names(target["expr"]) <= known
