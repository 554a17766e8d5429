"""Feedback that names nobody but the intent's id: what is read so, and its way through Screen to the partition that
knows the id."""

import json
import time
from typing import Any

import pytest

from sidestep.schemas import Bounce, Engagement, SoughtFeedback
from sidestep.schemas.codec import ContractError, decode_evidence
from sidestep.streams.decide.tables import BOUNCE_HISTORY, RecipientRow
from sidestep.streams.screen.by_id import sought_evidence
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.intake import read_feedback, read_forms
from sidestep.streams.screen.keys import Keys
from sidestep.topics.catalog import BOUNCES, EVIDENCE
from tests.decide.world import World
from tests.screen.feedback.test_who_is_meant import FAILED, SORRY, mail, original, status, text
from tests.screen.test_screener import PARTITIONS, Desk, Headers, intent, run

NOW = 1_795_000_000.0
OURS = ("X-Sidestep-Intent: n-77", "X-Sidestep-Service: crm")
REFUSED = text("550 5.1.1 User unknown")
VERP = "bounces+n-77@sender.example.com"
REDACTED = (
    "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: loop/1.0\nVersion: 1\n"
    "Original-Rcpt-To: redacted\n"
)
"""RFC 6590: whom the complaint is of is taken out."""

REPORTS = {
    "a header of the returned message": mail("Undelivered", REFUSED, original(*OURS)),
    "a status of a mailbox without an address": mail(
        "Undelivered", SORRY, status("Final-Recipient: rfc822; postmaster", *FAILED), original(*OURS)
    ),
    "the address it was sent to": mail("Undelivered", REFUSED, original(OURS[1]), to=VERP),
    "the address it was sent to, with a token": mail(
        "Undelivered", REFUSED, original(OURS[1]), to=VERP.replace("@", f".{'0' * 30}@")
    ),
    "a header of the report": mail("Undelivered", REFUSED, more="\n".join([*OURS, ""])),
    "a complaint whose recipient was taken out": mail("Complaint", SORRY, REDACTED, original(*OURS)),
}


@pytest.mark.parametrize("octets", REPORTS.values(), ids=list(REPORTS))
def test_it_is_read(octets: bytes) -> None:
    """Whose it is stays open."""
    (event,) = read_feedback(octets, Bounce, "message/rfc822", NOW)
    assert ("", "crm", "n-77") == (event.recipient, event.service, event.intent_id)
    assert event.kind == ("complaint" if REDACTED.encode() in octets else "bounce")


def test_a_webhook_with_metadata_alone_is_read() -> None:
    """Providers name the recipient; a gateway between them and us may have taken it out."""
    body = {
        "event": "bounce", "type": "bounce", "sg_event_id": "e1", "sg_message_id": "m1", "email": "",
        "intent_id": "n-77", "sidestep_service": "crm", "reason": "550 5.1.1 no such user",
    }  # fmt: skip
    (event,) = read_feedback(json.dumps([body]).encode(), Bounce, "", NOW)
    assert ("", "crm", "n-77") == (event.recipient, event.service, event.intent_id)


def test_whose_mail_it_is_the_door_may_say() -> None:
    """Ids are a service's own: without its name nobody is found by one."""
    octets = mail("Undelivered", REFUSED, to=VERP)
    with pytest.raises(ContractError, match="does not say whose") as caught:
        read_feedback(octets, Bounce, "message/rfc822", NOW)
    assert "no-recipient" == caught.value.code
    found = read_forms(octets, Bounce, "message/rfc822", NOW, "crm")
    assert [("", "n-77")] == [(event.recipient, event.intent_id) for event in found.events]
    assert ["bounce"] == [event for _, event, _ in found.forms]


@pytest.mark.parametrize(
    "fields", [("X-Sidestep-Intent: n\x0177", OURS[1]), (OURS[0], "X-Sidestep-Service: crm (claimed)")]
)
def test_what_can_be_no_id_is_none(fields: tuple[str, str]) -> None:
    """Then it is a bounce of nobody, and no service that is reserved is taken for one."""
    with pytest.raises(ContractError, match="does not say whose"):
        read_feedback(mail("Undelivered", REFUSED, original(*fields)), Bounce, "message/rfc822", NOW)


