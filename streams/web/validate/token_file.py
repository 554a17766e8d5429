"""The tokens file on disk: read at the start, read again when it changes."""

import asyncio
import logging
import secrets
from pathlib import Path

from sidestep.streams.errors import SettingsError
from sidestep.streams.gcra import Rate
from sidestep.streams.web.validate.tokens import PREFIX, Token, Tokens, digest, parse_tokens

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Time for which a token that was taken out of the file works at most."""

FILE_MAX = 4 * 1024 * 1024

HOW_TO_MAKE_ONE = "make one with: sidestep serve --new-token NAME, which prints the line that belongs into the file"

Stamp = tuple[int, int, int]


def new_token() -> str:
    """A fresh token, 256 random bits, for a line of the file."""
    return PREFIX + secrets.token_urlsafe(32)


class TokenFile:
    """The tokens of a file; `find` answers from memory.

    A change that can't be used leaves the tokens as they were, and is logged.
    """

    def __init__(self, path: Path, default: Rate) -> None:
        """Read the file. Raises SettingsError that says how to make one."""
        self._path = path
        self._default = default
        self._stamp = _stamp(path)
        try:
            self._tokens = self._read()
        except OSError as error:
            raise SettingsError(f"the tokens file {path} can't be read ({error.strerror}); {HOW_TO_MAKE_ONE}") from None
        except ValueError as error:
            raise SettingsError(f"the tokens file {path} can't be used: {error}; {HOW_TO_MAKE_ONE}") from None

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, token: str) -> Token | None:
        """The token that this text is; None: nobody's."""
        return self._tokens.get(digest(token)) if token else None

    async def follow(self, seconds: float = LOOK_SECONDS) -> None:
        """Look again and again whether the file has changed, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Read the file again where it has changed."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._tokens = self._read()
            log.info("tokens read again", extra={"tokens": len(self._tokens)})
        except (OSError, ValueError) as error:
            log.error("the tokens file has changed and can't be used, the tokens stay as they were: %s", error)

    def _read(self) -> Tokens:
        with self._path.open("rb") as file:
            content = file.read(FILE_MAX + 1)
        if len(content) > FILE_MAX:
            raise ValueError(f"it is larger than {FILE_MAX // 1024 // 1024} MiB")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8") from None
        return parse_tokens(text, self._default)


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
