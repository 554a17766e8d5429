"""The chart's pods: what they may do, which Secrets and volumes they have, how many may go at a time."""

import re
import shutil
from pathlib import Path

import pytest

from tests.helm.chart import (
    CASES,
    CHART,
    ROOT,
    SECRETS,
    changed,
    containers,
    environment,
    given,
    pods,
    render,
    rendered,
)


@pytest.mark.parametrize("case", CASES)
def test_kubernetes_own_check_finds_the_pods_restricted(case: str) -> None:
    """The pod security standard `restricted`: a namespace that enforces it takes all of them."""
    assert rendered()[case].restricted == []


def test_that_check_would_find_one_that_is_not(tmp_path: Path) -> None:
    """A chart without one of the lines is told of, pod by pod."""
    shutil.copytree(CHART, tmp_path / "sidestep")
    pod = tmp_path / "sidestep/templates/_pod.tpl"
    pod.write_text(pod.read_text().replace("runAsNonRoot: true", "runAsNonRoot: false"))
    found = render({"tls": given("tls")}, tmp_path / "sidestep")["tls"].restricted
    assert len(found) == 3
    assert "runAsNonRoot" in found[0]


def test_pods_may_do_less_than_restricted_asks_for() -> None:
    """No token of Kubernetes, nothing of the root file system, an image by its digest, bounded memory."""
    for name, pod, container in containers():
        assert pod.spec["automountServiceAccountToken"] is False, name
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", container["image"]), name
        assert container["resources"]["limits"]["memory"], name
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name


def test_the_user_is_the_images() -> None:
    """The number in the pods is the one that the image makes and runs as."""
    made = re.search(r"--uid (\d+)", (ROOT / "Dockerfile").read_text())
    assert made is not None
    for name, pod, _ in containers():
        context = pod.spec["securityContext"]
        assert {context["runAsUser"], context["fsGroup"]} == {int(made[1])}, name


def test_volumes_are_secrets_settings_scratch_and_the_ledger() -> None:
    """Secrets are files that owner and group read; nothing is mounted from a node, and whole folders, so that what
    changes arrives: Kubernetes never renews a subPath."""
    for name, pod, container in containers():
        for volume in pod.spec["volumes"]:
            kind = (set(volume) - {"name"}).pop()
            assert kind in {"secret", "configMap", "emptyDir"}, name
            assert volume[kind].get("defaultMode", 0o440) == 0o440, name
            assert kind != "emptyDir" or volume["emptyDir"]["sizeLimit"], name
        for mount in container["volumeMounts"]:
            assert "subPath" not in mount, name
            assert mount.get("readOnly", False) is mount["mountPath"].startswith(SECRETS), name


def test_no_secret_is_in_an_environment() -> None:
    """Variables hold values of the chart and paths; none is taken from a Secret."""
    for name, _, container in containers():
        assert "envFrom" not in container, name
        for variable in container["env"]:
            assert set(variable.get("valueFrom", {})) <= {"fieldRef"}, name


def test_each_pod_gets_its_own_secrets_and_no_others() -> None:
    """The key that hashes recipients is Screen's, each role's certificate its own, the super user's the set-up's."""
    found = pods(rendered()["mtls"])
    common = {"core-cluster-ca-cert", "sidestep-web", "sidestep-web-token"}
    asked_by = {"sidestep-policy", "sidestep-sources"}
    assert {name: set(pod.sources.values()) for name, pod in found.items()} == {
        "screen": {"sidestep-screen", "sidestep-hash-key", "sidestep-signers"} | common | asked_by,
        "decide": {"sidestep-decide", "sidestep-verdict-key"} | common,
        "watch": {"sidestep-watch", "sidestep-thresholds"} | common,
        "release": {"sidestep-release", "sidestep-release-key"} | common,
        "serve": {"sidestep-serve", "sidestep-tokens"} | asked_by,
        "receive": {"sidestep-receiver", "sidestep-doors", "sidestep-receiver-key", "sidestep-receive"} | common,
        "setup": {"sidestep-admin", "core-cluster-ca-cert", "sidestep-principals"},
    }


def test_a_secret_of_before_is_named_while_it_is_being_changed() -> None:
    """An entry of the same Secret; otherwise there is no such variable."""
    variable = "SIDESTEP_HASH_KEY_FORMER_FILE"
    made = render({"two": changed("mtls", "screen.hashKey.formerEntry", "hash-key-1"), "one": given("mtls")})
    found = {case: environment(pods(each)["screen"].containers[0]) for case, each in made.items()}
    assert "/run/secrets/sidestep/hash-key/hash-key-1" == found["two"][variable]
    assert variable not in found["one"]


def test_every_file_that_is_named_is_mounted_and_the_other_way_round() -> None:
    """A path in the environment leads into a mounted Secret, and no Secret is mounted for nothing."""
    for name, _, container in containers():
        given_to_it = [*environment(container).values(), *container["args"]]
        named = {value for value in given_to_it if value.startswith(SECRETS)}
        mounted = {each["mountPath"] for each in container["volumeMounts"] if each["mountPath"].startswith(SECRETS)}
        assert {str(Path(path).parent) for path in named} == mounted, name
    for made in rendered().values():
        for pod in pods(made).values():
            mounts = [mount["name"] for container in pod.containers for mount in container["volumeMounts"]]
            assert {volume["name"] for volume in pod.spec["volumes"]} <= set(mounts), pod.component


def test_ledgers_have_volumes_of_their_own() -> None:
    """Decide, Watch and Release are StatefulSets with a claim for each pod; what keeps nothing is a Deployment."""
    made = rendered()["mtls"]
    assert {name: pod.kind for name, pod in pods(made).items()} == {
        "screen": "Deployment",
        "decide": "StatefulSet",
        "watch": "StatefulSet",
        "release": "StatefulSet",
        "serve": "Deployment",
        "receive": "Deployment",
        "setup": "Job",
    }
    for each in made.of_kind("StatefulSet"):
        claim = each["spec"]["volumeClaimTemplates"][0]
        assert claim["metadata"]["name"] == "data"
        mounts = {
            mount["name"]: mount["mountPath"]
            for mount in each["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        }
        folder = environment(each["spec"]["template"]["spec"]["containers"][0])["SIDESTEP_DATA_DIR"]
        assert Path(folder).is_relative_to(mounts["data"])
        assert f"Service {each['spec']['serviceName']}" in made.manifests


def test_one_pod_at_a_time_is_taken_away() -> None:
    """Each workload has a budget whose selector is the workload's own."""
    made = rendered()["mtls"]
    workloads = [*made.of_kind("Deployment"), *made.of_kind("StatefulSet")]
    budgets = {each["metadata"]["name"]: each["spec"] for each in made.of_kind("PodDisruptionBudget")}
    assert set(budgets) == {each["metadata"]["name"] for each in workloads}
    for each in workloads:
        budget = budgets[each["metadata"]["name"]]
        assert budget["selector"] == each["spec"]["selector"]
        assert budget["maxUnavailable"] == 1
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
