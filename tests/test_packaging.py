"""What is built is what stands in the tree, and it runs where nothing but itself is installed.

An editable install finds every folder; only a wheel shows that one was forgotten.
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DECLARED = PYPROJECT["tool"]["setuptools"]
ROOMS = ("streams", "topics", "schemas")
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", *ROOMS)
WORKER: list[str] = PYPROJECT["project"]["optional-dependencies"]["worker"]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
SMALL_DAY = ["demo", "--intents", "100", "--day", "5"]


def shipped_files() -> list[Path]:
    """Every file of the three rooms, from the root of the repository; not what Python or an editor left there."""
    files = [path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    return sorted(file for file in files if not any(part.startswith((".", "__pycache__")) for part in file.parts))


def package_of(file: Path) -> str:
    """The dotted name of the nearest folder above that has modules."""
    folder = next(parent for parent in file.parents if any((ROOT / parent).glob("*.py")))
    return ".".join(("sidestep", *folder.parts))


def is_declared(file: Path) -> bool:
    """True if package-data has a pattern for this data file."""
    package = package_of(file)
    inside = file.relative_to(Path(*package.split(".")[1:]))
    return any(_fits(inside, pattern) for pattern in DECLARED["package-data"].get(package, ()))


def _fits(inside: Path, pattern: str) -> bool:
    """As setuptools matches: part by part, a star does not reach into a folder."""
    wanted = pattern.split("/")
    return len(wanted) == len(inside.parts) and all(map(fnmatch.fnmatch, inside.parts, wanted))


def test_every_folder_with_a_module_is_a_package() -> None:
    """A folder that pyproject.toml's `packages` forgets is missing from the wheel, and only there."""
    found = {package_of(file) for file in shipped_files() if file.suffix == ".py"}
    assert found == set(DECLARED["packages"])
    assert sorted(found) == DECLARED["packages"]


def test_every_data_file_is_package_data() -> None:
    """Lists, policies, schemas and marks of typing travel with the code that reads them."""
    data = [file for file in shipped_files() if file.suffix != ".py"]
    assert data
    assert [] == [str(file) for file in data if not is_declared(file)]


