"""Who may say what: every way in which a signature is refused, each with a reason of its own."""

from collections.abc import Sequence
from typing import Any

import pytest

from sidestep.schemas.codec import ContractError
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.screen.signers import AHEAD, REASONS, Demand, Signers
from sidestep.streams.screen.speakers import SignerKey, TopicSpeaker
from sidestep.topics.catalog import BOUNCES, INTENTS
from sidestep.topics.signing import (
    HEADER,
    HMAC_SHA_256,
    HmacSeal,
    header_text,
    signed_prefix,
    signed_rest,
)
from tests.bench.signing import measure
from tests.kafka_records import delivered

NOW, WINDOW = 1_800_000_000.0, 604_800.0
SHOP, BILLING = b"of the shop, in 32 octets or more", b"of billing, in 32 octets or more!"
VALUE = b'{"id":"x","to":"a@d0.example","service":"shop"}'


def key(key_id: str, secret: bytes, *services: str, **fields: Any) -> SignerKey:
    """An HMAC key of these services."""
    return SignerKey(key_id, HMAC_SHA_256, secret, frozenset(services), **fields)


KEYS = [key("shop-1", SHOP, "shop", "shop-2"), key("billing-1", BILLING, "billing")]


def header(
    key_id: bytes = b"shop-1", secret: bytes = SHOP, at: float = NOW, value: bytes = VALUE, topic: str = INTENTS.name
) -> tuple[str, bytes]:
    """A signature as the holder of a secret makes it."""
    time = b"%d" % (at * 1000)
    mac = HmacSeal(secret, signed_prefix(topic, key_id)).seal(signed_rest(time, (), value))
    return HEADER, header_text(key_id, time, mac)


def said(
    signers: Signers,
    headers: Sequence[tuple[str, bytes | None]],
    service: str = "shop",
    stream: str | None = "",
    value: bytes | None = VALUE,
    topic: str = INTENTS.name,
) -> str:
    """The key that proves a record, or the code that refuses it with a colon before it."""
    check = signers.of_topic(topic)
    record = delivered(0, value, tp=Partition(topic, 0), headers=headers)
    try:
        return check.prove(check.look(record, NOW), service, stream)
    except ContractError as error:
        assert error.code in REASONS
        return f":{error.code}"


def test_the_signers_own_service_is_proved() -> None:
    """By the key that signed; also by a second key, as long as one follows upon the other."""
    signers = Signers([*KEYS, key("shop-2", BILLING, "shop")])
    assert said(signers, [header()]) == "shop-1"
    assert said(signers, [("traceparent", b"x"), header()], service="shop-2") == "shop-1"
    assert said(signers, [header(b"shop-2", BILLING)]) == "shop-2"


REFUSED: dict[str, tuple[str, list[tuple[str, bytes | None]]]] = {
    "no signature": ("signature-missing", []),
    "two signatures": ("signature-unreadable", [header(), header()]),
    "an unknown version": ("signature-unreadable", [(HEADER, b"2" + header()[1][1:])]),
    "no octets": ("signature-unreadable", [(HEADER, None)]),
    "another key's secret": ("signature-wrong", [header(secret=BILLING)]),
    "another topic": ("signature-wrong", [header(topic=BOUNCES.name)]),
    "other octets": ("signature-wrong", [header(value=VALUE + b" ")]),
    "another key's id": ("signature-wrong", [(HEADER, header()[1].replace(b"shop-1", b"billing-1"))]),
    "another time": ("signature-wrong", [(HEADER, header()[1].replace(b"1800000000", b"1800000001"))]),
    "a header that was added": ("signature-wrong", [header(), ("content-type", b"text/plain")]),
    "a key that nobody has": ("signature-key-unknown", [header(b"shop-3")]),
    "sent again after a week": ("signature-expired", [header(at=NOW - WINDOW - 1)]),
    "from tomorrow": ("signature-ahead", [header(at=NOW + AHEAD + 1)]),
}


@pytest.mark.parametrize(("reason", "headers"), REFUSED.values(), ids=REFUSED)
def test_each_refusal_has_its_reason(reason: str, headers: list[tuple[str, bytes | None]]) -> None:
    """Nothing of it is read."""
    assert f":{reason}" == said(Signers(KEYS), headers)


def test_clocks_may_differ() -> None:
    """By five minutes ahead; behind, by as much as a record may wait in Kafka."""
    for at in (NOW + AHEAD, NOW - WINDOW):
        assert said(Signers(KEYS), [header(at=at)]) == "shop-1"


