"""Records in frames on all topics that services and mailers write to: read and refused as those without."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from sidestep.schemas import Bounce, Engagement, FeedbackEvidence
from sidestep.schemas.codec import ContractError, encode
from sidestep.streams.commands.publish import _reader
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.screen.intake import read_feedback
from sidestep.topics.catalog import APPROVED, BOUNCES, ENGAGEMENT, INTENTS
from sidestep.topics.received import Unreadable, received
from tests.decide.world import World
from tests.kafka_records import delivered
from tests.schemas.test_framed import converted, event, prefixed
from tests.screen.test_intake_feedback import DSN, NOW, SES
from tests.screen.test_screen_signed import everybody, reasons, signed
from tests.screen.test_screener import Desk, intent, run

FRAMES = {"registry": prefixed, "CloudEvent": event, "Connect": converted}
BOUNCE = encode(Bounce(recipient="jane@fast.example", status="5.1.1", id="b-1"))
OPENED = encode(Engagement(recipient="jane@fast.example", kind="opened", id="e-1"))
AVRO = b"\0\0\0\x12\x67\x06w-1\x20jane@fast.example\x08shop"


def _text(mail: bytes) -> bytes:
    return json.dumps(mail.decode()).encode()


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_an_intent_in_a_frame_is_the_intent(frame: Any) -> None:
    """The same verdict under the same id, so that a producer may change its serializer and repeat what it has sent."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        plain, other = intent("w-1"), intent("w-2", metadata={"n": 1})
        await at.screener.screen(at.batch(plain, frame(plain), frame(other)))
        assert [] == at.press.dead()
        first, again, last = at.press.evidence()
        assert (first.id_key, first.content_key, first.recipient_key) == (
            again.id_key,
            again.content_key,
            again.recipient_key,
        )
        verdicts = World().append(first, again, last)
        assert [("w-1", "send"), ("w-2", "send")] == [(verdict.id, verdict.action) for verdict in verdicts]

    run(scenario)


@pytest.mark.parametrize("topic", [BOUNCES.name, ENGAGEMENT.name])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_feedback_in_a_frame_is_the_feedback(frame: Any, topic: str) -> None:
    """In our own schema, on either topic."""

    async def scenario(at: Desk) -> None:
        await at.screener.screen(at.batch(frame(BOUNCE), frame(OPENED), topic=topic))
        found = at.press.evidence()
        assert ["bounce", "opened"] == [evidence.event for evidence in found]
        await at.screener.screen(at.batch(BOUNCE, OPENED, topic=topic, partition=1))
        plain = at.press.evidence()[2:]
        assert all(isinstance(evidence, FeedbackEvidence) for evidence in found)
        assert [evidence.event_key for evidence in found] == [evidence.event_key for evidence in plain]

    run(scenario)


@pytest.mark.parametrize(
    ("value", "said"),
    {
        "a webhook in a CloudEvent": (event(json.dumps(SES).encode()), ["complaint"]),
        "a webhook behind a prefix": (prefixed(json.dumps(SES).encode()), ["complaint"]),
        "a webhook from Connect": (converted(json.dumps(SES).encode()), ["complaint"]),
        "a webhook from Connect as text": (
            converted(_text(json.dumps(SES).encode()), b'{"type":"string"}'),
            ["complaint"],
        ),
        "an array of events": (
            event(b'[{"event": "open", "email": "ada@example.com", "sg_event_id": "1", "sg_message_id": "2"}]'),
            ["opened"],
        ),
        "a report in a CloudEvent": (event(_text(DSN), datacontenttype="message/rfc822"), ["bounce"]),
        "a report in a CloudEvent of no type": (event(_text(DSN)), ["bounce"]),
        "a report from Connect": (converted(_text(DSN), b'{"type": "string", "optional": true}'), ["bounce"]),
        "a CloudEvent behind a prefix": (prefixed(event(BOUNCE)), ["bounce"]),
    }.items(),
)
def test_everybodys_feedback_comes_in_frames_too(value: str, said: tuple[bytes, list[str]]) -> None:
    """What a connector reads from a queue or a mailbox."""
    octets, kinds = said
    assert kinds == [told.kind for told in read_feedback(octets, Bounce, "", NOW)], value
    assert kinds == [told.kind for told in read_feedback(octets, Engagement, "application/json", NOW)], value


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_what_is_wrong_inside_is_told(frame: Any) -> None:
    """To its service by a verdict, beside the dead letter, which is the record as it came."""

    async def scenario(at: Desk) -> None:
        value = frame(intent("w-1", created_at="26.11.2026"))
        await at.screener.screen(at.batch(value, frame(b'{"id": "w-2", "service": "shop"}'), frame(b"[]")))
        assert ["absurd-time", "wrong-shape", "wrong-shape"] == reasons(at.press.dead())
        assert value == at.press.dead()[0]["value"]
        verdicts = World().append(*at.press.evidence())
        assert [("w-1", "unreadable"), ("w-2", "unreadable")] == [(each.id, each.rules[0].id) for each in verdicts]
        assert "created_at = '26.11.2026' is neither" in verdicts[0].rules[0].text

    run(scenario, share=1.0)