def test_no_pattern_of_package_data_is_left_over() -> None:
    """A pattern that fits nothing names a file that moved."""
    data = [file for file in shipped_files() if file.suffix != ".py"]
    for package, patterns in DECLARED["package-data"].items():
        folder = Path(*package.split(".")[1:])
        inside = [file.relative_to(folder) for file in data if package_of(file) == package]
        assert [] == [pattern for pattern in patterns if not any(_fits(file, pattern) for file in inside)], package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: what earlier builds left in `build/` would be packed again."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    into = tmp_path_factory.mktemp("wheel")
    _run([*PIP, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(into), str(source)])
    return next(into.glob("*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The `bin` folder of an environment with the wheel and what workers need, octet for octet as locked."""
    folder = tmp_path_factory.mktemp("installed")
    _install(folder, wheel, (*PYPROJECT["project"]["dependencies"], *WORKER))
    yield folder / "bin"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Likewise, as `pip install sidestep` makes it: for a service that publishes and subscribes."""
    folder = tmp_path_factory.mktemp("light")
    _install(folder, wheel, PYPROJECT["project"]["dependencies"])
    yield folder / "bin"
    shutil.rmtree(folder)


def _install(folder: Path, wheel: Path, requirements: Iterable[str]) -> None:
    venv.create(folder, symlinks=True)
    locked = folder / "requirements.txt"
    locked.write_text(locked_for(requirements), "utf-8")
    pip = [*PIP, "--python", str(folder / "bin" / "python")]
    _run([*pip, "install", "--no-deps", "--require-hashes", "-r", str(locked)])
    _run([*pip, "install", "--no-deps", "--no-index", str(wheel)])
    _run([*pip, "check"])


def locked_for(requirements: Iterable[str]) -> str:
    """The part of requirements.lock that these need, directly or not."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    blocks = {_name(block): block for block in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]}
    wanted = {_name(line) for line in requirements}
    while more := {name for name, block in blocks.items() if _needed_by(block) & wanted} - wanted:
        wanted |= more
    return "".join(block for name, block in blocks.items() if name in wanted)


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower()


def _needed_by(block: str) -> set[str]:
    return set(re.split(r", ", block.rpartition("# via ")[2].strip()))


def _run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    output: str = done.stdout
    return output


@pytest.mark.slow
def test_the_wheel_holds_the_tree(wheel: Path) -> None:
    """No file of the three rooms is missing, and nothing else came along."""
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {f"sidestep/{file.as_posix()}" for file in shipped_files()} == packed


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_command_runs_where_nothing_else_is_installed(elsewhere: Path, tmp_path: Path) -> None:
    """Installed from the wheel, away from the repository, it says its version; the modules are the installed ones."""
    assert f"sidestep {PYPROJECT['project']['version']}\n" == _run([str(elsewhere / "sidestep"), "--version"])
    where = "import sidestep.streams.cli as cli; print(cli.__file__)"
    assert str(elsewhere.parent) in _run([str(elsewhere / "python"), "-I", "-c", where], cwd=tmp_path)


PUBLISHES = """
import sys, time
began = time.process_time()
from sidestep.schemas import EmailIntent
from sidestep.topics import Publisher, Verdicts
Publisher("127.0.0.1:1").intent
print(time.process_time() - began)
"""
WORKS = "import time; began = time.process_time(); import sidestep.streams.app; print(time.process_time() - began)"
LIGHT_MOST = 64 * 1024 * 1024
"""Octets that an environment of a service takes, pip and all that stands in it included."""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_service_installs_light(light: Path, elsewhere: Path, tmp_path: Path) -> None:
    """The contract and Kafka's clients: a fraction of what a worker takes on disk and to import; commands that need no
    more work, the others say what to install."""
    assert (small := _octets_in(light.parent)) < LIGHT_MOST
    assert 5 * small < _octets_in(elsewhere.parent)

    def seconds(python: Path, code: str) -> float:
        return min(float(_run([str(python / "python"), "-I", "-c", code], cwd=tmp_path)) for _ in range(3))

    assert 2 * seconds(light, PUBLISHES) < seconds(elsewhere, WORKS)
    sidestep = str(light / "sidestep")
    for light_one in ("--help", "publish --help", "tail --help", "topics list", "topics check --help", "acls show"):
        assert _run([sidestep, *light_one.split()], cwd=tmp_path)
    assert '"$id": "urn:sidestep:email-intent"' in _run([sidestep, "schema", "email-intents"], cwd=tmp_path)
    for arguments in (["worker"], ["check-address", "ada@example.org"], ["demo"]):
        done = subprocess.run([sidestep, *arguments], check=False, capture_output=True, text=True, cwd=tmp_path)
        assert 2 == done.returncode
        assert 'pip install "sidestep[worker]"' in done.stderr and 1 == len(done.stderr.splitlines()), done.stderr


def _octets_in(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


SERVICE = """
from sidestep.schemas import EmailIntent
from sidestep.topics import Connection, Publisher, Verdicts

Publisher(Connection("h:1")).intent(EmailIntent(id="1", to="a@b.example", service="s"))
Publisher(17)
for verdict in Verdicts("h:1"):
    reveal_type(verdict)
from sidestep.topics import Publsher
"""
ABOUT_SERVICE = [
    'error: No overload variant of "Publisher" matches argument type "int"  [call-overload]',
    'note: Revealed type is "sidestep.schemas.verdicts.Verdict"',
    'error: Module "sidestep.topics" has no attribute "Publsher"; maybe "Publisher"?  [attr-defined]',
]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_type_checker_sees_the_public_names(elsewhere: Path, tmp_path: Path) -> None:
    """In a service that has installed the wheel: public names are neither missing nor Any, and wrong uses are found."""
    (tmp_path / "service.py").write_text(SERVICE, "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--python-executable"]
    done = subprocess.run(
        [*command, str(elsewhere / "python"), "service.py"], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    said = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    said = [line for line in said if not line.startswith(("note: Possible overload", "note:     def "))]
    assert ABOUT_SERVICE == said, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.timeout(400)
def test_a_small_day_passes_where_nothing_else_is_installed(elsewhere: Path, tmp_path: Path) -> None:
    """Every stage, list and policy is in the wheel: one verdict for each intent of a day."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIDESTEP", "VIRTUAL"))
    }
    lines = _run([str(elsewhere / "sidestep"), *SMALL_DAY], cwd=tmp_path, env=plain).splitlines()
    counted = re.fullmatch(r"intents=(\d+) verdicts=(\d+) lost=0 repeated=0", lines[-1])
    assert counted is not None, lines
    assert 100 <= int(counted[1]) == int(counted[2])


def test_the_changelog_has_the_version() -> None:
    """What is built under a number is told under it, and the next one has a place to be told in."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert f"{PYPROJECT['project']['version']} – " in headings[1]
