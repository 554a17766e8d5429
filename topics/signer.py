"""Signing what a service publishes: its key, read from a file that nobody else can read.

with Publisher(connection, signer=Signer("shop-2026", "/run/secrets/shop-2026.key")) as publisher:
    publisher.intent(…)
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from sidestep.schemas.codec import ContractError
from sidestep.topics.errors import CredentialsError
from sidestep.topics.secret_files import read_secret
from sidestep.topics.signing import (
    HEADER,
    Sealer,
    as_pairs,
    header_text,
    is_key_id,
    parse_key,
    signature_of,
    signed_prefix,
    signed_rest,
)


class Signer:
    """A key and its id. Raises CredentialsError where the file can't be used. Not for several threads at once."""

    def __init__(self, key_id: str, key_file: Path | str, now: Callable[[], float] = time.time):
        """`now`: Unix time; the signature says it, and is taken for a week from then on."""
        if not is_key_id(key_id):
            raise CredentialsError(f"{key_id!r} can't name a key: letters, digits, . _ and - can, 64 at most")
        self.key_id = key_id
        try:
            self._key = parse_key(read_secret(Path(key_file)))
        except ValueError as error:
            raise CredentialsError(f"{key_file}: {error}") from None
        self._now = now
        self._sealers: dict[str, Sealer] = {}

    def sign(
        self, topic: str, value: bytes, headers: Iterable[tuple[str, str | bytes | None]] = ()
    ) -> list[tuple[str, str | bytes | None]]:
        """Headers with the signature behind them. Raises ContractError where one is signed already."""
        given = as_pairs(headers)
        before, counting = signature_of(given)
        if before is not None:
            raise ContractError("signature-unreadable", "the record is signed already")
        at, key_id = b"%d" % (self._now() * 1000), self.key_id.encode()
        sealer = self._sealers.get(topic)
        if sealer is None:
            sealer = self._sealers[topic] = self._key.sealer(signed_prefix(topic, key_id))
        return [*given, (HEADER, header_text(key_id, at, sealer.seal(signed_rest(at, counting, value))))]

    def __repr__(self) -> str:
        return f"Signer({self.key_id!r})"
