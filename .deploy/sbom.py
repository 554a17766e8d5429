"""The bill of materials (CycloneDX 1.6) of what the locks pin: Python's packages, the embedded broker's jars, images.

    make sbom                                 # build/sbom.cdx.json

The same commit gives the same octets. Scopes: `required` is what an installed Sidestep needs, `optional` the embedded
broker and what docker-compose.yml runs beside it, `excluded` the tools of development. A package has the hashes of all
its files that the lock allows, as a distribution. Runs in an environment of its own, with cyclonedx-python-lib.
"""

import datetime
import json
import os
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
IMAGE = re.compile(r"([a-z0-9./-]+):(v?[0-9][a-z0-9.-]*)@sha256:([0-9a-f]{64})")


class Locked(NamedTuple):
    """A package of requirements.lock: the hashes of its files, and who wants it."""

    name: str
    version: str
    sha256: tuple[str, ...]
    wanted_by: frozenset[str]


def locked() -> Iterator[Locked]:
    """All packages of the lock."""
    blocks = re.split(r"^(?=[a-z0-9])", (ROOT / "requirements.lock").read_text("utf-8"), flags=re.MULTILINE)[1:]
    for block in blocks:
        name, version = re.match(r"([\w.-]+)(?:\[[^]]*])?==(\S+)", block).groups()
        hashes = tuple(sorted(re.findall(r"sha256:([0-9a-f]{64})", block)))
        wanted = frozenset(re.split(r", ", block.partition("# via ")[2].split("\n")[0].strip()))
        yield Locked(name, version, hashes, wanted)


def runtime(packages: list[Locked]) -> set[str]:
    """Names of the packages that an installed worker needs, whoever else wants them."""
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["worker"]
    found = {re.split(r"[^\w.-]", line)[0].lower() for line in wanted}
    while more := {each.name for each in packages if each.wanted_by & found} - found:
        found |= more
    return found


def python_package(package: Locked, scope: ComponentScope) -> Component:
    """One package."""
    purl = PackageURL("pypi", name=package.name, version=package.version)
    files = [HashType(alg=HashAlgorithm.SHA_256, content=sha256) for sha256 in package.sha256]
    distribution = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(purl)), hashes=files)
    return _component(ComponentType.LIBRARY, purl, scope, external_references=[distribution])


def jars() -> Iterator[Component]:
    """The jars of the embedded broker."""
    lock = tomllib.loads((ROOT / "streams/local/embedded_kafka.lock").read_text("utf-8"))
    for jar in lock["jar"]:
        group, _, name = jar["artifact"].partition(":")
        purl = PackageURL("maven", group, name, jar["version"])
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=jar["sha256"])]
        yield _component(ComponentType.LIBRARY, purl, ComponentScope.OPTIONAL, hashes=hashes)


def images() -> Iterator[Component]:
    """The images that are pinned: our own base, and those of docker-compose.yml."""
    pinned = {(ROOT / name).read_text("utf-8") for name in ("Dockerfile", "docker-compose.yml")}
    for name, version, sha256 in sorted({found for text in pinned for found in IMAGE.findall(text)}):
        purl = PackageURL("oci", name=name.rpartition("/")[2], version=f"sha256:{sha256}", qualifiers={"tag": version})
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=sha256)]
        yield _component(
            ComponentType.CONTAINER, purl, ComponentScope.OPTIONAL, name=name, version=version, hashes=hashes
        )


def _component(kind: ComponentType, purl: PackageURL, scope: ComponentScope, **more: Any) -> Component:
    given = {"name": purl.name, "version": purl.version, "group": purl.namespace} | more
    return Component(type=kind, bom_ref=str(purl), purl=purl, scope=scope, **given)


def bill(when: datetime.datetime) -> Bom:
    """All of it, with who needs whom."""
    packages = list(locked())
    needed = runtime(packages)
    ours = Component(
        type=ComponentType.APPLICATION,
        name=PROJECT["name"],
        version=PROJECT["version"],
        bom_ref=f"pkg:pypi/{PROJECT['name']}@{PROJECT['version']}",
        purl=PackageURL("pypi", name=PROJECT["name"], version=PROJECT["version"]),
        licenses=[LicenseExpression(PROJECT["license"])],
    )
    bom = Bom()
    bom.metadata.component, bom.metadata.timestamp = ours, when
    scopes = {
        each.name: ComponentScope.REQUIRED if each.name in needed else ComponentScope.EXCLUDED for each in packages
    }
    libraries = {each.name: python_package(each, scopes[each.name]) for each in packages}
    others = [*jars(), *images()]
    bom.components.update([*libraries.values(), *others])
    for each in packages:
        for name in each.wanted_by:
            above = libraries.get(name, ours if name.startswith(PROJECT["name"]) else None)
            if above is not None:
                bom.register_dependency(above, [libraries[each.name]])
    bom.register_dependency(ours, others)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, _text(bom, uuid.UUID(int=0)))
    return bom


def _text(bom: Bom, serial: uuid.UUID) -> str:
    bom.serial_number = serial
    return str(JsonV1Dot6(bom).output_as_string(indent=1))


def main(target: Path) -> None:
    """Write it, once it fits the schema."""
    when = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.UTC)
    bom = bill(when)
    text = _text(bom, bom.serial_number)
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"the bill does not fit CycloneDX's schema: {fault}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text + "\n", "utf-8")
    scopes = [each.get("scope") for each in json.loads(text)["components"]]
    counted = ", ".join(f"{scopes.count(scope)} {scope}" for scope in ("required", "optional", "excluded"))
    print(f"{target}: {len(scopes)} components ({counted})")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
