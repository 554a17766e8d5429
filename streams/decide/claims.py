"""Under which name a history is kept: who only claims to be a service, though somebody can prove it, has his own. Pure.

So nobody shares, spoils or uses up what belongs to who proves his name: rates, warm-up, the stories of sources and
campaigns, holds, tallies. docs/decisions/053 says why, and what claims begin with.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from sidestep.schemas import FeedbackEvidence, IntentEvidence
from sidestep.schemas.intents import CLAIMED
from sidestep.streams.decide.expiry import ended
from sidestep.streams.decide.keys import service_key
from sidestep.streams.decide.policy import DAY
from sidestep.streams.decide.tables import RecipientRow, ServiceRow, SourceRow

SHARED_SECONDS = 30 * DAY
"""From the first proof on, for which claims may begin with what the name had before it: as long as it may take until
all instances of a service sign. Who pauses for longer begins the warm-up again anyway, as the policy ships."""


def history_name(record: IntentEvidence | FeedbackEvidence) -> str:
    """The name under which the history of a record's service is kept."""
    return record.service + CLAIMED if record.claimed else record.service


def is_of(name: str, service: str) -> bool:
    """Whether a history is a service's, or that of those who claim to be it: people who were mailed can't tell."""
    return name == service or name == service + CLAIMED


def told_name(feedback: FeedbackEvidence, row: RecipientRow | None) -> str:
    """The history that feedback belongs to which names a service: whose message to the mailbox it can be about, the
    latest one, as far as that is known; else that of who says so."""
    if row is not None:
        service = feedback.service
        if is_of(row.last_service, service):
            return row.last_service
        for mailed in row.mailed:  # the latest first
            if is_of(mailed.service, service):
                return mailed.service
    return history_name(feedback)


def claims_of(rows: Iterable[RecipientRow]) -> Iterator[str]:
    """Histories of claims that what comes back from these mailboxes may belong to."""
    for row in rows:
        names = row.service, row.last_service, *(mailed.service for mailed in row.mailed)
        yield from (name for name in names if name.endswith(CLAIMED))


def new_story(key: bytes, service: str, sources: Mapping[bytes, SourceRow], now: int) -> SourceRow:
    """The row of SOURCES to begin with under a key of this service, or of those who claim to be it."""
    story = _shared(key, service, sources, now)
    past = sources.get(_past_key(key, service)) if story is not None else None
    # what began once the service was proved is its own
    if story is None or past is None or ended(past, now) or past.began >= (story.proved_at or now + 1):
        return SourceRow(began=now)
    return replace(past, proved_at=0)


def new_service(
    key: bytes, service: str, services: Mapping[bytes, ServiceRow], sources: Mapping[bytes, SourceRow], now: int
) -> ServiceRow:
    """The row of SERVICES, likewise."""
    past = services.get(_past_key(key, service)) if _shared(key, service, sources, now) is not None else None
    if past is None or ended(past, now):
        return ServiceRow()
    return replace(past, warm_up=replace(past.warm_up) if past.warm_up is not None else None)


def _shared(key: bytes, service: str, sources: Mapping[bytes, SourceRow], now: int) -> SourceRow | None:
    """The story of all that a service sends, if what is under the key is of those who claim to be it, and the past of
    its name theirs as well: until somebody has proved it, whoever sent in its name made it."""
    story = sources.get(service_key(service)) if _past_key(key, service) else None
    if story is None or ended(story, now):
        return None
    late = story.proved_at and (story.began >= story.proved_at or now - story.proved_at > SHARED_SECONDS)
    return None if late else story


def _past_key(key: bytes, service: str) -> bytes:
    """Of a key that begins with the name of claims, that of the service itself; else empty."""
    claims = (service + CLAIMED).encode()
    return service.encode() + key[len(claims) :] if key.startswith(claims) else b""