@pytest.mark.parametrize("now", [NOW, NOW + 0.0004, 999_999_999.5, 604_801.0, 5.0])
def test_the_edges_are_those_of_the_numbers(now: float) -> None:
    """To the millisecond, however many digits the time has and whatever was looked at before."""
    check, prefix = Signers(KEYS).of_topic(INTENTS.name), signed_prefix(INTENTS.name, b"shop-1")
    ways = (-1.001, -1, -0.001, 0, 0.001, 1, 1.001)
    edges = [edge + way for edge in (now - WINDOW, now, now + AHEAD) for way in ways]
    for at in (int(1000 * edge) for edge in edges if edge >= 0):
        for time in (b"%d" % at, b"0%d" % at):
            mac = HmacSeal(SHOP, prefix).seal(signed_rest(time, (), VALUE))
            record = delivered(0, VALUE, headers=[(HEADER, header_text(b"shop-1", time, mac))])
            if -AHEAD <= now - at / 1000 <= WINDOW:
                assert check.look(record, now).key == KEYS[0]
            else:
                with pytest.raises(ContractError, match="time to come" if at / 1000 > now else "too old"):
                    check.look(record, now)


def test_a_service_that_is_not_the_signers_is_refused() -> None:
    """However right the signature is. A key for any service is for that: a gateway's."""
    assert said(Signers(KEYS), [header()], service="billing") == ":service-not-the-signers"
    assert said(Signers(KEYS), [header()], service="") == ":service-not-the-signers"
    assert said(Signers([key("shop-1", SHOP, "*")]), [header()], service="billing") == "shop-1"


def test_feedback_may_name_no_service() -> None:
    """It is the signer's own then; another one's is refused all the same."""
    given = header(topic=BOUNCES.name)
    for service, expected in (("", "shop-1"), ("shop", "shop-1"), ("billing", ":service-not-the-signers")):
        assert expected == said(Signers(KEYS), [given], service, stream=None, topic=BOUNCES.name)


def test_a_key_may_be_for_streams_topics_and_a_time() -> None:
    """Beyond them it signs nothing."""
    signers = Signers([key("shop-1", SHOP, "shop", streams=frozenset({"transactional"}))])
    assert said(signers, [header()], stream="transactional") == "shop-1"
    assert said(signers, [header()], stream="marketing") == ":stream-not-the-signers"
    assert said(signers, [header()], stream="") == ":stream-not-the-signers"
    signers = Signers([key("shop-1", SHOP, "shop", topics=frozenset({BOUNCES.name}))])
    assert said(signers, [header()]) == ":topic-not-the-signers"
    assert said(Signers([key("shop-1", SHOP, "shop", until=NOW - 1)]), [header()]) == ":signature-expired"


def test_where_it_is_optional_what_is_signed_must_be_right() -> None:
    """Unsigned records are taken, and prove nothing."""
    signers = Signers(KEYS, {"shop": "optional"})
    assert said(signers, []) == ""
    assert said(signers, [], service="billing") == ":signature-missing"
    assert said(signers, [header()]) == "shop-1"
    assert said(signers, [header(secret=BILLING)]) == ":signature-wrong"
    assert said(signers, [header(b"billing-1", BILLING)]) == ":service-not-the-signers"


def test_where_it_is_off_nobody_looks() -> None:
    """At right ones as little as at wrong ones; of other services they count as ever."""
    signers = Signers(KEYS, {"shop": "off"})
    for headers in ([], [header()], [header(secret=BILLING)], [header(), header()]):
        assert said(signers, headers) == ""
        assert said(signers, headers, service="billing").startswith(":")
    assert said(signers, [header(b"billing-1", BILLING)], service="billing") == "billing-1"


def test_without_keys_nobody_is_let_in() -> None:
    """An empty file means that."""
    for headers in ([], [header()], [header(b"billing-1", BILLING)]):
        assert said(Signers(), headers) in (":signature-missing", ":signature-key-unknown")


def test_what_can_be_no_record_is_not_verified() -> None:
    """Size goes first; a record without a value says nothing."""
    assert said(Signers(KEYS), [header()], value=None) == ":signature-unreadable"
    long = bytes(4 * 1024 * 1024 + 1)
    assert said(Signers(KEYS), [header(value=long)], value=long) == ":signature-unreadable"


def test_no_key_shows_itself() -> None:
    """Neither in logs nor in errors."""
    assert "octets" not in repr(KEYS[0]) and "SignerKey" in repr(KEYS[0])


def test_headers_that_are_no_text_are_refused() -> None:
    """librdkafka's client gives up on their names; so nobody can tell whether there is a signature."""

    class Odd:
        """A record whose headers can't be read."""

        def headers(self) -> Any:
            """Raises as the client does."""
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text")

        def value(self) -> bytes:
            """A sound intent."""
            return VALUE

    odd: Any = Odd()
    check = Signers(KEYS, {"shop": "optional"}).of_topic(INTENTS.name)
    with pytest.raises(ContractError) as caught:
        check.look(odd, NOW)
    assert ("signature-unreadable", "") == (caught.value.code, check.claimed(odd))


def test_a_verification_costs_little_more_than_reading() -> None:
    """HMAC: some 2 µs where an intent is read in 1.7, says `python -m tests.bench.signing`."""
    cost = measure(times=3_000, rounds=9)
    assert cost["of that: verification"] < 2.2 * cost["reading an intent"], cost


