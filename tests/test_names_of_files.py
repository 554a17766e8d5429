"""Names that become names of files or topics: none leads out of its folder. What services call things becomes no file
at all (tests/guarantees/test_names_and_headers.py)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidestep.streams.commands.lists import _in_use
from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.sources.file import Name as SourceName
from sidestep.streams.settings import Settings
from sidestep.streams.web.receive.doors import Name as DoorName
from sidestep.topics.own_topics import own_topic
from sidestep.topics.signing import is_key_id

EVIL = [
    "", ".", "..", "../evil", "a/../../evil", "/etc/evil", "a/b", "a\\b", "a\0b", "a\nb", "evil\n", "~evil",
    "%2e%2e%2fevil", "x" * 300, "\u202eevil", "-rf",
]  # fmt: skip


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("kind", [SourceName, DoorName])
def test_names_of_sources_and_doors_are_names(kind: Any, name: str) -> None:
    """A feed's is its folder's, a door's is part of a URL."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, kind)


@pytest.mark.parametrize("name", EVIL)
def test_no_form_of_a_feed_is_looked_for_elsewhere(tmp_path: Path, name: str) -> None:
    """Whatever feed a command is asked for."""
    data = tmp_path / "data"
    data.mkdir()
    for folder in (tmp_path / "evil", data / "evil", data):
        folder.mkdir(exist_ok=True)
        (folder / "state.json").write_text('{"version": "1", "digest": "x"}')
    with pytest.raises(SourcesError):
        _in_use(Settings(data_dir=str(data)), name)


@pytest.mark.parametrize("name", EVIL)
def test_names_of_topics_and_keys_are_names(name: str) -> None:
    """Of topics that one service has to itself, and of keys in signatures."""
    with pytest.raises(ValueError, match=r"no topic of a service's own"):
        own_topic(f"email-intents.{name}")
    assert name in (".", "..", "-rf") or not is_key_id(name)
