"""The answer to an intent (topics email-approved and email-rejected)."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from sidestep.schemas.intents import EmailIntent

Action = Literal["send", "drop", "defer"]
"""What the mailer is to do with the message."""


class FiredRule(Struct, frozen=True, gc=False):
    """A rule that fired, with one plain sentence for the person whose mail it concerns."""

    id: str
    text: str


class LogPosition(Struct, frozen=True, gc=False):
    """Where the evidence stands that this verdict follows from."""

    topic: str
    partition: int
    offset: int


class Versions(Struct, omit_defaults=True, frozen=True, gc=False):
    """What the verdict was judged with."""

    policy: str
    lists: str = ""
    model: str = ""
    engine: str = ""
    """Of the fold: another one may judge the same log otherwise."""


REFUSALS = frozenset({"attempt-out-of-turn", "already-decided", "id-reused", "unreadable"})
"""Rules of verdicts on what else came under an id that is known, or that could not be read."""


class Verdict(Struct, omit_defaults=True, kw_only=True, gc=False):
    """Approved: send it. Rejected: drop it for good, or defer it and offer it again at `retry_at`, attempt + 1."""

    id: str
    attempt: Annotated[int, Meta(ge=1)] = 1
    to: str
    service: str
    decision: Literal["approved", "rejected"]
    action: Action
    retry_at: Annotated[float | None, Meta(description="Unix time in seconds; only with action defer.")] = None
    rules: list[FiredRule] = []
    risk: Annotated[float, Meta(ge=0, le=1, description="That the recipient is a spam trap.")] = 0.0
    risk_parts: Annotated[
        dict[str, float], Meta(description="The risk by what it is made of: pristine, recycled, typo, role, …")
    ] = {}
    valid_since: Annotated[
        float | None,
        Meta(
            description="Unix seconds for a header Require-Recipient-Valid-Since (RFC 7293), where the owner of the "
            "mailbox may have changed."
        ),
    ] = None
    suggestion: Annotated[str, Meta(description="The address that was probably meant.")] = ""
    evidence: LogPosition
    versions: Versions
    decided_at: Annotated[float, Meta(description="Log time, Unix seconds: never a wall clock of the judge.")]
    stream: str = ""
    campaign: str = ""
    source: str = ""
    test: bool = False
    metadata: dict[str, Any] | None = None
    token: Annotated[
        str,
        Meta(
            description="Of an approved message: give it along (VERP, a header, the provider's metadata), so that what "
            "comes back is known to be of it."
        ),
    ] = ""
    proved: Annotated[
        str, Meta(description="What has proved that the service says this; left out: nothing, so its name is a claim.")
    ] = ""
    expires_at: Annotated[
        float | None, Meta(description="As the intent said, Unix seconds: not to be sent from then on.")
    ] = None
    created_at: Annotated[
        float | None, Meta(description="As the intent said, Unix seconds; only with action defer, to offer it again.")
    ] = None
    consent_at: Annotated[float | None, Meta(description="Likewise.")] = None

    @property
    def refuses_another(self) -> bool:
        """Whether it is on what else came under an id, by its first rule: the intent before that stands as it did."""
        return bool(self.rules) and self.rules[0].id in REFUSALS

    def again(self) -> EmailIntent:
        """The deferred intent as it is to be offered again: its next attempt. Not before `retry_at`.

        All else stays the same, or it would be another message under a known id; a consent that has come meanwhile may
        be set as its `consent_at`. Raises ValueError for a verdict that is final.
        """
        if self.action != "defer":
            raise ValueError(
                f"intent {self.id} of {self.service} has its final verdict ({self.action}), attempt "
                f"{self.attempt}: only a deferred one may be offered again"
            )
        return EmailIntent(
            id=self.id,
            to=self.to,
            service=self.service,
            attempt=self.attempt + 1,
            stream=self.stream,
            campaign=self.campaign,
            source=self.source,
            created_at=self.created_at,
            consent_at=self.consent_at,
            expires_at=self.expires_at,
            test=self.test,
            metadata=self.metadata,
        )
