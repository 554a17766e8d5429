"""The quick tests on the newest Python of this machine for which every locked dependency has a wheel.

    python3 .ci/newest.py [--prepare]

--prepare: no more than the environment in which they run, so that nothing is installed while other tests run.
Looks for `python3.N` on PATH and in pyenv. Nothing is fetched but wheels: no package registry holds an interpreter that
could be pinned like them. Where there is no newer Python than the one that runs this, one line says so.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
PYPROJECT = ROOT / "pyproject.toml"
ABOUT = "import sys; print(*sys.version_info[:3], sys.version_info.releaselevel)"
NO_WHEEL = re.compile(r"No matching distribution found for (\S+)|requires a different Python")
UNREACHABLE = "Retrying"
"""Said by pip before it says that nothing was found."""


class Interpreter(NamedTuple):
    """A Python that runs; `version` as (3, 13, 0)."""

    version: tuple[int, ...]
    path: Path

    def __str__(self) -> str:
        return "Python " + ".".join(map(str, self.version))


def newer(folders: Iterable[Path], than: tuple[int, ...]) -> list[Interpreter]:
    """One released interpreter for each 3.N above `than`, the newest first."""
    found: dict[tuple[int, ...], Interpreter] = {}
    for folder in folders:
        for path in folder.glob("python3.*"):
            if re.fullmatch(r"python3\.\d+", path.name) and (python := _asked(path)) is not None:
                minor = python.version[:2]
                if minor > than[:2]:
                    found[minor] = max(found.get(minor, python), python)
    return sorted(found.values(), reverse=True)


def _asked(path: Path) -> Interpreter | None:
    """None for one that does not run (pyenv has a shim for each) or is no release."""
    try:
        done = subprocess.run([path, "-I", "-c", ABOUT], capture_output=True, text=True, timeout=30, check=True)
        *version, level = done.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Interpreter(tuple(map(int, version)), path) if level == "final" else None


def folders() -> list[Path]:
    """Where interpreters are looked for."""
    on_path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return on_path
    root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
    return on_path + sorted(Path(root).glob("versions/3.*/bin"))


def environment(python: Interpreter) -> Path | None:
    """The `bin` folder of an environment with the locked wheels and Sidestep; None if one has no wheel for it."""
    folder = ROOT / "build" / "newest-{}.{}".format(*python.version)
    locked, installed = folder / "locked", folder / "installed"
    if not _is_copy(locked, LOCK):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python.path, "-m", "venv", folder], check=True)
        missing = _install(folder, "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK))
        if missing:
            print(f"newest: {python}: no wheel for {missing}", flush=True)
            return None
        shutil.copyfile(LOCK, locked)
    if not _is_copy(installed, PYPROJECT):
        _install(folder, "--no-build-isolation", "--no-deps", "-e", str(ROOT))
        shutil.copyfile(PYPROJECT, installed)
    return folder / "bin"


def _is_copy(stamp: Path, of: Path) -> bool:
    """Whether what `of` asks for has been done since it was changed."""
    return stamp.exists() and stamp.read_bytes() == of.read_bytes()


def _install(folder: Path, *what: str) -> str:
    """Empty, or what has no wheel. Raises SystemExit for other failures: a network that is down is no answer."""
    done = subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *what],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    reason = NO_WHEEL.search(done.stderr)
    if reason is None or UNREACHABLE in done.stderr:
        raise SystemExit(done.stderr)
    return reason[1] or "a dependency"


def main(only_prepare: bool) -> int:
    """The exit code of the tests; 0 where there is nothing to run them on."""
    here = tuple(sys.version_info[:3])
    for python in newer(folders(), here):
        if (programs := environment(python)) is not None:
            print(f"newest: {python}, every dependency has a wheel", flush=True)
            if only_prepare:
                return 0
            return subprocess.run(
                [programs / "pytest", "-m", "not slow and not broker and not long"], cwd=ROOT, check=False
            ).returncode
    print(f"newest: nothing newer than {Interpreter(here, Path(sys.executable))} can run the tests here")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] == ["--prepare"]))
