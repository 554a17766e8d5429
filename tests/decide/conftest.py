"""A log and a judge for each test; the golden files and the option that writes them anew."""

from pathlib import Path

import pytest

from tests.decide.world import World


def pytest_addoption(parser: pytest.Parser) -> None:
    """For `pytest tests/decide/test_golden.py --regenerate-golden`."""
    parser.addoption("--regenerate-golden", action="store_true", help="write the golden files anew; then read the diff")


@pytest.fixture(scope="session")
def new_world() -> type[World]:
    """The class: call it for as many as needed."""
    return World


@pytest.fixture
def world() -> World:
    """A log that begins with the shipped policy."""
    return World()


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of the golden files."""
    return Path(__file__).parent / "golden"
