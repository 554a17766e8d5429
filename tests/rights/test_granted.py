"""A cluster's ACLs beside what they should be: what is missing, what is too much, and who may do harm."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.rights.changes import changes, other_limits
from sidestep.streams.rights.granted import Granted, as_granted, findings, missing, overlap, surplus
from sidestep.streams.rights.no_acl import without_acls
from sidestep.streams.rights.registry import Registry
from sidestep.topics.needs import SeenCluster
from sidestep.topics.quotas import quota_of

KNOWN = Registry(services=("shop",))
WANTED = KNOWN.wanted()
RIGHT = [as_granted(user, right) for user, rights in WANTED.items() for right in rights]
ADMIN = KNOWN.administrator_users
EVIDENCE = ("topic", "literal", "email-evidence")


def acl(user: str, resource: str, pattern: str, name: str, operation: str, **more: Any) -> Granted:
    """One of a user's."""
    return Granted(f"User:{user}", resource, pattern, name, operation)._replace(**more)


def faults(*more: Granted, weight: str = "fault") -> list[tuple[str, str]]:
    """Who and what, beside all that is right."""
    return [(one.who, one.what) for one in findings(WANTED, [*RIGHT, *more], ADMIN) if one.weight == weight]


def test_what_is_right_has_no_findings() -> None:
    """Nor does a DESCRIBE that somebody has by his READ, or an ACL of his own for one host."""
    assert [] == findings(WANTED, RIGHT, ADMIN)
    assert [] == faults(acl("screen", "topic", "literal", "email-intents", "DESCRIBE"))
    assert [] == faults(acl("screen", "topic", "literal", "email-intents", "READ", host="10.0.0.1"))


@pytest.mark.parametrize("gone", [0, 7, len(RIGHT) - 1])
def test_what_is_missing_is_told(gone: int) -> None:
    """With who lacks it."""
    here = [*RIGHT[:gone], *RIGHT[gone + 1 :]]
    assert [RIGHT[gone]] == missing(WANTED, here)
    [found] = findings(WANTED, here, ADMIN)
    assert ("fault", RIGHT[gone].user, "sidestep acls apply") == (found.weight, found.who, found.do)


def test_an_acl_for_one_host_does_not_count() -> None:
    """A worker may run elsewhere tomorrow."""
    assert [RIGHT[0]] == missing(WANTED, [RIGHT[0]._replace(host="10.0.0.1"), *RIGHT[1:]])


def test_what_is_denied_is_missing() -> None:
    """Kafka asks what denies first."""
    denied = acl("decide", "topic", "prefixed", "email-", "WRITE", allow=False)
    assert 6 == len(missing(WANTED, [*RIGHT, denied]))
    assert ("User:decide", "WRITE on topic email-approved is denied") in faults(denied)
    assert [] == surplus(WANTED, [*RIGHT, denied])


TOO_MUCH = [
    acl("mailer", "topic", "literal", "email-approved", "WRITE"),
    acl("service-shop", *EVIDENCE, "READ"),
    acl("dashboard", "topic", "literal", "email-approved", "ALL"),
    acl("auditor", "topic", "prefixed", "email-", "READ"),
    acl("decide", *EVIDENCE, "WRITE"),
    acl("decide", "transactional-id", "prefixed", "sidestep-", "WRITE"),
    acl("screen", "topic", "literal", "*", "READ"),
    acl("operator", "cluster", "literal", "kafka-cluster", "ALTER"),
    acl("watch", "group", "literal", "sidestep-decide", "READ"),
]


@pytest.mark.parametrize("more", TOO_MUCH, ids=str)
def test_what_ours_may_beyond_their_rights_is_too_much(more: Granted) -> None:
    """ALL rights, wider names and other operations among it; --prune takes exactly this away."""
    assert [more] == surplus(WANTED, [*RIGHT, more])
    assert [(more.user, "too much")] == [(who, what[-8:]) for who, what in faults(more)]
    assert (more,) == changes(WANTED, [*RIGHT, more], {}).surplus


HARM = [
    acl("connect", *EVIDENCE, "WRITE"),
    acl("connect", "topic", "literal", "email-control", "WRITE"),
    acl("connect", "topic", "literal", "email-approved", "ALL"),
    acl("connect", "topic", "prefixed", "email-ledger", "DELETE"),
    acl("connect", "topic", "literal", "*", "WRITE"),
    acl("connect", "topic", "literal", "email-intents", "ALTER"),
    acl("connect", "transactional-id", "literal", "*", "WRITE"),
    acl("connect", "transactional-id", "literal", "sidestep-decide-3", "WRITE"),
    acl("connect", "transactional-id", "literal", "sidestep-2", "ALL"),
    acl("connect", "transactional-id", "prefixed", "side", "WRITE"),
    acl("connect", "group", "literal", "sidestep-decide", "READ"),
    acl("connect", "group", "prefixed", "sidestep", "DELETE"),
    acl("connect", "cluster", "literal", "kafka-cluster", "ALTER"),
    acl("connect", "cluster", "literal", "kafka-cluster", "ALL"),
    acl("*", "topic", "literal", "email-intents", "READ"),
    acl("*", "topic", "literal", "*", "ALL"),
]