def test_signs_of_life_are_not_looked_up() -> None:
    """There are too many of them, and none of them stops mail."""
    delivered = status("Final-Recipient: rfc822; postmaster", "Action: delivered", "Status: 2.0.0")
    assert [] == read_feedback(mail("Delivered", SORRY, delivered, original(*OURS)), Bounce, "message/rfc822", NOW)


def told(token: str = "", keys: Keys = World.keys, **fields: Any) -> SoughtFeedback:
    """Evidence of a complaint."""
    said: dict[str, Any] = {"recipient": "", "kind": "complaint", "service": "crm", "intent_id": "n-77", "id": "e1"}
    return sought_evidence(Bounce(token=token, **said | fields), load_reasons(), keys, NOW, "email-bounces/0/1")


def test_its_keys_are_those_of_the_intent() -> None:
    """As of who proves his name, and then of who claims it; under both secrets while there are two."""
    former = Keys(b"f" * 32)
    both = Keys(bytes(32), b"f" * 32)
    wanted = [secret.intent("crm", "n-77", proved) for secret in (World.keys, former) for proved in (True, False)]
    assert tuple(wanted[:2]) == told().id_keys
    assert tuple(wanted) == told(keys=both).id_keys
    assert told(keys=former).said.event_key == told(keys=both).said.former[0].id_key


def test_who_guesses_a_token_uses_up_nobodys_event() -> None:
    """An event with another token is another one; so is that of an engagement."""
    tokens = "", "0" * 30, "1" * 30, "0" * 28, "zz" * 15
    records = [told(token) for token in tokens]
    assert len(tokens) == len({record.said.event_key for record in records})
    assert [0, 8, 8, 1, 1] == [len(record.token) for record in records]
    assert {""} == {record.said.tied for record in records}
    opted_out = Engagement(recipient="", kind="unsubscribed", service="crm", intent_id="n-77", id="e1")
    other = sought_evidence(opted_out, load_reasons(), World.keys, NOW, "email-bounces/0/1")
    assert other.said.event_key != told().said.event_key


def partitions(at: Desk) -> list[list[bytes]]:
    """What the log has, by partition."""
    found: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for topic, partition, record in at.press.records():
        if topic == EVIDENCE.name:
            found[partition].append(record["value"] or b"")
    return found


@pytest.mark.parametrize("door", [(), (("service", b"crm"),)])
def test_one_partition_of_many_knows_whose_it_is(door: Headers) -> None:
    """The others pass it over. Its dead letter ends; the worker takes the producer for no broken one."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example", "slow.example")
        people = {"n-77": "jane@fast.example", "n-78": "joe@slow.example"}
        await at.screener.screen(at.batch(*(intent(id, to, service="crm") for id, to in people.items())))
        report = mail("Undelivered", REFUSED, to=VERP) if door else REPORTS["a header of the returned message"]
        headers = [("content-type", b"message/rfc822"), *door]
        screened = await at.screener.screen(at.batch(report, topic=BOUNCES.name, headers=[headers]))
        assert (0, 1) == (screened.refused, screened.kinds["feedback-by-id"])
        assert not screened.unread_records
        (letter,) = at.press.dead()
        assert (b"recipient-by-id", report) == (dict(letter["headers"])["reason"], letter["value"])

        ended, bounces = [], {}
        for records in partitions(at):
            assert isinstance(decode_evidence(records[-1]), SoughtFeedback)
            world = World(None)
            world.append(World.policy_record(at=int(time.time() * 1000)), *records)
            ended += [value for each in world.dead_letters() for name, value in each["headers"] if name == "found"]
            for name, to in people.items():
                key = World.keys.recipient(to)
                if world.knows(BOUNCE_HISTORY, key):
                    row: RecipientRow = world.row(BOUNCE_HISTORY, key)
                    bounces[name] = row.hard_bounces
        said = dict(letter["headers"])
        (note,) = ended
        assert isinstance(note, bytes)
        assert (b"1", said["origin"]) == (said["seeks"], note.partition(b" ")[0])
        assert {"n-77": 1, "n-78": 0} == bounces

    run(scenario)
