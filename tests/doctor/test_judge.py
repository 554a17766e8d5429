"""What follows from what a check has seen: when it is a fault, and that each says how to mend it."""

from collections.abc import Mapping

import pytest

from sidestep.streams.doctor import judge
from sidestep.streams.doctor.judge import DAY, GIB, SeenCertificate
from sidestep.streams.doctor.row import CheckRow, CheckStatus, worst
from sidestep.streams.rights.granted import RightsFinding
from sidestep.streams.screen.dns.trust import Said, Trust
from sidestep.streams.screen.key_note import KeyNote
from sidestep.topics.needs import Shortfall

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("days", "status", "said"),
    [
        (400, "ok", "400 days left"),
        (30, "ok", "30 days left"),
        (29.9, "warning", "29 days left"),
        (7, "warning", "7 days left"),
        (6.9, "fault", "6 days left"),
        (0, "fault", "expired 0.0 s ago"),
        (-3, "fault", "expired 3 days ago"),
    ],
)
def test_a_certificate_is_renewed_in_time(days: float, status: CheckStatus, said: str) -> None:
    """30 days are a warning, 7 a fault."""
    row = judge.certificate(SeenCertificate("ours", NOW - DAY, NOW + days * DAY), NOW)
    assert (status, f"ours: {said}") == (row.status, row.what)
    assert (status == "ok") == (row.mend == "")


def test_a_certificate_that_is_not_valid_yet() -> None:
    """Mostly somebody's clock."""
    row = judge.certificate(SeenCertificate("ours", NOW + 3600, NOW + DAY), NOW)
    assert ("fault", "ours: not valid for another 60 min") == (row.status, row.what)


@pytest.mark.parametrize(
    ("written", "status", "said"),
    [
        (NOW - 1, "ok", "less than 5 s"),
        (NOW + 0.5, "ok", "less than 5 s"),
        (NOW + 1.5, "warning", "1.5 s or more behind"),
        (NOW + 45, "fault", "45 s or more behind"),
        (NOW - 600, "unknown", "10 min ago: nobody works, or the clock is fast by that"),
        (None, "unknown", "nothing of its own"),
    ],
)
def test_a_clock_that_is_behind_is_seen_and_one_that_is_fast_is_not_guessed(
    written: float | None, status: CheckStatus, said: str
) -> None:
    """What Kafka wrote in our future it wrote by another clock; what is old may only be old."""
    row = judge.clock(written, NOW)
    assert status == row.status and said in row.what and (status == "ok" or row.mend)


@pytest.mark.parametrize(
    ("free", "inodes", "writable", "status"),
    [
        (50 * GIB, 10**6, True, "ok"),
        (50 * GIB, None, True, "ok"),
        (4 * GIB, 10**6, True, "warning"),
        (GIB - 1, 10**6, True, "fault"),
        (50 * GIB, 5, True, "fault"),
        (50 * GIB, 10**6, False, "fault"),
    ],
)
def test_a_disk_has_room_for_files_of_this_user(
    free: int, inodes: int | None, writable: bool, status: CheckStatus
) -> None:
    """Octets, numbers of files, and the right to write."""
    row = judge.disk("/data", free, inodes, writable)
    assert status == row.status and row.what.startswith("/data")


@pytest.mark.parametrize(
    ("free", "kept", "status"),
    [
        (GIB, [], "ok"),
        (30 * GIB, [(1, GIB)], "ok"),
        (25 * GIB, [(1, GIB)], "warning"),
        (30 * GIB, [(1, GIB), (1, GIB)], "warning"),
        (4 * GIB, [(24, GIB), (30, GIB)], "ok"),
        (2 * GIB, [(24, GIB)], "warning"),
    ],
)
def test_snapshots_have_room_for_as_many_as_will_be_kept(
    free: int, kept: list[tuple[int, int]], status: CheckStatus
) -> None:
    """As many of each ledger as the rule says, of the size of the newest; and what one is written with."""
    row = judge.snapshot_room("/snapshots", free, [judge.KeptLedger(*each) for each in kept], 24)
    assert status == row.status and row.what.startswith("/snapshots")


def test_a_folder_that_others_may_enter() -> None:
    """Matters by what they could read there; closed at the top nothing below it can be reached."""
    found = [judge.open_files("/data", mode, names) for mode, names in (
        (0o40700, ["/data/x"]), (0o40750, []), (0o40755, ["/data/x"]), (0o40755, ["/data/x", "/data/y", "/data/z"])
    )]  # fmt: skip
    assert ["ok", "warning", "fault", "fault"] == [row.status for row in found]
    assert "chmod -R go= /data" == found[3].mend and "/data/x and 2 more" in found[3].what


def _shortfall(weight: str, what: str) -> Shortfall:
    return Shortfall(weight, "email-intents", what, "1", "3", "Records are lost.", "Set it.")  # type: ignore[arg-type]


