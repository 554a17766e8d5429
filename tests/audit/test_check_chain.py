"""A head that was laid by holds as long as nothing before it was changed; a statement of heads is believed where a
known key has signed it, and nothing in it was changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.audit.chain_statement import ChainHeads, HeadOf, believed, stated
from sidestep.streams.audit.check_chain import CheckedHead, check_head
from sidestep.streams.chain import parse_link
from sidestep.streams.errors import ChainRefused
from sidestep.topics.verdict_keys import PublicKeys, read_verdict_keys
from tests.audit.test_walk_chain import APPROVED, EVIDENCE, REJECTED, changed, dropped, judged
from tests.audit.world_log import Copy
from tests.topics.proved import KEY_ID, SIGN, keys_file, signer

SAID = ChainHeads("cluster-1", "2027-01-15T08:00:00Z", (HeadOf(0, 24, "ab" * 32), HeadOf(1, 7, "cd" * 32)))


def checked(copy: Copy, offset: int, head: str) -> CheckedHead:
    """What becomes of a head."""
    chained = copy.log(chained=True).chained
    assert chained is not None
    return check_head(chained, offset, head)


def heads(copy: Copy) -> list[tuple[int, str]]:
    """Of all links."""
    links = [parse_link(kept.link) for topic in (APPROVED, REJECTED) for kept in copy.topics[topic] if kept.link]
    return sorted((link.to, link.head.hex()) for link in links)


def test_heads_hold_while_nothing_is_changed() -> None:
    """Each, also when more has come, and where nothing but the newest was kept."""
    copy = judged(5)
    assert {"holds"} == {checked(copy, *each).outcome for each in heads(copy)}
    late = copy.forget(EVIDENCE, 15)
    outcomes = [checked(late, *each).outcome for each in heads(copy)]
    assert ["not-kept", "holds"] == sorted(set(outcomes), reverse=True)
    assert sorted(outcomes, reverse=True) == outcomes
    assert "from record 15 of the log on" in checked(late, *heads(copy)[-1]).text
    nothing = copy.forget(APPROVED, 1000).forget(REJECTED, 1000)
    assert "not-kept" == checked(nothing, *heads(copy)[0]).outcome


@pytest.mark.parametrize("how", [changed, dropped])
@pytest.mark.parametrize("topic", [EVIDENCE, APPROVED, REJECTED])
def test_a_head_is_broken_where_something_before_it_was_changed(topic: str, how: Any) -> None:
    """What is behind it does not matter."""
    copy = judged(5)
    index = len(copy.topics[topic]) // 2
    at = index if topic == EVIDENCE else json.loads(copy.topics[topic][index].value or b"")["evidence"]["offset"]
    spoilt = copy.spoil(topic, lambda kept: [*kept[:index], *how(kept[index]), *kept[index + 1 :]])
    for to, head in heads(copy):
        assert ("broken" if to >= at else "holds") == checked(spoilt, to, head).outcome, to
    last = checked(spoilt, *heads(copy)[-1])
    assert last.place.startswith(topic) or "is gone, and the verdict that had it" in last.text


def test_a_chain_that_was_made_anew_is_broken() -> None:
    """All its links fit, and the head is another; or it ends before."""
    copy, other = judged(5), judged(7)
    for to, head in heads(other):
        assert "broken" == checked(copy, to, head).outcome
    assert "broken" == checked(copy, 1000, heads(copy)[-1][1]).outcome


@pytest.fixture
def keys(tmp_path: Path) -> PublicKeys:
    """Public halves of the one key."""
    return read_verdict_keys(keys_file(tmp_path / "keys.toml", signer(tmp_path)))


def test_a_signed_statement_is_believed(keys: PublicKeys) -> None:
    """It comes back as it was."""
    assert SAID == believed(stated(SAID, KEY_ID.decode(), SIGN), keys)


def test_what_was_changed_in_a_statement_is_refused(keys: PublicKeys) -> None:
    """Any of its fields; another key's; and what is none."""
    octets = stated(SAID, KEY_ID.decode(), SIGN)
    for old, new in ((b"cluster-1", b"cluster-2"), (b"08:00", b"08:01"), (b": 24", b": 25"), (b"abab", b"abac")):
        assert old in octets
        with pytest.raises(ChainRefused, match="the signature is wrong"):
            believed(octets.replace(old, new), keys)
    with pytest.raises(ChainRefused, match="not in the file of --verdict-keys"):
        believed(stated(SAID, "other", SIGN), keys)
    for nonsense in (b"", b"{}", b"\xff", octets[:-9]):
        with pytest.raises(ChainRefused, match="no statement"):
            believed(nonsense, keys)
