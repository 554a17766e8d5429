"""The certificate of a server: a chain and its key in two files, read again when they change, without a restart."""

import logging
import ssl
from pathlib import Path
from typing import Self

from sidestep.streams.errors import SettingsError
from sidestep.streams.web.exposure import SettingNames
from sidestep.topics.errors import CredentialsError
from sidestep.topics.file_stamp import stamp_of
from sidestep.topics.secret_files import check_private

log = logging.getLogger(__name__)


class ServerCertificate:
    """The certificate of a server. `context` speaks TLS 1.2 or later, for new connections with what `look` found last.

    Files that can't be used leave the certificate as it was, and are logged.
    """

    def __init__(self, chain: Path, key: Path, names: SettingNames) -> None:
        """`chain`, `key`: PEM files. Raises SettingsError and CredentialsError, which name the settings or the file."""
        self._files = chain, key
        self._stamps = stamp_of(chain), stamp_of(key)
        check_readable(chain, key, names)
        self.context = _load(_context(), chain, key)

    @classmethod
    def given(cls, chain: Path | None, key: Path | None, names: SettingNames) -> Self | None:
        """The certificate in two files; None where neither is given. Raises as the constructor does."""
        if chain is None and key is None:
            return None
        if chain is None or key is None:
            raise SettingsError(f"{names.certificate} and {names.key} belong together: give both")
        return cls(chain, key, names)

    def look(self) -> None:
        """Read the files again where one has changed."""
        chain, key = self._files
        stamps = stamp_of(chain), stamp_of(key)
        if stamps == self._stamps:
            return
        try:
            check_private(key)
            _load(_context(), chain, key)  # first a trial: the context in use would keep half of what does not fit
            _load(self.context, chain, key)
        except (OSError, ValueError, CredentialsError) as error:
            log.error("the certificate has changed and can't be used, the last one stays in use: %s", _reason(error))
        else:
            log.info("certificate read again", extra={"file": str(chain)})
        self._stamps = stamps


def check_readable(chain: Path, key: Path, names: SettingNames) -> None:
    """Check that chain and key can be used. Raises SettingsError; CredentialsError where others can read the key."""
    try:
        _load(_context(), chain, key)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{names.certificate} {chain} and {names.key} {key} can't be used ({_reason(error)}): give PEM files that "
            "belong together, the key without a password"
        ) from None
    check_private(key)


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load(context: ssl.SSLContext, chain: Path, key: Path) -> ssl.SSLContext:
    context.load_cert_chain(chain, key, password=_no_password)
    return context


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


def _no_password() -> str:
    # otherwise OpenSSL would ask at the terminal, and a service would wait for ever
    raise ValueError("the key has a password")
