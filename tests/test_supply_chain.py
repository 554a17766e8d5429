"""What comes from outside is named and vouched for; and nothing of it, or of what a stranger sends, is run as code."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("streams", "topics", "schemas", "examples", ".deploy", ".ci", "docs")
FILES = sorted(path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py"))

CODE = {"eval", "exec", "compile", "__import__"}
"""Text that becomes code."""
CALLS = {("yaml", name) for name in ("load", "load_all", "unsafe_load")} | {("os", "system"), ("os", "popen")}
"""The same by way of a library, and what a shell would read."""
UNPACKING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
"""Octets that become any object at all."""
UNCHECKED = {"CERT_NONE", "_create_unverified_context", "create_unverified_context", "disable_warnings"}
"""TLS that anybody may answer."""
SWITCHED_OFF = {"check_hostname", "verify", "verify_ssl", "ssl_verify", "verify_mode"}
LIBRDKAFKA = "enable.ssl.certificate.verification"
ALLOWED = {
    ("streams/screen/sources/probe/session.py", "check_hostname = False"),
    ("streams/screen/sources/probe/session.py", "CERT_NONE"),
}
"""A mail server's certificate proves nothing: STARTTLS is opportunistic (RFC 7435), most have names that don't fit, and
the probe sends no message and believes no answer more for it."""


def findings(path: str, tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The file and each thing in it that must not be there."""
    for node in ast.walk(tree):
        yield from ((path, what) for what in _found(node))


def _found(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (name.name for name in names if name.name.partition(".")[0] in UNPACKING)
        case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in UNPACKING:
            yield module
        case ast.Call(func=ast.Name(id=name)) if name in CODE:
            yield f"{name}()"
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="yaml"), attr=("load" | "load_all" | "unsafe_load") as name)
        ):
            yield f"yaml.{name}()"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=("system" | "popen") as name)):
            yield f"os.{name}()"
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in UNCHECKED:
            yield name
        case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Constant(value=False)) if name in SWITCHED_OFF:
            yield f"{name} = False"
        case ast.keyword(arg=("shell") as name, value=ast.Constant(value=True)):
            yield f"{name}=True"
        case ast.keyword(arg=str(name), value=ast.Constant(value=False)) if name in {*SWITCHED_OFF, "ssl"}:
            yield f"{name}=False"
        case ast.Dict(keys=keys, values=values):
            yield from (LIBRDKAFKA for key, value in zip(keys, values, strict=True) if _is_off(key, value))


def _is_off(key: ast.expr | None, value: ast.expr) -> bool:
    named = isinstance(key, ast.Constant) and key.value == LIBRDKAFKA
    return named and not (isinstance(value, ast.Constant) and value.value is True)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_is_run_and_nobody_is_trusted_unseen(path: Path) -> None:
    """No text becomes code, no octets become objects, no certificate goes unchecked; but where it says why."""
    found = set(findings(str(path), ast.parse((ROOT / path).read_text("utf-8"))))
    assert set() == found - ALLOWED


def test_what_is_allowed_is_still_there() -> None:
    """An exception that nobody needs any more is a hole."""
    there = {each for path in FILES for each in findings(str(path), ast.parse((ROOT / path).read_text("utf-8")))}
    assert there >= ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from marshal import loads",
        "eval('1')",
        "exec(text)",
        "yaml.load(text)",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "requests.get(url, verify=False)",
        "session.get(url, ssl=False)",
        "context.check_hostname = False",
        "context.verify_mode = ssl.CERT_NONE",
        "ssl._create_unverified_context()",
        "settings = {'enable.ssl.certificate.verification': 'false'}",
    ],
)
def test_what_is_looked_for_is_found(line: str) -> None:
    """Each kind of it, once."""
    assert list(findings("x.py", ast.parse(line)))


def test_every_package_is_locked_by_hash() -> None:
    """None is left to whatever an index has today."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > 50
    for block in blocks:
        assert re.match(r"[\w.-]+==\S+ ", block) and "--hash=sha256:" in block, block.splitlines()[0]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_bill_of_materials_names_all_of_it() -> None:
    """`make sbom`: every locked package, jar and image, as CycloneDX's own schema wants it; twice the same octets."""
    target = ROOT / "build" / "sbom.cdx.json"
    subprocess.run(["make", "-s", "sbom"], cwd=ROOT, check=True, capture_output=True)
    first = target.read_bytes()
    subprocess.run(["make", "-s", "sbom"], cwd=ROOT, check=True, capture_output=True)
    assert first == target.read_bytes()
    bill = json.loads(first)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {component["purl"] for component in bill["components"]}
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert {f"pkg:pypi/{name}@{version}" for name, version in re.findall(r"^([\w.-]+)==(\S+) ", lock, re.M)} <= listed
    jars = tomllib.loads((ROOT / "streams/local/embedded_kafka.lock").read_text("utf-8"))["jar"]
    assert {f"pkg:maven/{jar['artifact'].replace(':', '/')}@{jar['version']}" for jar in jars} <= listed
    required = {each["name"] for each in bill["components"] if each["scope"] == "required"}
    assert {"faust-streaming", "confluent-kafka", "cryptography"} <= required
    assert not {"pytest", "mypy", "ruff"} & required
