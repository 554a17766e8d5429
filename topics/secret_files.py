"""Files that hold secrets: keys, passwords, tokens. One that others can read is no secret, and is refused."""

import os
import stat
from pathlib import Path

from sidestep.topics.errors import CredentialsError

MOUNTED = Path("/run/secrets")
"""Where container engines put secrets, with modes of their own: the container's borders keep others out."""
SECRET_MAX = 64 * 1024
"""Octets: what is longer is not a secret but the wrong file."""


def check_private(path: Path) -> None:
    """Check that nobody but the owner reads a file. Raises CredentialsError, which says what to do.

    Let through besides: what lies below /run/secrets, and what root has given to this process by way of its group, as
    Kubernetes does for volumes of Secrets (fsGroup, mode 0440).
    """
    try:
        real = path.resolve(strict=True)
        found = real.stat()
    except OSError as error:
        raise CredentialsError(f"{path} can't be read ({error.strerror})") from None
    if not stat.S_ISREG(found.st_mode):
        raise CredentialsError(f"{path} is not a file")
    if found.st_mode & 0o077 and not _is_mounted(path, real, found):
        mode = stat.S_IMODE(found.st_mode)
        raise CredentialsError(f"{path} is open to others (mode {mode:04o}): chmod 600 {path}")


def read_secret(path: Path) -> str:
    """The secret in a file, without white space around it. Raises CredentialsError."""
    check_private(path)
    try:
        with path.open("rb") as file:
            octets = file.read(SECRET_MAX + 1)
        secret = octets.decode("utf-8").strip()
    except OSError as error:
        raise CredentialsError(f"{path} can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise CredentialsError(f"{path} is not UTF-8 text: one secret and nothing else is expected") from None
    if len(octets) > SECRET_MAX:
        raise CredentialsError(f"{path} is larger than {SECRET_MAX // 1024} KiB: that is not one secret")
    if not secret or "\n" in secret:
        raise CredentialsError(f"{path} must hold one secret, on one line")
    return secret


def _is_mounted(path: Path, real: Path, found: os.stat_result) -> bool:
    if path.absolute().is_relative_to(MOUNTED) or real.is_relative_to(MOUNTED):
        return True
    groups = {os.getegid(), *os.getgroups()}
    return found.st_uid == 0 != os.geteuid() and found.st_gid in groups and not found.st_mode & 0o037
