"""Who reaches whom in Kubernetes: computed from the chart's NetworkPolicies, for everybody and every port."""

from itertools import product

import pytest
import yaml

from tests.helm.chart import NAMESPACE, ROOT, Rendered, changed, pods, render, rendered
from tests.helm.reach import Host, Party, Pod, Way, reaches, ways_of

STRIMZI = {"strimzi.io/cluster": "core", "strimzi.io/kind": "Kafka"}
BROKER = Pod("broker", "kafka", STRIMZI)
OTHERS: list[Party] = [
    Pod("neighbour", NAMESPACE, {"app.kubernetes.io/name": "other"}),
    Pod("shop", "shop"),
    Pod("stranger", "elsewhere"),
    Pod("prometheus", "monitoring"),
    Pod("ingress", "ingress"),
    BROKER,
    Pod("beside-broker", "kafka", {"strimzi.io/cluster": "core", "strimzi.io/kind": "KafkaConnect"}),
    Pod("identity", "identity"),
    Pod("dns", "kube-system", {"k8s-app": "kube-dns"}),
    Pod("api", "kube-system", {"component": "kube-apiserver"}),
    Host("internet", "203.0.113.7"),
    Host("internet-6", "2001:4860::7"),
    Host("name-server", "192.0.2.53"),
    Host("name-server-6", "2001:db8::53"),
    Host("managed-kafka", "198.51.100.9"),
    Host("private", "10.0.0.9"),
    Host("private-6", "fd00::9"),
    Host("metadata", "169.254.169.254"),
    Host("node-dns", "169.254.20.10"),
]
WAYS = [Way(port) for port in (25, 53, 80, 443, 6066, 6067, 6068, 8443, 9092, 9094, 9096)] + [Way(53, "UDP")]
DNS = ("53/tcp", "53/udp")


def _ours(made: Rendered) -> list[Pod]:
    return [Pod(name, NAMESPACE, pod.labels) for name, pod in pods(made).items()]


def matrix(made: Rendered) -> set[str]:
    """All that gets through, from ours to anybody and from anybody to ours: "SOURCE > TARGET PORT/PROTOCOL"."""
    ours = _ours(made)
    everybody: list[Party] = [*ours, *OTHERS]
    pairs = [(a, b) for a, b in product(everybody, everybody) if a is not b and (a in ours or b in ours)]
    policies = made.of_kind("NetworkPolicy")
    at = {*WAYS, *ways_of(policies)}
    return {f"{a.name} > {b.name} {way}" for (a, b), way in product(pairs, at) if reaches(policies, a, b, way)}


def ways(sources: str, targets: str, *ports: str) -> set[str]:
    """All of these sources to all of these targets at each of these ports."""
    return {f"{a} > {b} {port}" for a, b, port in product(sources.split(), targets.split(), ports)}


def test_with_everything_on_each_reaches_what_it_works_with() -> None:
    """Workers Kafka's core listener; who asks the world DNS, feeds and mail servers; forms and Prometheus one port."""
    assert matrix(rendered()["mtls"]) == (
        ways("screen decide watch release receive setup", "broker", "9094/tcp")
        | ways("screen decide watch release receive setup serve", "dns", *DNS)
        | ways("screen serve", "name-server name-server-6", *DNS)
        | ways("screen serve", "internet internet-6 name-server name-server-6 managed-kafka", "25/tcp", "443/tcp")
        | ways("prometheus", "screen decide watch release receive", "6066/tcp")
        | ways("ingress", "receive", "6068/tcp")
        | ways("shop", "serve", "6067/tcp")
    )


@pytest.mark.parametrize("case", ["plaintext", "tls"])
def test_what_is_not_switched_on_reaches_nobody(case: str) -> None:
    """As it comes: Kafka and the cluster's DNS, and metrics. Nothing outside of the cluster."""
    assert matrix(rendered()[case]) == (
        ways("screen decide watch", "broker beside-broker", "9094/tcp")
        | ways("screen decide watch", "dns", *DNS)
        | ways("prometheus", "screen decide watch", "6066/tcp")
    )


