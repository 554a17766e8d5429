"""Servers of /v1/validate: one that all tests share, or one of a test's own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import parse as parse_policy
from sidestep.streams.screen.lists.classes import Lists, load_lists
from sidestep.streams.settings import Settings
from tests.web.validate.service import NewService, Service, serving


@pytest.fixture(scope="session")
def lists() -> Lists:
    return load_lists()


@pytest.fixture(scope="session")
def policy() -> Policy:
    return parse_policy(read_policy(Settings()))


@pytest.fixture
def anew(tmp_path: Path, lists: Lists, policy: Policy) -> Iterator[NewService]:
    """anew(canaries, **options of the Checker): a server of this test's own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serving(tmp_path, lists, policy, **options))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, lists: Lists, policy: Policy) -> Iterator[Service]:
    """One server for all tests that leave nothing behind."""
    with serving(tmp_path_factory.mktemp("validate"), lists, policy) as running:
        yield running