@pytest.mark.parametrize("more", HARM, ids=str)
def test_strangers_who_may_do_harm_are_told(more: Granted) -> None:
    """Whoever writes what is believed, takes a worker's id or group, gives rights; and everybody."""
    assert [more.user] == [who for who, _ in faults(more)]
    assert [] == faults(more, weight="advice")


@pytest.mark.parametrize(
    "more",
    [
        acl("connect", "topic", "literal", "orders", "ALL"),
        acl("connect", "transactional-id", "prefixed", "connect-", "ALL"),
        acl("connect", "group", "prefixed", "connect", "ALL"),
        acl("connect", "group", "literal", "mailer", "READ"),
        acl("connect", "cluster", "literal", "kafka-cluster", "DESCRIBE"),
        acl("admin", "topic", "literal", "*", "ALL"),
        acl("connect", *EVIDENCE, "WRITE", allow=False),
    ],
    ids=str,
)
def test_strangers_with_topics_of_their_own_are_none_of_our_business(more: Granted) -> None:
    """Others share the cluster; an administrator may do everything."""
    assert [] == findings(WANTED, [*RIGHT, more], ADMIN)


@pytest.mark.parametrize("operation", ["READ", "WRITE"])
def test_strangers_who_use_the_topics_of_services_are_worth_a_look(operation: str) -> None:
    """Perhaps a service that was not named: no fault."""
    more = acl("connect", "topic", "literal", "email-intents", operation)
    assert [("User:connect", f"{operation} on topic email-intents is allowed")] == faults(more, weight="advice")
    assert [] == faults(more)


def test_rights_that_hang_on_everybodys_are_given_before_those_are_taken_away() -> None:
    """An ACL for User:* is found to do harm; when it goes, the workers must go on."""
    wide = acl("*", "topic", "literal", "*", "ALL")
    without = [each for each in RIGHT if each.resource != "topic"]
    assert [] == missing(WANTED, [*without, wide])
    assert {each for each in RIGHT if each.resource == "topic"} == set(changes(WANTED, [*without, wide], {}).new)


NAMES = st.sampled_from(["*", "a", "ab", "abc", "b"])
ACLS = st.builds(
    lambda pattern, name: acl("x", "topic", pattern, name, "READ"), st.sampled_from(["literal", "prefixed"]), NAMES
)


@given(ACLS, ACLS)
def test_two_patterns_overlap_where_a_name_fits_both(one: Granted, other: Granted) -> None:
    """Compared with all names that there can be: * is every name as a literal, and no prefix of ours."""

    def fits(pattern: Granted, name: str) -> bool:
        return name.startswith(pattern.name) if pattern.pattern == "prefixed" else pattern.name in ("*", name)

    both = any(fits(one, name) and fits(other, name) for name in ("a", "ab", "abc", "abcd", "b", "bc", "c"))
    assert both == overlap(one, other) or ("prefixed", "*") in ((it.pattern, it.name) for it in (one, other))


def test_super_users_and_brokers_that_allow_everybody_are_told() -> None:
    """No ACL shows them. Amazon MSK allows everybody unless told otherwise."""
    config = {"allow.everyone.if.no.acl.found": "true", "super.users": "User:admin;User:decide"}
    found = list(without_acls(SeenCluster({1: config, 2: {}}, {}), WANTED))
    assert [("fault", "broker 1"), ("fault", "User:decide")] == [(one.weight, one.who) for one in found]
    assert ["advice"] == [one.weight for one in without_acls(SeenCluster({}, {}), WANTED)]


def test_quotas_that_differ_are_set_and_no_others() -> None:
    """By Kafka's names of users; what is more, such as a quota of somebody else, stays."""
    known = Registry(services=("shop",), user="CN={}")
    right = {f"CN={name}": quota_of(name) for name in known.principals() if quota_of(name)}
    assert {} == other_limits(known, {**right, "connect": {"producer_byte_rate": 1.0}})
    wrong = {**right, "CN=mailer": {**quota_of("mailer"), "request_percentage": 1.0}}
    assert {"CN=mailer": {"request_percentage": 50}} == other_limits(known, wrong)


@pytest.mark.parametrize("pattern", [("literal", "email-intents.shop"), ("prefixed", "email-intents")])
def test_who_writes_a_services_own_topic_speaks_in_its_name(pattern: tuple[str, str]) -> None:
    """A stranger, and another service of ours, by whatever ACL."""
    known = Registry(services=("shop", "billing"), topics=("email-intents.shop",))
    wanted = known.wanted()
    right = [as_granted(user, each) for user, rights in wanted.items() for each in rights]
    strange, ours = (acl(user, "topic", *pattern, "WRITE") for user in ("mallory", "service-billing"))
    found = findings(wanted, [*right, strange, ours], ADMIN)
    assert [("fault", "User:mallory"), ("fault", "User:service-billing")] == sorted(
        (each.weight, each.who) for each in found
    )
    assert ["A service has this topic to itself"] == [each.means[:34] for each in found if each.who == "User:mallory"]