def test_what_a_registry_frames_and_nobody_reads_is_a_dead_letter() -> None:
    """Avro, Protobuf: not-json as before, with the id of the schema and what to do."""

    async def scenario(at: Desk) -> None:
        for topic in (INTENTS.name, BOUNCES.name, ENGAGEMENT.name):
            await at.screener.screen(at.batch(AVRO, topic=topic))
        dead = at.press.dead()
        assert ["not-json"] * 3 == reasons(dead)
        for letter in dead:
            assert AVRO == letter["value"]
            assert b"(0, schema 4711)" in dict(letter["headers"])["text"]  # type: ignore[operator]

    run(scenario, share=1.0)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_signature_covers_the_frame(frame: Any) -> None:
    """It is over the octets as they lie in Kafka: nobody can put a frame around what was signed, or take it away."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        plain, bounce = intent("w-1"), BOUNCE.replace(b"{", b'{"service":"shop",', 1)
        headers = [signed(frame(plain)), signed(plain), signed(frame(plain))]
        await at.screener.screen(at.batch(frame(plain), frame(plain), plain, headers=headers))
        assert ["signature-wrong"] * 2 == reasons(at.press.dead())
        kept = signed(frame(bounce), topic=BOUNCES.name)
        await at.screener.screen(at.batch(frame(bounce), topic=BOUNCES.name, headers=[kept]))
        assert ["shop-1", "shop-1"] == [evidence.proved for evidence in at.press.evidence()]

    run(scenario, signers=everybody)


WRAPPED: dict[str, Callable[[bytes], bytes]] = {
    "behind a prefix": lambda octets: prefixed(octets),
    "in a CloudEvent": lambda octets: event(octets),
    "in a CloudEvent as text": lambda octets: event(_text(octets)),
    "from Connect": lambda octets: converted(octets),
    "from Connect as text": lambda octets: converted(_text(octets), b"null"),
    "in a CloudEvent that has two": lambda octets: event(octets)[:-1] + b', "data": ' + octets + b"}",
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("topic", [INTENTS.name, BOUNCES.name])
def test_no_member_may_stand_twice_in_what_is_signed(wrap: Any, topic: str) -> None:
    """One reader takes the first, another the last: in the frame, and in what is in it."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        sound = intent("w-1") if topic == INTENTS.name else BOUNCE.replace(b"{", b'{"service": "shop", ', 1)
        once, twice = wrap(sound), wrap(sound.replace(b"{", b'{"service": "billing", ', 1))
        headers = [signed(value, topic=topic) for value in (once, twice)]
        await at.screener.screen(at.batch(once, twice, topic=topic, headers=headers))
        once_has_two = wrap is WRAPPED["in a CloudEvent that has two"]
        assert ["repeated-member"] * (2 if once_has_two else 1) == reasons(at.press.dead())
        assert (0 if once_has_two else 1) == len(at.press.evidence())

    run(scenario, signers=everybody)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_our_own_publisher_writes_none(frame: Any) -> None:
    """What `sidestep publish` sends it checks against the schema, and that has no frames."""
    for topic, value in ((INTENTS.name, intent("w-1")), (BOUNCES.name, BOUNCE), (ENGAGEMENT.name, OPENED)):
        read = _reader(topic)
        read(value)
        with pytest.raises(ContractError):
            read(frame(value))


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_subscriber_sees_what_is_inside(frame: Any) -> None:
    """`sidestep tail --topic email-intents` shows what Screen reads. Verdicts, which Decide alone writes, have none."""

    def seen(topic: str, value: bytes) -> Any:
        return received(cast("Any", delivered(0, value, tp=Partition(topic, 0)))).value

    assert seen(INTENTS.name, intent("w-1")) == seen(INTENTS.name, frame(intent("w-1")))
    assert seen(BOUNCES.name, BOUNCE) == seen(BOUNCES.name, frame(BOUNCE))
    assert "wrong-shape" == seen(INTENTS.name, frame(b"{}")).code
    assert isinstance(seen(APPROVED.name, frame(intent("w-1"))), Unreadable)
