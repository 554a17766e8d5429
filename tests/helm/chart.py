"""The Helm chart as Helm renders it, for the values beside it: .ci/helm is Helm's own engine in a program."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / ".deploy/helm/sidestep"
RENDER = ROOT / "build/chart/render"
NAMESPACE = "mail"
"""Where the release of the tests is."""

CASES = sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").glob("*-values.yaml"))

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """What Helm made of the chart: its `error`, or the manifests, by "KIND NAME"."""

    error: str = ""
    manifests: dict[str, Manifest] = field(default_factory=dict)
    lint: list[str] = field(default_factory=list)
    restricted: list[str] = field(default_factory=list)
    """What Kubernetes' pod security standard of that name has against the pods."""

    def of_kind(self, kind: str) -> list[Manifest]:
        """All manifests of a kind."""
        return [manifest for manifest in self.manifests.values() if manifest["kind"] == kind]


def given(case: str) -> dict[str, Any]:
    """The values of a case, as they stand in the chart's folder ci/."""
    values: dict[str, Any] = yaml.safe_load((CHART / f"ci/{case}-values.yaml").read_text())
    return values


def changed(case: str, path: str, value: Any) -> dict[str, Any]:
    """The values of a case with one of them changed."""
    values = given(case)
    *folders, name = path.split(".")
    at = values
    for folder in folders:
        at = at.setdefault(folder, {})
    at[name] = value
    return values


def render(cases: dict[str, dict[str, Any]], chart: Path = CHART) -> dict[str, Rendered]:
    """Each case's values, rendered. Skips the test where there is nothing to render with."""
    if not RENDER.exists():
        if (RENDER.parent / "no-modules").exists():
            pytest.skip("Helm's modules could not be had when `make chart` was run: run it again where they can")
        if os.environ.get("CI") and (shutil.which("go") or Path("/usr/local/go/bin/go").exists()):
            pytest.fail("CI has Go, and build/chart/render is not there: run `make chart` first")
        pytest.skip("Helm's engine is not built: `make chart` does it, with Go")
    done = subprocess.run(
        [RENDER, chart], input=json.dumps(cases), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: _read(answer) for name, answer in json.loads(done.stdout).items()}


@cache
def rendered() -> dict[str, Rendered]:
    """All cases of the folder ci/, rendered once. Skips as `render` does."""
    made = render({case: given(case) for case in CASES})
    assert {} == {case: each.error for case, each in made.items() if each.error}
    return made


def _read(answer: dict[str, Any]) -> Rendered:
    if answer.get("error"):
        return Rendered(answer["error"])
    manifests = [yaml.safe_load(text) for text in answer["manifests"]]
    named = {f"{each['kind']} {each['metadata']['name']}": each for each in manifests}
    assert len(named) == len(manifests), "two manifests have one name"
    return Rendered("", named, answer["lint"], answer["restricted"])


@dataclass(frozen=True)
class PodOf:
    """The pod of one of the chart's workloads."""

    component: str
    kind: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them, those that come first as well."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def sources(self) -> dict[str, str]:
        """By the name of a volume: the name of its Secret or ConfigMap."""
        named = {each["name"]: each.get("secret", {}).get("secretName") for each in self.spec["volumes"]}
        named |= {each["name"]: each["configMap"]["name"] for each in self.spec["volumes"] if "configMap" in each}
        return {name: source for name, source in named.items() if source}


def pods(made: Rendered) -> dict[str, PodOf]:
    """The pods of all workloads, by component."""
    workloads = [each for kind in ("Deployment", "StatefulSet", "Job") for each in made.of_kind(kind)]
    found = {}
    for each in workloads:
        template = each["spec"]["template"]
        labels = template["metadata"]["labels"]
        component = labels["app.kubernetes.io/component"]
        found[component] = PodOf(component, each["kind"], labels, template["spec"])
    return found


def environment(container: dict[str, Any]) -> dict[str, str]:
    """The environment that a container is started with; the pod's address is 10.1.2.3."""
    names = [each["name"] for each in container["env"]]
    assert len(names) == len(set(names)), "a name is given twice"
    return {each["name"]: each.get("value", "10.1.2.3") for each in container["env"]}


SECRETS = "/run/secrets/sidestep/"
"""Where Secrets and ConfigMaps are mounted."""


def containers() -> list[tuple[str, PodOf, dict[str, Any]]]:
    """The containers of all cases: "CASE: COMPONENT", the pod, the container."""
    return [
        (f"{case}: {pod.component}", pod, container)
        for case, made in rendered().items()
        for pod in pods(made).values()
        for container in pod.containers
    ]
