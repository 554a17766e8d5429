"""The rights of each principal, as the catalog and the clients of each role need them."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.topics.acls import CLUSTER, OUTSIDE, Right, is_principal, principals, rights, rights_of, service_principal
from sidestep.topics.catalog import BY_NAME, CATALOG
from sidestep.topics.quotas import KEYS, quota_of

SERVICES = ("shop", "billing")
CHANGELOGS = {"email-ledger-changelog", "email-ids-changelog", "email-watch-changelog", "email-release-changelog"}
LOOKS = {f"DESCRIBE_CONFIGS topic {name}" for name in BY_NAME}
ANYBODY = "DESCRIBE group sidestep-reader-*"

EXPECTED = {
    "service-shop": {
        "WRITE topic email-intents", "WRITE topic email-bounces", "WRITE topic email-engagement",
        "READ topic email-rejected", "READ topic email-anomalies",
        "READ group service-shop", "READ group service-shop/*", ANYBODY, "DESCRIBE group sidestep-anomalies-unused",
    },
    "screen": LOOKS | {
        "READ topic email-intents", "READ topic email-bounces", "READ topic email-engagement",
        "WRITE topic email-evidence", "READ topic email-control", "WRITE topic email-control",
        "WRITE topic email-dead-letters",
        "DESCRIBE topic email-approved", "DESCRIBE topic email-rejected", "DESCRIBE topic email-tallies",
        "DESCRIBE topic email-anomalies", *(f"DESCRIBE topic {name}" for name in CHANGELOGS),
        "READ group sidestep-screen", "DESCRIBE group sidestep-screen-reader-unused",
        "DESCRIBE group sidestep-control-unused",
    },
    "decide": LOOKS | {
        "READ topic email-evidence", "READ topic email-control", "DESCRIBE group sidestep-control-unused",
        *(f"{what} topic email-{name}" for what in ("READ", "WRITE") for name in
          ("approved", "rejected", "tallies", "dead-letters", "ledger-changelog", "ids-changelog")),
        *(f"DESCRIBE topic email-{name}" for name in
          ("intents", "bounces", "engagement", "anomalies", "watch-changelog", "release-changelog")),
        "READ group sidestep-decide", "DESCRIBE group sidestep-decide-reader-unused",
        "DESCRIBE group recover-email-ledger-changelog-unused", "DESCRIBE group recover-email-ids-changelog-unused",
        "WRITE transactional-id sidestep-decide-*", *(f"WRITE transactional-id sidestep-{n}*" for n in range(10)),
    },
    "watch": LOOKS | {
        *(f"{what} topic email-{name}" for what in ("READ", "WRITE") for name in
          ("tallies", "anomalies", "evidence", "control", "dead-letters", "watch-changelog")),
        *(f"DESCRIBE topic email-{name}" for name in
          ("intents", "bounces", "engagement", "approved", "rejected", "ledger-changelog", "ids-changelog",
           "release-changelog")),
        "READ group sidestep-watch", "DESCRIBE group sidestep-watch-reader-unused",
        "DESCRIBE group recover-email-watch-changelog-unused", "DESCRIBE group sidestep-control-unused",
        "WRITE transactional-id sidestep-watch-*", "WRITE transactional-id sidestep-hold",
    },
    "release": LOOKS | {
        "READ topic email-rejected", "READ topic email-control",
        *(f"{what} topic email-{name}" for what in ("READ", "WRITE") for name in ("intents", "release-changelog")),
        *(f"DESCRIBE topic email-{name}" for name in
          ("bounces", "engagement", "evidence", "approved", "tallies", "anomalies", "dead-letters",
           "ledger-changelog", "ids-changelog", "watch-changelog")),
        "READ group sidestep-release", "DESCRIBE group sidestep-release-reader-unused",
        "DESCRIBE group recover-email-release-changelog-unused", "DESCRIBE group sidestep-control-unused",
        "WRITE transactional-id sidestep-release-*",
    },
    "operator": LOOKS | {
        "READ topic email-evidence", "WRITE topic email-evidence", "READ topic email-control",
        "WRITE topic email-control", "READ topic email-anomalies", "READ topic email-dead-letters",
        "READ topic email-ledger-changelog", "DESCRIBE group recover-email-ledger-changelog-unused",
        *(f"{what} topic email-{name}" for what in ("READ", "WRITE") for name in ("intents", "bounces", "engagement")),
        *(f"READ topic email-{name}" for name in ("approved", "rejected", "tallies", "watch-changelog")),
        "DESCRIBE topic email-ids-changelog", "DESCRIBE topic email-release-changelog",
        *(f"{what} topic __{name}" for what in ("DESCRIBE", "DESCRIBE_CONFIGS") for name in
          ("consumer_offsets", "transaction_state")),
        "READ group operator", "READ group operator/*", ANYBODY, "DESCRIBE group sidestep-control-unused",
        "DESCRIBE group sidestep-anomalies-unused", "WRITE transactional-id sidestep-hold",
        "WRITE transactional-id sidestep-redrive",
        "DESCRIBE cluster", "DESCRIBE_CONFIGS cluster",
    },
    "mailer": {
        "READ topic email-approved", "WRITE topic email-bounces", "WRITE topic email-engagement",
        "READ group mailer", "READ group mailer/*", ANYBODY,
    },
    "receiver": {"WRITE topic email-bounces", "WRITE topic email-engagement"},
    "dashboard": {
        *(f"READ topic email-{name}" for name in ("approved", "rejected", "tallies", "anomalies")),
        "READ group dashboard", "READ group dashboard/*", ANYBODY, "DESCRIBE group sidestep-anomalies-unused",
    },
    "auditor": {
        *(f"READ topic email-{name}" for name in
          ("evidence", "approved", "rejected", "tallies", "anomalies", "ledger-changelog", "ids-changelog",
           "watch-changelog")),
        "READ group auditor", "READ group auditor/*", ANYBODY, "DESCRIBE group sidestep-anomalies-unused",
    },
    "kafka-browser": LOOKS | {
        *(f"READ topic email-{name}" for name in
          ("evidence", "approved", "rejected", "tallies", "anomalies", "control", "dead-letters")),
        *(f"DESCRIBE topic email-{name}" for name in
          ("intents", "bounces", "engagement", "ledger-changelog", "ids-changelog", "watch-changelog",
           "release-changelog")),
        "READ group kafka-browser", "READ group kafka-browser/*", ANYBODY, "DESCRIBE group sidestep-*",
        "DESCRIBE group sidestep-control-unused", "DESCRIBE group sidestep-anomalies-unused",
        "DESCRIBE cluster", "DESCRIBE_CONFIGS cluster",
    },
}  # fmt: skip
"""All that each may do."""


def said(right: Right) -> str:
    """As above."""
    if right.resource == "cluster":
        assert right.name == CLUSTER
        return f"{right.operation} cluster"
    return f"{right.operation} {right.resource} {pattern(right)}"


def pattern(right: Right) -> str:
    """Names that it is for; * for anything."""
    return right.name + ("*" if right.pattern == "prefixed" else "")


def who_may(operation: str, resource: str, name: str, among: Iterable[Right]) -> set[str]:
    """Principals that may do this to the one of this name."""
    return {
        right.principal
        for right in among
        if (right.operation, right.resource) == (operation, resource) and fnmatchcase(name, pattern(right))
    }


ALL = rights(SERVICES)


@pytest.mark.parametrize("principal", EXPECTED)
def test_each_principal_has_these_rights_and_no_other(principal: str) -> None:
    """Read as a table: what is in it was seen to be needed, and the roles run with nothing else (tests/secure)."""
    found = [said(right) for right in rights_of(principal)]
    assert sorted(EXPECTED[principal]) == sorted(found)


def test_all_principals_are_in_the_table() -> None:
    """One of each kind; the services differ in their name alone."""
    assert set(EXPECTED) | {"service-billing"} == set(principals(SERVICES)) == {right.principal for right in ALL}


@pytest.mark.parametrize("topic", ["email-evidence", "email-control"])
def test_only_screen_watch_and_operators_write_the_log(topic: str) -> None:
    """docs/decisions/040: a hold that anybody could write is a switch for everybody's mail."""
    assert {"screen", "watch", "operator"} == who_may("WRITE", "topic", topic, ALL)


