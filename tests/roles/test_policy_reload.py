"""The reload of a policy file: what is taken, what is refused, and what is said of it."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.decide.policy_file import OCTETS_MAX, SHIPPED
from sidestep.streams.roles.policy_reload import PolicyReload
from sidestep.topics.errors import PublishFailed

OLD = SHIPPED.read_text("utf-8")
NEW = OLD + "\n# Another version.\n"
BROKEN = OLD.replace('mode = "reject"', 'mode = "maybe"', 2)


class Followed:
    """A policy file under its reload, and what came of it."""

    def __init__(self, folder: Path):
        self.file = folder / "policy.toml"
        self.file.write_text(OLD)
        self.put: list[str] = []
        self.told: list[str] = []
        self.kafka_is_away = False
        self._reload = PolicyReload(self.file, OLD, self._put, self.told.append)

    async def _put(self, text: str) -> None:
        if self.kafka_is_away:
            raise PublishFailed("no answer in time")
        self.put.append(text)

    async def looks(self, times: int = 2) -> None:
        """It is looked at so often."""
        for _ in range(times):
            await self._reload.look()


def followed(folder: Path, scenario: Callable[[Followed], Coroutine[Any, Any, None]]) -> Followed:
    """The file after a scenario."""
    at = Followed(folder)
    asyncio.run(scenario(at))
    return at


def test_a_changed_file_is_taken_once_when_it_reads_the_same_twice(tmp_path: Path) -> None:
    """Half of a file that is being written is no policy, and nobody is told of it."""

    async def scenario(at: Followed) -> None:
        await at.looks()
        at.file.write_text(NEW[: len(NEW) // 2])
        await at.looks(1)
        at.file.write_text(NEW)
        await at.looks(1)
        assert [] == at.put
        await at.looks(3)

    at = followed(tmp_path, scenario)
    assert ([NEW], []) == (at.put, [sentence for sentence in at.told if sentence])


def test_a_file_that_is_replaced_or_behind_links_is_followed(tmp_path: Path) -> None:
    """Kubernetes turns the link to a folder round; editors and `mv` put another file in its place."""

    async def scenario(at: Followed) -> None:
        for name, text in (("first", OLD), ("second", NEW)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "policy.toml").write_text(text)
        at.file.unlink()
        (tmp_path / "data").symlink_to("first")
        at.file.symlink_to("data/policy.toml")
        await at.looks()
        (tmp_path / "turned").symlink_to("second")
        (tmp_path / "turned").rename(tmp_path / "data")
        await at.looks()
        (tmp_path / "aside").write_text(OLD)
        (tmp_path / "aside").rename(at.file)
        await at.looks()

    assert [NEW, OLD] == followed(tmp_path, scenario).put


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BROKEN.encode(), "can't be used: [rules."),
        (b"[policy", "can't be used: not TOML"),
        (b"", "can't be used: "),
        (b"\xff\xfe", "is not UTF-8 text (octet 0)"),
        (b"#" * (OCTETS_MAX + 1), "is longer than 500,000 octets"),
        (None, "can't be read: No such file or directory"),
    ],
)
def test_a_broken_file_is_refused_once_and_taken_when_it_is_mended(
    tmp_path: Path, content: bytes | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The sentence names the file, the fault, the policy that stays, and what to do."""

    async def scenario(at: Followed) -> None:
        at.file.unlink()
        if content is not None:
            at.file.write_bytes(content)
        await at.looks(4)
        assert (1, []) == (len(at.told), at.put)
        at.file.write_text(NEW)
        await at.looks(3)

    at = followed(tmp_path, scenario)
    assert [NEW] == at.put
    refused, mended = at.told
    assert refused.startswith(f"The policy file {at.file} {said}")
    assert refused.endswith(f"stays in force; mend the file, `sidestep policy check {at.file}` tells every fault.")
    assert "" == mended
    assert [refused] == [record.message for record in caplog.records if record.levelname == "ERROR"]


def test_the_old_text_again_is_no_change(tmp_path: Path) -> None:
    """A broken file that becomes what is in force is mended, and nothing is written."""

    async def scenario(at: Followed) -> None:
        at.file.write_text(BROKEN)
        await at.looks()
        at.file.write_text(OLD)
        await at.looks()

    at = followed(tmp_path, scenario)
    assert ([], 2, "") == (at.put, len(at.told), at.told[-1])
    assert "(and 1 more)" in at.told[0]


def test_what_kafka_did_not_take_is_written_later(tmp_path: Path) -> None:
    """Also where the file is by then what it was before: some partitions may have got the other text."""

    async def scenario(at: Followed) -> None:
        at.kafka_is_away = True
        at.file.write_text(NEW)
        await at.looks(1)
        for _ in range(2):
            with pytest.raises(PublishFailed):
                await at.looks(1)
        at.file.write_text(OLD)
        await at.looks(1)
        at.kafka_is_away = False
        await at.looks(2)

    assert [OLD] == followed(tmp_path, scenario).put