def provable(signers: Signers, *services: str, topic: str = INTENTS.name) -> set[str]:
    """Those of them that somebody can prove in a topic."""
    check = signers.of_topic(topic)
    return {service for service in services if check.can_prove(service)}


def test_who_can_be_proved_is_told_from_who_can_not() -> None:
    """By a key for intents, though it be over, or a topic; of whom nobody looks at a signature nothing proves anything.
    For feedback every key and topic counts: it is taken for what it says of messages."""
    names = "shop", "billing", "crm", ""
    mailer = key("mailer-1", SHOP, "crm", topics=frozenset({BOUNCES.name}))
    over = key("shop-1", SHOP, "shop", until=NOW - 1)
    assert set() == provable(Signers(), *names)
    assert {"shop"} == provable(Signers([over, mailer]), *names)
    assert {"shop", "crm"} == provable(Signers([over, mailer]), *names, topic=BOUNCES.name)
    assert {"billing"} == provable(Signers(KEYS, {"shop": "off"}), *names)
    assert {"shop"} == provable(Signers(topics=OWNERS, default="off"), *names)
    for topic in (BOUNCES.name, OWN):
        assert {"shop"} == provable(Signers(topics=OWNERS), *names, topic=topic)
    gateway = key("gateway", SHOP, "*")
    assert {"shop", "billing"} == provable(Signers([gateway], {"crm": "off"}), *names)
    assert {"shop"} == provable(Signers([gateway], {"shop": "optional"}, default="off"), *names)


OWN = "email-intents.shop"
OWNERS = [TopicSpeaker(OWN, frozenset({"shop"}), frozenset({"transactional"}))]


@pytest.mark.parametrize("default", ["required", "optional", "off"])
@pytest.mark.parametrize(
    ("service", "stream", "expected"),
    [
        ("shop", "transactional", "topic:email-intents.shop"),
        ("billing", "transactional", ":service-not-the-signers"),
        ("shop", "newsletter", ":stream-not-the-signers"),
    ],
)
def test_a_topic_of_its_own_proves_a_service(default: Demand, service: str, stream: str, expected: str) -> None:
    """Whatever is asked of signatures: the topic is the connection, which Kafka has proved. Nobody else's is said."""
    signers = Signers(topics=OWNERS, default=default)
    assert expected == said(signers, [], service, stream, topic=OWN)


@pytest.mark.parametrize("default", ["required", "optional", "off"])
def test_a_topic_that_the_file_names_no_more_is_nobodys(default: Demand) -> None:
    """Taken out, or the whole file emptied: nothing that stands there is believed, signed or not."""
    signers = Signers(KEYS, default=default)
    for headers in ([], [header(topic=OWN)]):
        assert ":topic-nobodys" == said(signers, headers, topic=OWN)


def test_in_everybodys_topic_it_proves_nothing() -> None:
    """There the service has to sign, or is who it says where nobody has to."""
    assert ":signature-missing" == said(Signers(topics=OWNERS), [])
    assert "" == said(Signers(topics=OWNERS, default="optional"), [])


def test_who_signs_in_a_topic_of_its_own_must_do_it_right() -> None:
    """Both have to allow what is said: a gateway's key for everybody says nobody else there. The key is the proof."""
    gateway = key("gateway", BILLING, "*", topics=frozenset({INTENTS.name}))
    signers = Signers([*KEYS, gateway], topics=OWNERS)
    right = header(b"gateway", BILLING, topic=OWN)
    assert "gateway" == said(signers, [right], "shop", "transactional", topic=OWN)
    assert ":service-not-the-signers" == said(signers, [right], "billing", "transactional", topic=OWN)
    assert ":service-not-the-signers" == said(
        signers, [header(b"billing-1", BILLING, topic=OWN)], "shop", "transactional", topic=OWN
    )
    assert ":signature-wrong" == said(signers, [header()], "shop", "transactional", topic=OWN)


def test_feedback_without_a_service_is_the_topics_own() -> None:
    """As it is the signer's."""
    bounces = TopicSpeaker("email-bounces.shop", frozenset({"shop"}))
    signers = Signers(topics=[bounces])
    assert "topic:email-bounces.shop" == said(signers, [], "", None, topic=bounces.topic)
    assert ":service-not-the-signers" == said(signers, [], "billing", None, topic=bounces.topic)


def test_refusals_count_against_the_topic_they_stand_in() -> None:
    """Where they name no key that is known."""
    check = Signers(KEYS, topics=OWNERS).of_topic(OWN)
    for headers, who in (([], "topic:email-intents.shop"), ([header(b"x")], "topic:email-intents.shop"),
                         ([header()], "shop-1")):  # fmt: skip
        assert who == check.claimed(delivered(0, VALUE, tp=Partition(OWN, 0), headers=headers))
