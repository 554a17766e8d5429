"""The tokens file on disk: read at the start, read again when it changes."""

import logging
import secrets
from pathlib import Path

from sidestep.streams.errors import SettingsError
from sidestep.streams.gcra import Rate
from sidestep.streams.web.bearer import digest
from sidestep.streams.web.validate.tokens import PREFIX, Token, Tokens, parse_tokens
from sidestep.topics.errors import CredentialsError
from sidestep.topics.file_stamp import stamp_of
from sidestep.topics.secret_files import check_private

log = logging.getLogger(__name__)

FILE_MAX = 4 * 1024 * 1024

HOW_TO_MAKE_ONE = "make one with: sidestep serve --new-token NAME, which prints the line that belongs into the file"


def new_token() -> str:
    """A fresh token, 256 random bits, for a line of the file."""
    return PREFIX + secrets.token_urlsafe(32)


class TokenFile:
    """The tokens of a file; `find` answers from memory.

    After a change only what the file says now counts: a line that can't be read is nobody's token, and a file that is
    empty, missing, open to others or no text is nobody's at all. What is wrong is logged.
    """

    def __init__(self, path: Path, default: Rate) -> None:
        """Read the file, of which every line must be right. Raises SettingsError that says how to make one, and
        CredentialsError."""
        self._path = path
        self._default = default
        self._stamp = stamp_of(path)
        try:
            self._tokens, faults = self._read()
        except OSError as error:
            raise SettingsError(f"the tokens file {path} can't be read ({error.strerror}); {HOW_TO_MAKE_ONE}") from None
        if faults:
            raise SettingsError(f"the tokens file {path} can't be used: {'; '.join(faults)}; {HOW_TO_MAKE_ONE}")
        check_private(path)

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, token: str) -> Token | None:
        """The token that this text is; None: nobody's."""
        return self._tokens.get(digest(token)) if token else None

    def look(self) -> None:
        """Read the file again where it has changed."""
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            check_private(self._path)
            self._tokens, faults = self._read()
        except (OSError, CredentialsError) as error:
            self._tokens, faults = {}, [str(error)]
        if faults:
            log.error(
                "the tokens file has changed and is not right, who is not named there is let in no more: %s",
                "; ".join(faults),
                extra={"tokens": len(self._tokens)},
            )
        else:
            log.info("tokens read again", extra={"tokens": len(self._tokens)})

    def _read(self) -> tuple[Tokens, list[str]]:
        with self._path.open("rb") as file:
            content = file.read(FILE_MAX + 1)
        if len(content) > FILE_MAX:
            return {}, [f"it is larger than {FILE_MAX // 1024 // 1024} MiB"]
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return {}, ["it is not UTF-8"]
        return parse_tokens(text, self._default)
