"""The tokens of a worker's endpoints: a file with one or several, one a line, as Prometheus' credentials_file has it.

Several are for the time in which one takes the other's place. The file is read again when it changes; one that is
empty, missing or can't be used admits nobody.
"""

import hmac
import logging
import re
from pathlib import Path

from sidestep.streams.errors import SettingsError
from sidestep.streams.web.bearer import bearer, digest
from sidestep.topics.errors import CredentialsError
from sidestep.topics.file_stamp import stamp_of
from sidestep.topics.secret_files import check_private

log = logging.getLogger(__name__)

TOKEN_LEAST = 24
"""Characters: 128 bits in base64 or more in hex, as long as somebody has let a machine choose them."""

TOKENS_MOST = 10

HOW_TO_MAKE_ONE = "make one with: (umask 077; openssl rand -hex 32 > FILE)"

_TOKEN = re.compile(rf"(?=.{{{TOKEN_LEAST},500}}$)[A-Za-z0-9._~+/-]+=*")


class EndpointTokens:
    """The tokens of a file. `admits` answers from memory."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises SettingsError and CredentialsError."""
        self._path = path
        self._stamp = stamp_of(path)
        try:
            self._digests = read_tokens(path)
        except ValueError as error:
            raise SettingsError(f"SIDESTEP_WEB_TOKEN_FILE {path}: {error}; {HOW_TO_MAKE_ONE}") from None

    def admits(self, header: str) -> bool:
        """Is that Authorization header one with a token of ours? How long that takes tells nothing of the tokens."""
        given = digest(bearer(header))
        equal = [hmac.compare_digest(given, known) for known in self._digests]  # all are compared, whichever it is
        return any(equal)

    def look(self) -> None:
        """Read the file again where it has changed."""
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._digests = read_tokens(self._path)
            log.info("the endpoints' tokens were read again", extra={"tokens": len(self._digests)})
        except (ValueError, CredentialsError) as error:
            self._digests = ()
            log.error("the endpoints' tokens have changed and can't be used, nobody is admitted: %s", error)


def read_tokens(path: Path) -> tuple[bytes, ...]:
    """The digests of a file's tokens. Raises ValueError and CredentialsError, which quote nothing of it."""
    check_private(path)
    try:
        lines = path.read_bytes()[: 64 * 1024].decode("utf-8").split()
    except OSError as error:
        raise ValueError(f"it can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if not lines:
        raise ValueError("it holds no token")
    if len(lines) > TOKENS_MOST or not all(map(_TOKEN.fullmatch, lines)):
        raise ValueError(
            f"expected {TOKENS_MOST} lines at most, a token on each: {TOKEN_LEAST} or more letters, digits and ._~+/-"
        )
    return tuple(map(digest, lines))