@pytest.mark.parametrize("topic", ["email-approved", "email-rejected", "email-ledger-changelog", "email-ids-changelog"])
def test_only_decide_writes_verdicts_and_its_changelogs(topic: str) -> None:
    """Who writes an approval makes a mailer send; who writes a changelog rewrites history."""
    assert {"decide"} == who_may("WRITE", "topic", topic, ALL)


def test_only_those_whose_ledger_it_is_read_a_changelog() -> None:
    """The rows name who was written to, by hash. An operator has the secret, looks one mailbox up, and forgets it; an
    auditor compares Decide's with the log, which has the addresses anyway, and Watch's with the tallies."""
    readers = {name: who_may("READ", "topic", name, ALL) for name in CHANGELOGS}
    others = {"email-ledger-changelog": {"decide", "operator", "auditor"}, "email-ids-changelog": {"decide", "auditor"}}
    others["email-watch-changelog"] = {"watch", "operator", "auditor"}
    others["email-release-changelog"] = {"release"}
    assert others == {name: who for name, who in readers.items() if who != {"decide"}}


@given(partition=st.integers(0, 10_000), group=st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9})?", fullmatch=True))
def test_a_transactional_id_belongs_to_its_writer(partition: int, group: str) -> None:
    """Whoever takes one fences the worker that has it. Those of earlier versions too: they are Decide's."""
    everybody = rights(SERVICES, group)
    of = {
        name: who_may("WRITE", "transactional-id", f"{group}-{name}", everybody)
        for name in (
            f"decide-{partition}",
            str(partition),
            f"watch-{partition}",
            f"release-{partition}",
            "hold",
            "redrive",
        )
    }
    stages = [{"decide"}, {"decide"}, {"watch"}, {"release"}]
    assert [*stages, {"operator", "watch"}, {"operator"}] == list(of.values())


