"""The optional role release in the chart: what it brings where it is switched on, and that nothing else changes."""

import json

import pytest

from tests.helm.chart import Manifest, Rendered, changed, environment, given, pods, render

KINDS = ("StatefulSet", "Service", "PodDisruptionBudget")
KEY = {"SIDESTEP_RELEASE_KEY", "SIDESTEP_RELEASE_KEY_FILE"}


def _without_release(manifest: Manifest) -> Manifest:
    """With the component taken out of the lists that policies select by."""
    same: Manifest = json.loads(json.dumps(manifest).replace('"release", ', ""))
    return same


def test_what_it_brings_is_its_own_and_nothing_else_changes() -> None:
    """Three manifests more, and a name more in the policies that let workers to Kafka and Prometheus to workers."""
    made = render({"on": given("mtls"), "off": changed("mtls", "release.enabled", False)})
    on, off = made["on"].manifests, made["off"].manifests
    own = {f"{kind} sidestep-release" for kind in KINDS}
    assert set(on) - set(off) == own
    assert {name: _without_release(each) for name, each in on.items() if name not in own} == off
    assert {name for name in off if on[name] != off[name]} == {
        "NetworkPolicy sidestep-kafka",
        "NetworkPolicy sidestep-metrics",
    }
    assert "sidestep-release" not in json.dumps(off)


def test_it_is_off_unless_it_is_switched_on() -> None:
    """And asks for nothing then."""
    values = given("mtls")
    del values["release"]
    made = render({"none": values, "off": changed("mtls", "release.enabled", False)})
    assert made["none"] == made["off"]
    assert "release" not in pods(made["none"])


@pytest.fixture(scope="module")
def unsigned() -> Rendered:
    """With passwords, and without a key."""
    values = given("scram") | {"release": {"enabled": True, "kafka": {"secret": "sidestep-release-password"}}}
    return render({"unsigned": values})["unsigned"]


def test_it_signs_only_where_a_key_is_named(unsigned: Rendered) -> None:
    """Id and file, or neither: no Secret is mounted for nothing."""
    signed = pods(render({"signed": given("mtls")})["signed"])["release"]
    found = environment(signed.containers[0])
    assert {name: found[name] for name in KEY} == {
        "SIDESTEP_RELEASE_KEY": "release-2026",
        "SIDESTEP_RELEASE_KEY_FILE": "/run/secrets/sidestep/signing-key/release.key",
    }
    pod = pods(unsigned)["release"]
    assert KEY.isdisjoint(environment(pod.containers[0]))
    assert "signing-key" not in pod.sources


def test_it_comes_to_kafka_as_its_principal(unsigned: Rendered) -> None:
    """The one that `sidestep acls apply` gives rights to."""
    pod = pods(unsigned)["release"]
    assert pod.containers[0]["args"] == ["worker", "--role", "release"]
    assert environment(pod.containers[0])["SIDESTEP_SASL_USER"] == "release"
    assert pod.sources["kafka"] == "sidestep-release-password"
