""".ci/newest.py finds the newest Python that is there; where there is none, it says so and is content."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "newest.py"


@pytest.fixture(scope="module")
def newest() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("newest", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def interpreter(folder: Path, name: str, says: str, status: int = 0) -> None:
    """A program that answers as an interpreter does when it is asked for its version."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    program.chmod(0o755)


def test_the_newest_release_comes_first(newest: ModuleType, tmp_path: Path) -> None:
    """One of each 3.N above the one that runs; no shims, no release candidates, no other builds."""
    interpreter(tmp_path / "a", "python3.11", "3 11 9 final")
    interpreter(tmp_path / "a", "python3.12", "3 12 1 final")
    interpreter(tmp_path / "b", "python3.12", "3 12 8 final")
    interpreter(tmp_path / "b", "python3.13", "3 13 0 final")
    interpreter(tmp_path / "b", "python3.13-config", "3 15 0 final")
    interpreter(tmp_path / "b", "python3.13t", "3 15 0 final")
    interpreter(tmp_path / "b", "python3.14", "pyenv: python3.14: command not found", 127)
    interpreter(tmp_path / "b", "python3.16", "3 16 0 candidate")
    found = newest.newer([tmp_path / "a", tmp_path / "b", tmp_path / "nowhere"], (3, 11, 7))
    assert ["Python 3.13.0", "Python 3.12.8"] == [str(python) for python in found]


def test_none_is_one_line_and_no_failure(tmp_path: Path) -> None:
    """Where nothing newer can be had, CI goes on and its log says what was not tried."""
    done = subprocess.run([sys.executable, SCRIPT], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (0, "", 1) == (done.returncode, done.stderr, len(done.stdout.splitlines()))
    assert "newest: nothing newer than Python 3." in done.stdout


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("ERROR: No matching distribution found for rocksdict==0.3.29", "rocksdict==0.3.29"),
        ("ERROR: Package 'x' requires a different Python: 3.16.0 not in '<3.15'", "a dependency"),
    ],
)
def test_a_dependency_without_a_wheel_is_named(newest: ModuleType, tmp_path: Path, said: str, missing: str) -> None:
    """The next older Python is tried then."""
    interpreter(tmp_path / "bin", "python", said, 1)
    (tmp_path / "bin" / "python").write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    assert missing == newest._install(tmp_path, "anything")


def test_a_network_that_is_down_is_a_failure(newest: ModuleType, tmp_path: Path) -> None:
    """It says nothing about wheels, so it must not look as if there were none."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    nobody = ("--no-cache-dir", "--retries", "1", "--index-url", "http://127.0.0.1:1", "--no-deps")
    with pytest.raises(SystemExit, match="Connection refused"):
        newest._install(tmp_path, *nobody, "--target", str(tmp_path / "into"), "msgspec")


def test_what_stands_is_not_installed_again(
    newest: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While other tests run nothing may be installed, unless Sidestep itself has got other files or dependencies."""
    lock, project, folder = tmp_path / "lock", tmp_path / "pyproject", tmp_path / "build/newest-3.13"
    for name, path in {"ROOT": tmp_path, "LOCK": lock, "PYPROJECT": project}.items():
        monkeypatch.setattr(newest, name, path)
    for file, text in {lock: "a", project: "b", folder / "locked": "a", folder / "installed": "b"}.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(newest, "_install", lambda _, *what: asked.append(what))
    python = newest.Interpreter((3, 13, 0), tmp_path / "nowhere")
    assert (folder / "bin", []) == (newest.environment(python), asked)
    project.write_text("c")
    newest.environment(python)
    newest.environment(python)
    assert [("--no-build-isolation", "--no-deps", "-e", str(tmp_path))] == asked
