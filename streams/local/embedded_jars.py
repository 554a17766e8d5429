"""The embedded broker's jars: fetched once by Maven coordinates, used only if they are the ones in embedded_kafka.lock.

They live in the local Maven repository (M2_REPO or ~/.m2/repository), as jgo and Maven keep them. A mirror is named in
jgo's configuration file, under [repositories].
"""

import hashlib
import os
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sidestep.streams.errors import EmbeddedBrokerError
from sidestep.streams.local.fetch_progress import FetchProgress, show_progress

if TYPE_CHECKING:
    from jgo.maven import MavenContext

ANOTHER_WAY = "or use a broker of your own: --broker HOST:PORT"
CONNECTIONS = 4
NETWORK_TIMEOUT = 30
"""Seconds without a single octet."""


@dataclass(frozen=True)
class Jar:
    """One line of the lock. `artifact` is group:name, `size` octets."""

    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def path(self) -> PurePosixPath:
        """Where a Maven repository keeps it."""
        group, name = self.artifact.split(":")
        return PurePosixPath(*group.split("."), name, self.version, f"{name}-{self.version}.jar")


@dataclass(frozen=True)
class Lock:
    """The broker's version and all of its jars."""

    kafka: str
    jars: tuple[Jar, ...]


def read_lock(path: Path | None = None) -> Lock:
    """The lock that ships with Sidestep, or that of another Kafka."""
    file = path or files("sidestep.streams.local") / "embedded_kafka.lock"
    data = tomllib.loads(file.read_text("utf-8"))
    return Lock(data["kafka"], tuple(Jar(**jar) for jar in data["jar"]))


def local_repository() -> Path:
    """The folder where Maven and jgo keep what they fetched."""
    return Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")


def classpath(lock: Lock, repository: Path) -> list[Path]:
    """Verified paths of all jars; what is missing is fetched first. Raises EmbeddedBrokerError.

    All of them are hashed at every start: it takes 0.1 s, and nothing has to be believed about a file's age.
    """
    missing = [jar for jar in lock.jars if not (repository / jar.path).exists()]
    if missing:
        _fetch(lock.kafka, missing, repository)
    paths = [repository / jar.path for jar in lock.jars]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(verify, lock.jars, paths))
    return paths


def verify(jar: Jar, path: Path) -> None:
    """Raises EmbeddedBrokerError unless the file at `path` is the jar of the lock, octet for octet."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbeddedBrokerError(f"{path} cannot be read ({error.strerror}), {ANOTHER_WAY}") from None
    if found != jar.sha256:
        raise EmbeddedBrokerError(
            f"{path} is not the jar that Sidestep was tested with: its sha256 is {found}, expected {jar.sha256}. "
            f"Delete the file to fetch it again, {ANOTHER_WAY}"
        )


def _fetch(version: str, jars: list[Jar], repository: Path) -> None:
    try:
        repository.mkdir(parents=True, exist_ok=True)
        # fetched beside its place and moved in once verified: an interrupted run never leaves half a jar
        with (
            tempfile.TemporaryDirectory(prefix=".sidestep-", dir=repository) as scratch,
            show_progress(f"Fetching Apache Kafka {version}, once", len(jars), sum(j.size for j in jars)) as progress,
        ):
            _fetch_all(jars, Path(scratch), repository, progress)
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors, jgo raises RuntimeError
        raise EmbeddedBrokerError(
            f"Apache Kafka {version} could not be fetched: {error}. "
            f"Check the network or name a mirror in jgo's configuration file, {ANOTHER_WAY}"
        ) from None


def _fetch_all(jars: Iterable[Jar], scratch: Path, repository: Path, progress: FetchProgress) -> None:
    download = partial(_fetch_one, _maven(scratch, progress), repository)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        futures = [pool.submit(download, jar) for jar in jars]
        try:
            for future in as_completed(futures):
                future.result()
                progress.jar_done()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _maven(scratch: Path, progress: FetchProgress) -> "MavenContext":
    from jgo.config import GlobalSettings  # here, because it brings requests, and is needed only once
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def count(_filename: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield progress.octets

    repositories = {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories
    return MavenContext(
        resolver=PythonResolver(progress_callback=count),
        repo_cache=scratch,
        local_repos=[],
        remote_repos=repositories,
        timeout=NETWORK_TIMEOUT,
    )


def _fetch_one(maven: "MavenContext", repository: Path, jar: Jar) -> None:
    group, name = jar.artifact.split(":")
    fetched = Path(maven.project(group, name).at_version(jar.version).artifact().resolve())
    verify(jar, fetched)
    target = repository / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(target)
