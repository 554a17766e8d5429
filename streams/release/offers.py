"""What waits and is due -> intents of the next attempt, or why one is let go. Pure."""

from typing import NamedTuple

from sidestep.schemas import EmailIntent, Verdict
from sidestep.schemas.codec import ContractError, decode
from sidestep.schemas.reading import octets_of_intent
from sidestep.streams.release.fold import Offering
from sidestep.streams.release.tables import WaitingRow, intent_key

KNOWN_MS = 7 * 86_400_000
"""Milliseconds after a deferral for which it is offered again. Decide knows an id for eight days: what had another
verdict meanwhile, which Release has not read, is passed over for so long and no longer."""


class ReleaseOffer(NamedTuple):
    """An intent to be published, as octets and with what else says whose it is; or why it is let go."""

    intent: EmailIntent | None = None
    value: bytes = b""
    signed: bool = False
    """Its service was proved, and has to be again."""
    let_go: str = ""


def offer_of(key: bytes, row: WaitingRow, value: bytes | None, offering: Offering, now_ms: int) -> ReleaseOffer:
    """Of an intent that is due. `value`: what stands at the row's offset in email-rejected; None: nothing does."""
    if not offering.names(row.service):
        return ReleaseOffer(let_go="not-named")
    if now_ms - row.decided > KNOWN_MS:
        return ReleaseOffer(let_go="too-old")
    try:
        verdict = decode(Verdict, value)
        if intent_key(verdict) != key or verdict.action != "defer":
            return ReleaseOffer(let_go="no-verdict")
        intent = verdict.again()
        return ReleaseOffer(intent, octets_of_intent(intent, now_ms / 1000), bool(verdict.proved))
    except ContractError:
        return ReleaseOffer(let_go="no-verdict")
