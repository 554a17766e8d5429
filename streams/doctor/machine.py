"""Checks of this machine: files that the settings name, secrets, the data folder, the endpoints. Nobody is asked."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.doctor import judge
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.screen.hash_key import known_hash_key
from sidestep.streams.screen.signers_file import read_signers
from sidestep.streams.screen.sources.build import read_sources
from sidestep.streams.screen.sources.check import check_sources
from sidestep.streams.settings import Settings
from sidestep.streams.thresholds_file import read_thresholds
from sidestep.streams.web.certificate import check_readable
from sidestep.streams.web.endpoint_tokens import EndpointTokens
from sidestep.streams.web.exposure import is_loopback
from sidestep.streams.web.worker import NAMES, check_endpoints
from sidestep.topics import loopback
from sidestep.topics.errors import SidestepError
from sidestep.topics.secret_files import check_private
from sidestep.topics.verdict_signer import VerdictSigner

LOOKED_AT = 100_000
"""Files of the data folder that are looked at, at most."""

WHO_MAKES_ONE = "The first Screen worker makes one; every other one needs the same: SIDESTEP_HASH_KEY_FILE."

SECRETS = (
    "tls_key",
    "sasl_password_file",
    "oauth_client_secret_file",
    "hash_key_file",
    "verdict_key_file",
    "hash_key_former_file",
    "web_token_file",
    "web_tls_key",
)
OF_SERVE = ("SIDESTEP_TOKENS", "SIDESTEP_LISTEN_TLS_KEY")
"""Variables of `sidestep serve` that name secrets."""


def policy(settings: Settings) -> Iterator[CheckRow]:
    """The policy."""
    yield _usable("policy", settings.policy, lambda: parse(read_policy(settings)))


def watch(settings: Settings) -> Iterator[CheckRow]:
    """Watch's thresholds."""
    yield _usable("watch", settings.watch, lambda: read_thresholds(settings))


def sources(settings: Settings) -> Iterator[CheckRow]:
    """The sources file."""
    if settings.sources:
        yield _usable("sources", settings.sources, lambda: check_sources(*read_sources(settings)))
    else:
        yield CheckRow("sources", "ok", "no file is named: nobody but DNS is asked")


def hash_key(settings: Settings) -> Iterator[CheckRow]:
    """The secret that keys recipients."""
    known = known_hash_key(settings)
    if known is None:
        yield CheckRow("hash key", "unknown", f"none is given, and {settings.data} holds none", WHO_MAKES_ONE)
        return
    if settings.hash_key:
        yield CheckRow("hash key", "warning", "it stands in the environment, where other tools may show it",
                       "Write it into a file (umask 077) and name that in SIDESTEP_HASH_KEY_FILE.")  # fmt: skip
        return
    yield CheckRow("hash key", "ok", f"{settings.hash_key_file or settings.data / 'hash-key'} holds one")


def secrets(settings: Settings, environment: Mapping[str, str]) -> Iterator[CheckRow]:
    """Files that must be open to nobody else."""
    named = [getattr(settings, name) for name in SECRETS] + [environment.get(name, "") for name in OF_SERVE]
    files = [Path(name) for name in dict.fromkeys(named) if name]
    sound = 0
    for file in files:
        try:
            check_private(file)
            sound += 1
        except SidestepError as error:
            yield CheckRow("secrets", "fault", str(error))
    if sound or not files:
        yield CheckRow("secrets", "ok", f"{sound} files of secrets are closed to others" if sound else "none are named")


def files(settings: Settings) -> Iterator[CheckRow]:
    """Who may enter the data folder, and what he could read there."""
    folder = settings.data
    if not folder.exists():
        yield CheckRow("files", "ok", f"{folder} is made at the first start, closed to others")
        return
    mode = folder.stat().st_mode
    found = list(_open_to_others(folder)) if mode & 0o077 else []
    yield judge.open_files(str(folder), mode, found)


def disk(settings: Settings) -> Iterator[CheckRow]:
    """Room for the ledger."""
    folder = settings.data.absolute()
    while not folder.exists():
        folder = folder.parent
    inodes = os.statvfs(folder) if hasattr(os, "statvfs") else None
    left = inodes.f_favail if inodes is not None and inodes.f_files else None
    yield judge.disk(str(folder), shutil.disk_usage(folder).free, left, os.access(folder, os.W_OK | os.X_OK))


def endpoints(settings: Settings) -> Iterator[CheckRow]:
    """Who can reach a worker's endpoints, and what for."""
    host, port = settings.web_host, settings.web_port
    if port == 0:
        yield CheckRow("endpoints", "ok", "nothing is served (SIDESTEP_WEB_PORT=0)")
        return
    encrypted = bool(settings.web_tls_certificate and settings.web_tls_key)
    check_endpoints(host, encrypted, settings.web_plaintext, bool(settings.web_token_file))
    if settings.web_token_file:
        EndpointTokens(Path(settings.web_token_file))
    if encrypted:
        check_readable(Path(settings.web_tls_certificate), Path(settings.web_tls_key), NAMES)
    where = f"{host}:{port}, {'TLS' if encrypted else 'plain text'}, {'' if settings.web_token_file else 'no '}token"
    if encrypted or is_loopback(host, NAMES):
        yield CheckRow("endpoints", "ok", where)
    else:
        mend = f"See that nobody else is, or give {NAMES.certificate} and {NAMES.key}."
        yield CheckRow("endpoints", "warning", f"{where}: whoever is on that network reads the token", mend)


def signers(settings: Settings) -> Iterator[CheckRow]:
    """The signers file."""
    if settings.signers:
        read = partial(read_signers, Path(settings.signers), settings.signature_window)
        yield _usable("signers", settings.signers, read)
    else:
        hosts = [place.rpartition(":")[0] for place in settings.broker.split(",")]
        yield judge.unproved(all(map(loopback.is_loopback, hosts)))


def verdict_key(settings: Settings) -> Iterator[CheckRow]:
    """The key that signs verdicts."""
    if settings.verdict_key_file:
        signer = VerdictSigner(settings.verdict_key, settings.verdict_key_file)
        yield CheckRow("verdict key", "ok", f"readers of verdicts need: {signer.key_id} = {signer.public_key}")
    else:
        said = "none is named: verdicts are not signed, and whoever may write them has mailers send"
        yield CheckRow("verdict key", "ok", said, "docs/signing.md says how mailers can tell.")


def _usable(check: str, file: str, read: Callable[[], object]) -> CheckRow:
    name = file or "the one that ships"
    try:
        read()
    except SidestepError as error:
        said = str(error)
        return CheckRow(check, "fault", said if name in said else f"{name}: {said}", "Workers do not start with it.")
    return CheckRow(check, "ok", f"{name} can be used")


def _open_to_others(folder: Path) -> Iterator[str]:
    for root, names, leaves in islice(os.walk(folder), LOOKED_AT):
        for name in (*names, *leaves):
            path = Path(root, name)
            try:
                mode = path.lstat().st_mode
            except OSError:
                continue  # removed meanwhile
            if mode & 0o077 and not stat.S_ISLNK(mode):
                yield str(path)
