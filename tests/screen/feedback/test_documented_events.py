"""Every event that a provider documents: told for its own, and made what docs/feedback.md says."""

import json
from pathlib import Path

import pytest

from sidestep.streams.screen.feedback.webhooks.read import PROVIDERS
from tests.screen.feedback.documented import ADA, EVENTS, Body, outcomes, table

DOCS = Path(__file__).parents[3] / "docs" / "feedback.md"
BODIES = [
    pytest.param(source, body, id=f"{source} {name}") for source in EVENTS for name, body in EVENTS[source].items()
]
NONE = ("silent", "vacation", "authfailure")
"""Why an event is nothing; `undefined` would be a dead letter."""


def test_the_page_has_the_table() -> None:
    """`python -m tests.screen.feedback.documented` prints it."""
    page = DOCS.read_text().splitlines()
    assert [] == [line for line in table() if line not in page]


def test_every_provider_has_its_events_there() -> None:
    """None is added without."""
    assert {provider.name for provider in PROVIDERS} == EVENTS.keys()


@pytest.mark.parametrize(("source", "body"), BODIES)
def test_it_is_known_and_about_its_recipient(source: str, body: Body) -> None:
    """By its own provider, alone."""
    (outcome,) = outcomes(body)
    assert source == outcome.source
    assert outcome.reason in NONE if outcome.kind == "none" else outcome.recipient == ADA
    assert [source] == [provider.name for provider in PROVIDERS if provider.recognises(body)]


@pytest.mark.parametrize(("source", "body"), BODIES)
def test_it_has_one_id_however_often_it_comes(source: str, body: Body) -> None:
    """The second delivery of it does not count."""
    first, again = outcomes(body), outcomes(json.loads(json.dumps(body)))
    assert [outcome.id for outcome in first] == [outcome.id for outcome in again]
