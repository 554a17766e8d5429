"""The chart's manifests: Kubernetes and the Prometheus operator take them, and Helm's linter has nothing to say."""

from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.helm.chart import CASES, CHART, NAMESPACE, ROOT, Manifest, pods, rendered

OLDEST, NEWEST = "1.30.0", "1.37.0"
TEXT, LABELS = {"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}


def _strict(required: str = "", **properties: Any) -> dict[str, Any]:
    known = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**known, "required": required.split()}


SECRET = _strict("name key", name=TEXT, key=TEXT)
# of the operator's CustomResourceDefinitions, monitoring.coreos.com/v1, what the chart uses
OPERATOR = {
    "ServiceMonitor": _strict(
        "selector endpoints",
        jobLabel=TEXT,
        targetLabels={"type": "array", "items": TEXT},
        selector=_strict(matchLabels=LABELS),
        endpoints={
            "type": "array",
            "items": _strict(
                port=TEXT,
                path=TEXT,
                interval=TEXT,
                scheme={"enum": ["http", "https"]},
                tlsConfig=_strict(ca=_strict(secret=SECRET), serverName=TEXT),
                authorization=_strict(type=TEXT, credentials=SECRET),
            ),
        },
    ),
    "PrometheusRule": _strict(
        "groups",
        groups={
            "type": "array",
            "items": _strict(
                "name rules",
                name=TEXT,
                rules={
                    "type": "array",
                    "items": _strict(
                        "alert expr", alert=TEXT, expr=TEXT, labels=LABELS, annotations=LABELS, **{"for": TEXT}
                    ),
                },
            ),
        },
    ),
}


def _check(manifest: Manifest) -> None:
    if manifest["apiVersion"] == "monitoring.coreos.com/v1":
        jsonschema.validate(manifest["spec"], OPERATOR[manifest["kind"]])
        return
    for version in (OLDEST, NEWEST):
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_the_api_takes_all_of_them(case: str) -> None:
    """By the JSON Schemas of the oldest and the newest Kubernetes that is meant, unknown fields refused."""
    for manifest in rendered()[case].manifests.values():
        _check(manifest)


def test_that_check_would_find_a_misspelt_field() -> None:
    """One letter in a manifest that is otherwise right."""
    policy = yaml.safe_load(yaml.safe_dump(rendered()["tls"].manifests["NetworkPolicy sidestep-kafka"]))
    policy["spec"]["egres"] = policy["spec"].pop("egress")
    with pytest.raises(kubernetes_validate.ValidationError):
        _check(policy)


def test_the_oldest_kubernetes_is_the_charts() -> None:
    """The version that is checked here is the one that Chart.yaml demands."""
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">={OLDEST}-0"


def test_the_newest_kubernetes_is_the_newest() -> None:
    """When schemas of a newer one come with an upgrade, these are used."""
    assert kubernetes_validate.latest_version() == NEWEST


@pytest.mark.parametrize("case", CASES)
def test_helm_lints_it_without_a_word(case: str) -> None:
    """Warnings count."""
    assert rendered()[case].lint == []


@pytest.mark.parametrize("case", CASES)
def test_everything_is_in_the_releases_namespace_and_has_its_labels(case: str) -> None:
    """So that one selector finds all of it, and nothing of the cluster's own is touched."""
    for name, manifest in rendered()[case].manifests.items():
        assert manifest["metadata"]["namespace"] == NAMESPACE, name
        assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == "sidestep", name


def test_no_secret_is_made() -> None:
    """Secrets are named, never made: what Helm renders is kept in the cluster as part of the release."""
    for made in rendered().values():
        assert made.of_kind("Secret") == []


def test_the_rules_are_those_of_the_file() -> None:
    """The PrometheusRule holds .deploy/alerts.yml, group by group, and the chart's file is that file."""
    rules = rendered()["mtls"].manifests["PrometheusRule sidestep-workers"]
    alerts = ROOT / ".deploy/alerts.yml"
    assert rules["spec"] == yaml.safe_load(alerts.read_text())
    assert (CHART / "files/alerts.yml").resolve() == alerts


def test_prometheus_finds_the_workers_under_the_name_that_rules_use() -> None:
    """The services that the monitor selects, by a port that they have; job="sidestep" comes from their label."""
    made = rendered()["mtls"]
    monitor = made.manifests["ServiceMonitor sidestep-workers"]["spec"]
    selected = [
        each
        for each in made.of_kind("Service")
        if monitor["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
    ]
    assert {each["spec"]["selector"]["app.kubernetes.io/component"] for each in selected} == {
        "screen",
        "decide",
        "watch",
        "release",
        "receive",
    }
    for each in selected:
        assert {port["name"] for port in each["spec"]["ports"]} == {monitor["endpoints"][0]["port"]}
        assert each["metadata"]["labels"][monitor["jobLabel"]] == "sidestep"
        assert each["spec"]["publishNotReadyAddresses"] is True
    assert 'up{job="sidestep"}' in (ROOT / ".deploy/alerts.yml").read_text()


@pytest.mark.parametrize("case", ["mtls", "oauth"])
def test_prometheus_shows_the_workers_token_over_their_scheme(case: str) -> None:
    """What it sends is the Secret that they compare with; where they speak TLS it checks their name."""
    made = rendered()[case]
    endpoint = made.manifests["ServiceMonitor sidestep-workers"]["spec"]["endpoints"][0]
    sources = pods(made)["decide"].sources
    assert endpoint["authorization"]["credentials"]["name"] == sources["web-token"]
    assert ("web" in sources) is (endpoint.get("scheme") == "https")


def test_services_lead_to_pods() -> None:
    """Each selects exactly one workload's pods, by a port that they name."""
    made = rendered()["mtls"]
    for service in made.of_kind("Service"):
        selector = service["spec"]["selector"].items()
        found = [pod for pod in pods(made).values() if selector <= pod.labels.items()]
        assert len(found) == 1
        names = {port["name"] for container in found[0].containers for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
