"""A verdict has all that it takes to offer its intent again."""

import pytest

from sidestep.schemas import EmailIntent, LogPosition, Verdict, Versions
from sidestep.schemas.codec import decode, encode

WHOLE = EmailIntent(
    id="code-17",
    to="ada@example.org",
    service="shop",
    attempt=2,
    stream="transactional",
    campaign="spring",
    source="checkout",
    created_at=1_800_000_000.25,
    consent_at=1_799_000_000.0,
    expires_at=1_800_003_600.0,
    test=True,
    metadata={"template": "code", "n": [1, {"x": None}]},
)


def verdict_of(intent: EmailIntent, action: str = "defer") -> Verdict:
    """A deferral that gives back all that the intent said."""
    same = {name: getattr(intent, name) for name in EmailIntent.__struct_fields__}
    return Verdict(
        **same,
        decision="rejected",
        action=action,  # type: ignore[arg-type]
        retry_at=1_800_000_060.0,
        evidence=LogPosition("email-evidence", 0, 7),
        versions=Versions("p"),
        decided_at=1_800_000_000.0,
    )


def test_every_field_comes_back_and_the_attempt_is_the_next() -> None:
    """Through JSON and all: a field that an intent gets is one that its verdict has to give back."""
    assert set(EmailIntent.__struct_fields__) <= set(Verdict.__struct_fields__)
    defaults = EmailIntent(id="x", to="x", service="x")
    assert all(getattr(WHOLE, name) != getattr(defaults, name) for name in EmailIntent.__struct_fields__)
    again = decode(Verdict, encode(verdict_of(WHOLE))).again()
    assert {"attempt"} == {
        name for name in EmailIntent.__struct_fields__ if getattr(again, name) != getattr(WHOLE, name)
    }
    assert 3 == again.attempt


@pytest.mark.parametrize("action", ["send", "drop"])
def test_what_is_final_is_not_offered_again(action: str) -> None:
    """It would be rejected by already-decided."""
    with pytest.raises(ValueError, match=r"code-17 of shop has its final verdict"):
        verdict_of(WHOLE, action).again()