def test_a_stages_group_is_its_own() -> None:
    """READ lets join it and reset its offsets."""
    for stage in ("screen", "decide", "watch", "release"):
        assert {stage} == who_may("READ", "group", f"sidestep-{stage}", ALL)


NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@given(st.sets(NAMES, min_size=2, max_size=6))
def test_no_service_may_use_the_groups_of_another(services: set[str]) -> None:
    """Not even where one name begins with another one: shop, shop-eu, shop.eu."""
    everybody = rights(services)
    for service in services:
        own = service_principal(service)
        assert {own} == who_may("READ", "group", own, everybody) == who_may("READ", "group", f"{own}/a-b", everybody)


def test_nobody_may_more_than_read_write_and_describe() -> None:
    """Topics, settings and rights are changed by the administrator; no right is for every topic or for everybody."""
    assert {"READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"} == {right.operation for right in ALL}
    assert {"literal"} == {right.pattern for right in ALL if right.resource == "topic"}
    assert not [right for right in ALL if "*" in right.name or "*" in right.principal]
    assert len(ALL) == len(set(ALL))


def test_the_catalog_names_nobody_who_has_no_principal() -> None:
    """A party that is misspelt there would silently have no rights."""
    parties = {party for topic in CATALOG for party in (*topic.producers, *topic.consumers)}
    assert {"screen", "decide", "watch", "release", *OUTSIDE.values(), "services"} == parties


@pytest.mark.parametrize("service", ["", "a b", "*", "a,CN=admin", "a/b", "-a", "é", "a" * 101])
def test_a_service_whose_name_cannot_be_one_of_kafkas_is_refused(service: str) -> None:
    """The name of a certificate ends at a comma, * is everybody, and / ends a service's own groups."""
    with pytest.raises(ValueError, match=r"principal's name: give this service one of letters"):
        rights([service])


@pytest.mark.parametrize("group", ["", "mailer/", "a b", "*"])
def test_a_group_that_would_mix_with_others_is_refused(group: str) -> None:
    """Else the stages' groups could be a mailer's."""
    with pytest.raises(ValueError, match="SIDESTEP_GROUP"):
        rights((), group)


def test_an_unknown_principal_is_refused_with_those_that_there_are() -> None:
    """A slip must not come to nothing in silence."""
    with pytest.raises(ValueError, match=r"'screeen' is no principal: screen, .*service-NAME are"):
        rights_of("screeen")
    assert [False, False, True] == [is_principal(name) for name in ("admin", "service-", "service-a")]


@pytest.mark.parametrize("principal", EXPECTED)
def test_each_principal_has_a_quota_or_is_a_stage(principal: str) -> None:
    """What services write bounds what stages write; a stage that is slowed down makes everybody late."""
    expected = () if principal in ("screen", "decide", "watch", "release") else KEYS
    assert expected == tuple(quota_of(principal))
    assert all(limit > 0 for limit in quota_of(principal).values())


def test_the_page_has_the_rights_on_topics() -> None:
    """docs/security.md shows who reads and who writes each topic."""
    page = (Path(__file__).parents[2] / "docs/security.md").read_text("utf-8")
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in page.splitlines() if "| " in line]
    [heading] = [row for row in rows if row[:2] == ["topic", "service-NAME"]]
    shown = {row[0]: dict(zip(heading[1:], row[1:], strict=True)) for row in rows if row[0] in BY_NAME}
    assert shown == {
        topic: {
            who: " ".join(
                word
                for word in ("read", "write")
                if f"{word.upper()} topic {topic}" in EXPECTED[who.replace("NAME", "shop")]
            )
            or "–"
            for who in heading[1:]
        }
        for topic in BY_NAME
    }
    assert set(EXPECTED) == {who.replace("NAME", "shop") for who in heading[1:]}