def test_topics_that_differ_and_settings_that_do_not_do() -> None:
    """A row for each of the first faults, one for the rest; advice is a warning, all in one row."""
    sound = list(judge.topics([], [], 13))
    assert [("ok", "13 topics are as the catalog says, and safe enough")] == [(row.status, row.what) for row in sound]
    advised = list(judge.topics([], [_shortfall("advice", "replicas"), _shortfall("advice", "disk")], 13))
    assert ["warning", "ok"] == [row.status for row in advised] and "and 1 more" in advised[0].what
    missing = [f"email-{number} does not exist" for number in range(5)]
    broken = list(judge.topics(missing, [_shortfall("fault", "min.insync.replicas")], 8))
    assert ["fault"] * 5 == [row.status for row in broken]
    assert broken[3].what.startswith("2 more like these") and broken[4].mend == "Set it."


def test_rights_that_are_missing_or_too_much() -> None:
    """As with topics: faults one by one, advice in one row."""
    fault = RightsFinding("fault", "User:shop", "WRITE on topic email-evidence is too much", "Harm.", "Take it away.")
    advice = RightsFinding("advice", "brokers", "can't be read", "Not known.", "Connect as the operator.")
    assert ["ok"] == [row.status for row in judge.acls([])]
    assert ["warning", "ok"] == [row.status for row in judge.acls([advice, advice])]
    (row, _) = judge.acls([fault, advice])
    assert ("fault", "Take it away.") == (row.status, row.mend) and "User:shop" in row.what


@pytest.mark.parametrize(
    ("said", "trust", "status", "what"),
    [
        ({"a.example": "exists", "b.example": "exists"}, Trust(), "ok", "all 2 canaries"),
        ({"a.example": "exists", "b.example": "silent"}, Trust(), "warning", "b.example"),
        ({"a.example": "silent", "b.example": "silent"}, Trust(), "fault", "no name server answers"),
        ({"a.example": "denied"}, Trust(denied=("a.example",)), "fault", "deny"),
        ({"a.example": "exists"}, Trust(invented=("192.0.2.1",)), "fault", "192.0.2.1"),
        ({}, Trust(), "unknown", "SIDESTEP_DNS_CANARIES"),
    ],
)
def test_name_servers_that_lie_or_are_silent(
    said: Mapping[str, Said], trust: Trust, status: CheckStatus, what: str
) -> None:
    """As a worker would judge them."""
    row = judge.names(said, trust)
    assert status == row.status and what in row.what


def test_histories_that_do_not_follow_are_told() -> None:
    """With the domains between which they don't."""
    assert "ok" == judge.layout([]).status
    row = judge.layout(["googlemail.com", "me.com"])
    assert ("warning", True) == (row.status, "googlemail.com, me.com" in row.what)


def test_the_hash_key_is_the_clusters() -> None:
    """By its fingerprint; a worker with another one would not start."""
    assert ["ok", "fault", "warning"] == [judge.hash_key("f", ours).status for ours in ("f", "g", None)]
    assert "comes into force" in judge.hash_key("f", "g", "f").what


@pytest.mark.parametrize(
    ("days", "former", "left", "status", "said"),
    [
        (
            1,
            "old",
            0,
            "ok",
            "two are set since 2026-01-01; no suppression and no trap rests on it",
        ),
        (1, "old", 3, "ok", "3 suppressions and traps of addresses rest on it"),
        (1, "", 3, "warning", "is not here: 3 suppressions"),
        (1, "stranger", 0, "warning", "is not here"),
        (900, "old", 3, "warning", "no history rests on it any more, but 3 suppressions"),
        (900, "old", 0, "ok", "nothing rests on it any more"),
        (900, "", 0, "ok", "nothing rests on it any more"),
    ],
)
def test_when_a_secret_that_was_replaced_may_go(days: int, former: str, left: int, status: str, said: str) -> None:
    """By what can be counted, and by the date on which the last history has ended."""
    began = 1_767_225_600
    row = judge.rotation(KeyNote("new", 0, began * 1000, "old", 0), former, left, began + days * DAY)
    assert status == row.status
    assert said in row.what
    if days == 1:
        assert "2028-02-13" in row.what, "24 months and 43 days later"
    assert ("Remove" in row.mend) == (days == 900 and not left and bool(former))


def test_misspelt_variables() -> None:
    """Each one that nobody reads."""
    rows = list(judge.misspelt(["SIDESTEP_BROKERS", "SIDESTEP_BROKER"], {"SIDESTEP_BROKER"}))
    assert ["SIDESTEP_BROKERS is no setting, and nobody reads it"] == [row.what for row in rows]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [("", "ok"), ("ok", "ok"), ("ok unknown", "unknown"), ("unknown warning", "warning"), ("warning fault", "fault")],
)
def test_the_worst_counts(statuses: str, expected: CheckStatus) -> None:
    """For the exit code, and for programs."""
    assert expected == worst([CheckRow("x", status, "") for status in statuses.split()])  # type: ignore[arg-type]
