"""The description and the server say the same: schemathesis asks what the description allows, and what it does not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import fields
from schemathesis import GenerationMode

from sidestep.schemas import FiredRule, Listing, MailboxFinding, Versions
from sidestep.streams.web.validate.answer import Result, Results
from sidestep.streams.web.validate.api import description
from sidestep.streams.web.validate.request import ADDRESSES_MAX, DEADLINE_MS, DEADLINE_MS_MAX, Request
from tests.web.validate.service import Service

pytestmark = pytest.mark.slow

DOCUMENT = json.loads(description())
SCHEMAS = DOCUMENT["components"]["schemas"]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
QUICK = settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


@pytest.fixture(scope="session")
def schema(service: Service) -> Any:
    """What the server itself says."""
    return schemathesis.openapi.from_url(f"{service.url}/openapi.json")


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_validate_keeps_what_the_description_says(service: Service, schema: Any, mode: GenerationMode) -> None:
    """All of schemathesis's checks: status, media type, headers, body; what fits is taken, what doesn't is refused,
    neither without the token nor with a wrong one."""

    @QUICK
    @given(schema["/v1/validate"]["POST"].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {service.token}"})

    ask()


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_without_a_token_no_case_is_answered(schema: Any, mode: GenerationMode) -> None:
    """401 as described, whatever the body."""

    @settings(QUICK, max_examples=10)
    @given(schema["/v1/validate"]["POST"].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(headers={"Authorization": "Bearer wrong"})
        assert response.status_code == 401
        case.validate_response(response)

    ask()


def test_the_whole_of_schemathesis_finds_nothing(service: Service, tmp_path: Path) -> None:
    """All paths, all its checks: edges of each limit, methods that are not there, other tokens, missing headers."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{service.url}/openapi.json", "--no-color",
               "--header", f"Authorization: Bearer {service.token}", "--phases", "examples,coverage,fuzzing",
               "--max-examples", "10"]  # fmt: skip
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:]


@pytest.mark.parametrize("path", ["/openapi.json", "/livez", "/readyz"])
def test_the_other_paths_keep_it_too(schema: Any, path: str) -> None:
    """They take nothing, so one case says it all."""
    schema[path]["GET"].Case().call_and_validate()


@QUICK
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_batches_keep_it(service: Service, schema: Any, addresses: list[str]) -> None:
    """Whatever the texts, results are as described."""
    case = schema["/v1/validate"]["POST"].Case(body={"addresses": addresses, "deadline_ms": 1})
    case.call_and_validate(headers={"Authorization": f"Bearer {service.token}"})


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Request", Request),
        ("Result", Result),
        ("Results", Results),
        ("Listing", Listing),
        ("Mailbox", MailboxFinding),
        ("Rule", FiredRule),
        ("Versions", Versions),
    ],
)
def test_the_description_has_the_models_fields(name: str, model: type[Struct]) -> None:
    """A field that is added to a model is described; nothing is described that is not there."""
    described = set(SCHEMAS[name]["properties"])
    assert described == {field.encode_name for field in fields(model)} - ({"model"} if name == "Versions" else set())


def test_the_description_has_the_limits() -> None:
    """Those that the code enforces."""
    properties = SCHEMAS["Request"]["properties"]
    deadline = properties["deadline_ms"]
    assert properties["addresses"]["maxItems"] == ADDRESSES_MAX
    assert (deadline["default"], deadline["maximum"]) == (DEADLINE_MS, DEADLINE_MS_MAX)
    assert set(SCHEMAS["Request"]["oneOf"][0]["required"] + SCHEMAS["Request"]["oneOf"][1]["required"]) < set(
        properties
    )