@pytest.mark.parametrize(("way", "port"), [("https", "443/tcp"), ("smtp", "25/tcp")])
def test_each_way_out_has_a_switch_of_its_own(way: str, port: str) -> None:
    """Feeds do not open the port of mail, and the mailbox probe not that of the web; nobody but Screen gets out."""
    made = render({way: changed("tls", f"screen.{way}.enabled", True)})[way]
    outside = "internet internet-6 name-server name-server-6 managed-kafka"
    assert matrix(made) - matrix(rendered()["tls"]) == ways("screen", outside, port)


def test_a_receiver_fetches_certificates_of_amazon_only_where_it_is_told_to() -> None:
    """For SES alone; it reaches 443 outside of the cluster then, and nobody else gets further."""
    made = render({"sns": changed("mtls", "receive.https.enabled", True)})["sns"]
    outside = "internet internet-6 name-server name-server-6 managed-kafka"
    assert matrix(made) - matrix(rendered()["mtls"]) == ways("receive", outside, "443/tcp")


def test_a_managed_kafka_is_reached_by_its_addresses() -> None:
    """At the port that was named, from all that speak to it."""
    assert matrix(rendered()["scram"]) == (
        ways("screen decide watch setup", "managed-kafka", "9096/tcp")
        | ways("screen decide watch setup", "dns", *DNS)
        | ways("prometheus", "screen decide watch", "6066/tcp")
    )


def test_tokens_are_fetched_by_whoever_speaks_to_kafka() -> None:
    """The OIDC provider is reached by workers, and by nobody else."""
    assert matrix(rendered()["oauth"]) == (
        ways("screen decide watch", "broker beside-broker", "9094/tcp")
        | ways("screen decide watch", "identity", "8443/tcp")
        | ways("screen decide watch serve", "dns", *DNS)
        | ways("prometheus", "screen decide watch", "6066/tcp")
        | ways("ingress", "serve", "6067/tcp")
    )


@pytest.mark.parametrize("case", ["mtls", "scram", "oauth"])
def test_each_pod_is_denied_what_is_not_allowed(case: str) -> None:
    """Every pod of the release, also the set-up's, is selected by the policy that denies both directions."""
    made = rendered()[case]
    deny = made.manifests["NetworkPolicy sidestep-deny"]
    assert deny["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert {"ingress", "egress"}.isdisjoint(deny["spec"])
    everybody: list[Party] = [*_ours(made), *OTHERS]
    assert not any(reaches([deny], a, b, way) for a, b, way in product(_ours(made), everybody, WAYS))
    assert not any(reaches([deny], a, b, way) for a, b, way in product(everybody, _ours(made), WAYS))


def test_the_set_up_has_its_ways_before_all_else_is_there() -> None:
    """Its policy comes before its Job, in the same hooks, and goes with it."""
    made = rendered()["mtls"]
    policy = made.manifests["NetworkPolicy sidestep-setup"]["metadata"]["annotations"]
    job = made.manifests["Job sidestep-setup"]["metadata"]["annotations"]
    assert int(policy.pop("helm.sh/hook-weight")) < int(job.pop("helm.sh/hook-weight"))
    assert policy == job
    assert job["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_a_pod_without_a_policy_is_free() -> None:
    """The computation itself: nothing is denied where nothing selects, so the matrices above show policies at work."""
    assert reaches([], BROKER, OTHERS[0], Way(443))


def test_the_segmentation_is_that_of_docker_compose() -> None:
    """Who is in which network there reaches the same here: Kafka, the world, and whoever asks for metrics."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    roles = {name: name for name in ("screen", "decide", "watch", "release", "receive")} | {"validate": "serve"}
    found = matrix(rendered()["mtls"])
    for nets, way in {("core", "receivers"): "> broker 9094/tcp", ("outside",): "> internet 443/tcp"}.items():
        inside = {roles[name] for name in roles if set(nets) & set(services[name]["networks"])}
        assert inside == {line.split()[0] for line in found if line.endswith(way)} - {"setup"}, nets
    asked = {line.split()[2] for line in found if line.startswith("prometheus > ")}
    assert asked == {roles[name] for name in roles if {"scrape", "door-scrape"} & set(services[name]["networks"])}
