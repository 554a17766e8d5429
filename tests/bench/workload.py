"""What the benchmark sends: intents, the DNS they need, a policy that lets them through, a ledger to recover. Pure.

The same numbers give the same records. workload.toml has the mix.
"""

import random
import re
import tomllib
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from sidestep.schemas import EmailIntent
from sidestep.streams.decide.id_rows import SEND, IdRow
from sidestep.streams.decide.tables import BOUNCE_HISTORY, IDS, RecipientRow
from sidestep.streams.runtime.tables import pack_pairs

MIX: dict[str, Any] = tomllib.loads(Path(__file__).with_name("workload.toml").read_text("utf-8"))
DISPOSABLE = "mailinator.com"
MISSPELLED = "gmial.com"
ROOMY = '"1000000/s,max_burst=1000000"'
"""A limit that nothing here reaches; the limiter still reckons with it."""
IDS_A_RECORD = 4_000
"""As many as a full batch has."""

Pair = tuple[bytes, bytes]


def domains() -> list[str]:
    """Recipient domains, the most frequent first."""
    providers: list[str] = MIX["providers"]
    return providers + [f"company-{number}.example" for number in range(len(providers), MIX["domains"])]


def zones() -> dict[str, list[str]]:
    """Name -> records, for the name server. Every other name is NXDOMAIN."""
    names = [*domains(), DISPOSABLE]
    exchanges = {f"mx.{domain}": ["3600 A 93.184.215.14"] for domain in names}
    return {domain: [f"3600 MX 10 mx.{domain}"] for domain in names} | exchanges


def roomy_policy(text: str) -> str:
    """The policy `text` with every limit raised, so that nearly all intents are approved."""
    return re.sub(r'"\d[\d_]*/[a-z]+(,\s*max_burst=[\d_]+)?"', ROOMY, text)


def intents(count: int, seed: int = 1, prefix: str = "") -> Iterator[EmailIntent]:
    """`count` intents; ids are `prefix` and a number. Another seed gives other recipients."""
    rng = random.Random(seed)
    recipients = _Recipients(rng, f"{prefix}{seed}")
    services, streams = MIX["services"], MIX["streams"]
    for number in range(count):
        yield EmailIntent(
            id=f"{prefix}{number:07d}",
            to=recipients.next(number),
            service=rng.choice(services),
            stream=rng.choice(streams),
            source="signup-form",
            metadata={"template": "welcome-3", "locale": "en", "order": number},
        )


class _Recipients:
    """Addresses in the order in which they are written to."""

    def __init__(self, rng: random.Random, tag: str):
        self._rng = rng
        self._tag = tag
        self._domains = domains()
        self._weights = list(accumulate(1 / rank ** MIX["zipf"] for rank in range(1, len(self._domains) + 1)))
        self._odd = list(accumulate(MIX["odd"].values()))
        self._kinds = list(MIX["odd"])
        self._seen: list[str] = []

    def next(self, number: int) -> str:
        rng = self._rng
        luck = rng.random()
        if luck < self._odd[-1]:
            return self._strange(self._kinds[next(i for i, share in enumerate(self._odd) if luck < share)], number)
        if self._seen and rng.random() >= MIX["new_recipients"]:
            return rng.choice(self._seen)
        (domain,) = rng.choices(self._domains, cum_weights=self._weights)
        address = f"{rng.choice(MIX['given_names'])}.{self._tag}.{number}@{domain}"
        self._seen.append(address)
        return address

    def _strange(self, kind: str, number: int) -> str:
        (domain,) = self._rng.choices(self._domains, cum_weights=self._weights)
        return {
            "role": f"info@{domain}",
            "disposable": f"somebody{number}@{DISPOSABLE}",
            "no-such-domain": f"somebody{number}@gone-{number % 20}.example",
            "misspelled": f"somebody{number}@{MISSPELLED}",
            "syntax": f"some..body{number}@{domain}",
        }[kind]


def ledger_rows(count: int, now: int, seed: int = 1) -> Iterator[Pair]:
    """Changelog records (key, value) of `count` recipients that were written to once. `now`: seconds since 1970."""
    rng = random.Random(seed)
    prefix, encode = BOUNCE_HISTORY.prefix, BOUNCE_HISTORY.encode
    for number in range(count):
        at = now - number % 86_400
        yield prefix + rng.randbytes(16), encode(RecipientRow(first_seen=at, last_approved=at))


def ledger_ids(count: int, now: int, seed: int = 2) -> Iterator[bytes]:
    """Values of the ids' changelog for `count` intents, as many to a record as a full batch has."""
    rng = random.Random(seed)
    prefix, encode = IDS.prefix, IDS.encode
    for start in range(0, count, IDS_A_RECORD):
        many = min(IDS_A_RECORD, count - start)
        yield pack_pairs((prefix + rng.randbytes(16), encode(_id_row(rng, now))) for _ in range(many))


def _id_row(rng: random.Random, now: int) -> IdRow:
    return IdRow(now, rng.randbytes(8), 1, SEND)
