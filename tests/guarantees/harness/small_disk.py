"""A disk of a test's own, so small that it can be filled: a tmpfs."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

CHUNK = 256 * 1024


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, path: Path):
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Leave no space at all."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (CHUNK, 4096, 1):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Space again."""
        self._ballast.unlink()

    def read_only(self, yes: bool) -> None:
        """As the kernel does with a disk that fails; nobody may have a file open for writing."""
        _mount("-o", f"remount,{'ro' if yes else 'rw'}", str(self.path))


@contextmanager
def mounted(path: Path, size: str) -> Iterator[SmallDisk]:
    """Mounted at `path` for as long as this lasts. `size` as mount takes it, such as 64m. Raises OSError where mounting
    is not permitted."""
    path.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "sidestep-test", str(path))
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """The same, or the test is skipped."""
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(mounted(path, size))
        except OSError as error:
            pytest.skip(f"mounting a small disk is not permitted here: {error}")
        yield disk


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip())
