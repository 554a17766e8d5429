"""What looks for addresses in the output of all tests finds them."""

import logging
from pathlib import Path

import pytest

from tests.leaks import MARK, LogWatch, in_folder


@pytest.mark.parametrize(
    ("name", "text", "leaks"),
    [
        ("0.log", "ERROR no such user jane@mail.example", True),
        ("0.log", "ERROR no such user ***@mail.example", False),
        ("worker.log", f"WARNING created_at = '{MARK}17'", True),
        ("kafka.out", "org.apache.kafka.Thing@1b2c3d4e", False),
        ("0.metrics", f'x_total{{service="{MARK}1"}} 1', True),
        ("000012.log", f"\0\1{MARK}3@d0.example\2", True),
        ("000012.sst", "\0shop@d0.example", False),
        ("00000000000000000000.log", f"{MARK}3@d0.example", False),
        ("intents.jsonl", f"{MARK}3@d0.example", False),
    ],
)
def test_addresses_in_files_are_found(tmp_path: Path, name: str, text: str, leaks: bool) -> None:
    """By the at sign or by the mark, with file and line; not in Kafka's segments and not in what tests wrote."""
    path = tmp_path / "deep" / name
    path.parent.mkdir()
    path.write_text(f"first line\n{text}\n", "utf-8")
    assert ([f"{path}:2: {text}"] if leaks else []) == in_folder(tmp_path)
    path.unlink()  # or this very test would be told of


def test_addresses_in_our_own_logs_are_found() -> None:
    """As they are logged: in the message, its arguments, or a field."""
    watch, logger = LogWatch(), logging.Logger("sidestep.streams.x")
    logger.addHandler(watch)
    logger.warning("no such user %s", "jane@mail.example")
    logger.warning("seen", extra={"who": f"{MARK}1"})
    logger.warning("email-intents/0/7 can't be read")
    assert 2 == len(watch.taken()) and not watch.taken()
