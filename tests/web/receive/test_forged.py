"""What comes in at the doors, and what does not: forged, stale, repeated, altered, in odd shapes. Over real sockets."""

import asyncio
import json
import logging
from collections.abc import Callable

import pytest

from sidestep.streams.web.guarded import ConnectionLimits
from sidestep.streams.web.receive.api import BODY_MAX
from tests.web.receive.conftest import Doors, Play, World
from tests.web.receive.senders import (
    ARN,
    CERTIFICATE,
    MAILGUN_KEY,
    NOW,
    OTHER_SECRET,
    PATH,
    SVIX_SECRET,
    SendGrid,
    Sent,
    Sns,
    mailgun,
    postmark,
    resend,
    sparkpost,
    standard_signature,
)  # fmt: skip

MakeSent = Callable[[Doors], Sent]

GENUINE: dict[str, MakeSent] = {
    "sendgrid": lambda doors: doors.sendgrid.send(),
    "mailgun": lambda doors: mailgun(),
    "resend": lambda doors: resend(),
    "standard-webhooks": lambda doors: resend(prefix="webhook"),
    "sns-1": lambda doors: doors.sns.send("1"),
    "sns-2": lambda doors: doors.sns.send("2"),
    "postmark": lambda doors: postmark(),
    "sparkpost": lambda doors: sparkpost(),
}


def _with(sent: Sent, **headers: str) -> Sent:
    return Sent(
        sent.path, sent.body, {**sent.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
    )


def _without(sent: Sent, name: str) -> Sent:
    return Sent(sent.path, sent.body, {key: value for key, value in sent.headers.items() if key != name})


def _at(sent: Sent, path: str) -> Sent:
    return Sent(path, sent.body, sent.headers)


FORGED: dict[str, MakeSent] = {
    "sendgrid: wrong key": lambda doors: SendGrid().send(),
    "sendgrid: altered body": lambda doors: doors.sendgrid.send().altered(),
    "sendgrid: no signature": lambda doors: _without(doors.sendgrid.send(), "X-Twilio-Email-Event-Webhook-Signature"),
    "sendgrid: no base64": lambda doors: _with(doors.sendgrid.send(), X_Twilio_Email_Event_Webhook_Signature="ö"),
    "sendgrid: old": lambda doors: doors.sendgrid.send(NOW - 301),
    "sendgrid: of tomorrow": lambda doors: doors.sendgrid.send(NOW + 86_400),
    "sendgrid: other stamp": lambda doors: _with(
        doors.sendgrid.send(NOW - 301), X_Twilio_Email_Event_Webhook_Timestamp=str(int(NOW))
    ),
    "mailgun: wrong key": lambda doors: mailgun("key-" + "x" * 32),
    "mailgun: old": lambda doors: mailgun(at=NOW - 301),
    "mailgun: no path": lambda doors: _at(mailgun(), "/mailgun"),
    "mailgun: wrong path": lambda doors: _at(mailgun(), "/mailgun/" + "q" * 40),
    "mailgun: signature twice": lambda doors: Sent(
        f"/mailgun/{PATH}", b'{"signature": {}, ' + mailgun().body[1:], {}
    ),
    "mailgun: no JSON": lambda doors: Sent(f"/mailgun/{PATH}", b"\xff\x00", {}),
    "mailgun: deep JSON": lambda doors: Sent(f"/mailgun/{PATH}", b"[" * 100_000, {}),
    "mailgun: a list": lambda doors: Sent(f"/mailgun/{PATH}", b"[]", {}),
    "resend: wrong secret": lambda doors: resend(OTHER_SECRET),
    "resend: altered body": lambda doors: resend().altered(),
    "resend: old": lambda doors: resend(at=NOW - 301),
    "resend: another id": lambda doors: _with(resend(), svix_id="msg_2"),
    "resend: both names": lambda doors: _with(resend(), **resend(prefix="webhook").headers),
    "resend: borders moved": lambda doors: _with(
        resend(), svix_id=f"msg_1.{int(NOW)}", svix_timestamp=str(int(NOW)),
        svix_signature=standard_signature(SVIX_SECRET, f"msg_1.{int(NOW)}", str(int(NOW)), resend().body),
    ),
    "sns: wrong key": lambda doors: Sns("a forger's").send(),
    "sns: altered body": lambda doors: doors.sns.send().altered(),
    "sns: old": lambda doors: doors.sns.send(at=NOW - 301),
    "sns: another account's topic": lambda doors: doors.sns.send(TopicArn=ARN.replace("123456789012", "999999999999")),
    "sns: certificate of a foreign host": lambda doors: doors.sns.send(
        SigningCertURL=CERTIFICATE.replace("amazonaws.com", "amazonaws.com.evil.example")
    ),
    "sns: members that nobody has signed": lambda doors: doors.sns.send(
        unsigned={"notificationType": "Bounce", "mail": {"messageId": "m2"}, "bounce": {"bounceType": "Permanent"}}
    ),
    "sns: version 3": lambda doors: doors.sns.send(unsigned={"SignatureVersion": "3"}),
    "sns: bare event": lambda doors: Sent("/ses", b'{"notificationType": "Bounce", "mail": {}}', {}),
    "sns: confirmation elsewhere": lambda doors: doors.sns.ask_to_confirm("https://evil.example/?Action=ConfirmSubscription"),
    "sns: confirmation of another topic": lambda doors: doors.sns.ask_to_confirm(TopicArn=f"{ARN}x"),
    "postmark: wrong password": lambda doors: postmark(password="x" * 32),
    "postmark: wrong user": lambda doors: postmark(user="other"),
    "postmark: no password": lambda doors: _without(postmark(), "Authorization"),
    "postmark: no base64": lambda doors: _with(postmark(), Authorization="Basic %%%"),
    "sparkpost: wrong path": lambda doors: sparkpost("q" * 40),
    "nobody's door": lambda doors: Sent("/nobody", b"{}", {}),
    "no door": lambda doors: Sent("/", b"{}", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", GENUINE)
def test_what_a_provider_has_signed_comes_in_once(play: Play, doors: Doors, name: str) -> None:
    """Octet for octet, with provider, service and time of receipt beside it; sent again it is taken, and not published
    again where messages have an id."""
    sent = GENUINE[name](doors)

    async def scene(world: World) -> World:
        assert [200, 200] == [await world.post(sent), await world.post(sent)]
        return world

    world = play(scene)
    topic, body, headers = world.published[0]
    assert body == sent.body
    assert topic == ("email-engagement" if name == "sparkpost" else "email-bounces")
    assert headers["door"] == sent.path.split("/")[1] and headers["service"] in ("shop", "billing")
    assert headers["received-at"] == "2026-09-21T14:13:20.000+00:00"
    assert len(world.published) == (2 if name in ("postmark", "sparkpost") else 1)


def test_a_body_of_many_events_becomes_records_that_are_read(play: Play) -> None:
    """Screen reads a hundred of a record."""
    event = json.loads(sparkpost().body)[0]
    sent = Sent(sparkpost().path, json.dumps([event] * 250).encode())

    async def scene(world: World) -> list[bytes]:
        assert 200 == await world.post(sent)
        return [body for _, body, _ in world.published]

    assert [100, 100, 50] == [len(json.loads(body)) for body in play(scene)]


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_does_not_come_in(play: Play, doors: Doors, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """All are refused in the same way, the server goes on, and no log says what stood in the body or the secret."""
    sent = FORGED[name](doors)

    async def scene(world: World) -> World:
        assert 403 == await world.post(sent)
        assert 200 == await world.post(doors.sendgrid.send(event_id="afterwards"))
        return world

    with caplog.at_level(logging.DEBUG):
        world = play(scene)
    assert 1 == len(world.published) and [] == world.confirmed
    for secret in ("kuro@", PATH, SVIX_SECRET, MAILGUN_KEY, "w" * 32):
        assert secret not in caplog.text
    if name != "sns: wrong key" and name != "sns: altered body" and name != "sns: version 3":
        assert [] == world.asked, "Amazon is asked for no certificate of what would be refused anyway"


def test_all_refusals_look_the_same(play: Play, doors: Doors) -> None:
    """Whether there is such a door, and what of it was wrong, can't be told from the answer."""
    kinds = ["nobody's door", "sparkpost: wrong path", "postmark: no password", "resend: old", "sns: wrong key"]
    answers = []

    async def scene(world: World) -> None:
        for name in kinds:
            sent = FORGED[name](doors)
            head = "".join(f"{key}: {value}\r\n" for key, value in sent.headers.items())
            request = f"POST {sent.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(sent.body)}\r\n{head}\r\n"
            answers.append(await world.raw(request.encode() + sent.body))

    play(scene)
    assert len({answer.split(b"Date:")[0] for answer in answers}) == 1
    assert len({answer[answer.index(b"\r\n\r\n") :] for answer in answers}) == 1


def test_another_event_beside_a_signature_of_mailguns_is_refused(play: Play) -> None:
    """Mailgun signs a token alone: once it has come with one event, no other one gets in with it."""

    async def scene(world: World) -> list[int]:
        return [await world.post(mailgun()), await world.post(mailgun(recipient="eve@example.net")),
                await world.post(mailgun(token="u" * 50, recipient="eve@example.net"))]  # fmt: skip

    assert [200, 403, 200] == play(scene)


def test_a_replay_is_refused_after_the_window_as_well(play: Play, doors: Doors) -> None:
    """By the ids that are remembered, then by the time stamp; nothing is published a second time."""
    sent = doors.sendgrid.send(NOW + 290)  # a clock that is fast, as far as is let through

    async def scene(world: World) -> tuple[list[int], int]:
        statuses = []
        for later in (0, 299, 589, 591):
            world.now = NOW + later
            statuses.append(await world.post(sent))
        return statuses, len(world.published)

    assert ([200, 200, 200, 403], 1) == play(scene)


def test_a_retry_after_kafka_was_down_gets_in(play: Play, doors: Doors) -> None:
    """503 until Kafka has it; then the same message is published, once."""
    sent = doors.sendgrid.send()

    async def scene(world: World) -> World:
        world.down = True
        assert [503, 503] == [await world.post(sent), await world.post(sent)]
        world.down = False
        assert [200, 200] == [await world.post(sent), await world.post(sent)]
        return world

    world = play(scene)
    assert 1 == len(world.published) and 2 == world.counted("sendgrid", "not-taken")
    assert 1 == world.counted("sendgrid", "repeated")


def test_the_same_message_twice_at_once_is_published_once(play: Play, doors: Doors) -> None:
    """The second one has to come again: whether Kafka has the first is not known yet."""
    sent = doors.sendgrid.send()

    async def scene(world: World) -> tuple[list[int], int, int]:
        world.gate = asyncio.Event()
        both = {asyncio.create_task(world.post(sent)) for _ in range(2)}
        refused, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        world.gate.set()
        statuses = [await task for task in (*refused, *waiting)]
        return statuses, await world.post(sent), len(world.published)

    assert ([503, 200], 200, 1) == play(scene)


def test_a_subscription_is_confirmed_for_topics_of_the_file(play: Play, doors: Doors) -> None:
    """Once, at Amazon's own address; nothing of it goes to Kafka."""

    async def scene(world: World) -> World:
        assert [200, 200] == [await world.post(doors.sns.ask_to_confirm()) for _ in range(2)]
        return world

    world = play(scene)
    assert [
        f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336&TopicArn={ARN}"
    ] == world.confirmed
    assert [] == world.published


def test_without_the_certificate_the_provider_comes_again(play: Play, doors: Doors) -> None:
    """Amazon out of reach is no refusal."""

    async def scene(world: World) -> list[int]:
        world.certificates.clear()
        first = await world.post(doors.sns.send())
        world.certificates[CERTIFICATE] = doors.sns.certificate
        return [first, await world.post(doors.sns.send())]

    assert [503, 200] == play(scene)


SIGNED_HEADERS = "".join(f"{name}: {value}\r\n" for name, value in resend().headers.items())
BODY = resend().body


def _raw(line: str, head: str, body: bytes = BODY) -> bytes:
    return f"{line} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode("latin-1") + body


LENGTH = f"Content-Length: {len(BODY)}\r\n"
GOOD = f"{LENGTH}{SIGNED_HEADERS}"
PIECES = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
SHAPES = {
    "two lengths": _raw("POST /resend", f"{GOOD}Content-Length: 5\r\n"),
    "length and chunks": _raw("POST /resend", f"{GOOD}Transfer-Encoding: chunked\r\n"),
    "chunks, in another spelling": _raw("POST /resend", f"{GOOD}Transfer-Encoding: xchunked\r\n"),
    "a length with a sign": _raw("POST /resend", GOOD.replace("Content-Length: ", "Content-Length: +")),
    "blank before the colon": _raw("POST /resend", GOOD.replace("Content-Length:", "Content-Length :")),
    "folded header": _raw("POST /resend", GOOD.replace("svix-id: ", "svix-id:\r\n ")),
    "signature twice": _raw("POST /resend", f"{GOOD}svix-signature: v1,AAAA\r\n"),
    "id twice": _raw("POST /resend", f"svix-id: msg_2\r\n{GOOD}"),
    "a name that is not UTF-8": _raw("POST /resend", GOOD.replace("svix-id:", "svix\xff-id:")),
    "a value that is not UTF-8": _raw("POST /resend", GOOD.replace("msg_1", "msg_\xff")),
    "NUL in a header": _raw("POST /resend", f"{GOOD}X: a\0b\r\n"),
    "dots": _raw("POST /x/../resend", GOOD),
    "a dot": _raw("POST /./resend", GOOD),
    "two slashes": _raw("POST //resend", GOOD),
    "slash at the end": _raw("POST /resend/", GOOD),
    "percent": _raw("POST /%72esend", GOOD),
    "percent NUL": _raw("POST /resend%00", GOOD),
    "a query": _raw("POST /resend?x=1", GOOD),
    "a fragment": _raw("POST /resend#x", GOOD),
    "capitals": _raw("POST /RESEND", GOOD),
    "a secret where there is none": _raw(f"POST /resend/{PATH}", GOOD),
    "GET": _raw("GET /resend", GOOD),
    "PUT": _raw("PUT /resend", GOOD),
    "CONNECT": _raw("CONNECT x:443", ""),
    "compressed": _raw("POST /resend", f"{GOOD}Content-Encoding: gzip\r\n"),
    "a length that is too large": _raw("POST /resend", f"Content-Length: {BODY_MAX + 1}\r\n{SIGNED_HEADERS}", b""),
    "too many chunks": _raw("POST /resend", f"Transfer-Encoding: chunked\r\n{SIGNED_HEADERS}", PIECES * 40),
    "no HTTP": b"\x16\x03\x01\x02\x00" + b"\xff" * 300,
    "a length of nothing": _raw("POST /resend", f"Content-Length: 0\r\n{SIGNED_HEADERS}"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_requests_of_odd_shapes_do_not_come_in(play: Play, doors: Doors, name: str) -> None:
    """Smuggled, doubled, decoded differently, too large: refused, and the server goes on."""

    async def scene(world: World) -> World:
        said = await world.raw(SHAPES[name])
        assert not said.startswith(b"HTTP/1.1 2"), said
        assert 200 == await world.post(doors.sendgrid.send())
        return world

    assert 1 == len(play(scene).published)


def test_a_request_behind_a_refused_one_is_not_read(play: Play) -> None:
    """A refusal ends the connection: nothing behind it is taken for a request of its own."""
    first = _raw("POST /nobody", "Content-Length: 0\r\n", b"")
    second = _raw("POST /resend", GOOD)

    async def scene(world: World) -> tuple[bytes, int]:
        return await world.raw(first + second), len(world.published)

    said, published = play(scene)
    assert said.startswith(b"HTTP/1.1 403") and said.count(b"HTTP/1.1 ") == 1 and 0 == published


def test_slow_clients_are_cut_off_and_others_are_served(play: Play, doors: Doors) -> None:
    """More of them than there are connections: bodies that never end make room, or end by their deadline."""
    limits = ConnectionLimits(most=4, idle=2.0, request=1.0, head=0.5)

    async def scene(world: World) -> int:
        clients = [await asyncio.open_connection(world.host, world.port) for _ in range(6)]
        for _, writer in clients[:3]:
            writer.write(f"POST /resend HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n{SIGNED_HEADERS}\r\n{{".encode())
        for _, writer in clients[3:]:
            writer.write(b"POST /resend HTTP/1.1\r\n")
        status = await world.post(doors.sendgrid.send())
        for reader, writer in clients:
            try:
                while await asyncio.wait_for(reader.read(65536), 5.0):
                    pass
            except ConnectionError:
                pass
            writer.transport.abort()
        return status

    assert 200 == play(scene, limits)


def test_a_door_has_a_rate_for_what_is_genuine(play: Play, doors: Doors) -> None:
    """Over it: 429, and the message may come again. What is forged uses nothing of it."""
    doors.path.write_text(doors.path.read_text().replace('key = "sendgrid.key"', 'key = "sendgrid.key"\nrate = "1/h"'))

    async def scene(world: World) -> list[int]:
        forged = [await world.post(SendGrid().send()) for _ in range(3)]
        return [*forged, *[await world.post(doors.sendgrid.send(event_id=f"e{n}")) for n in range(2)]]

    assert [403, 403, 403, 200, 429] == play(scene)


def test_who_forges_often_is_slowed_down(play: Play, doors: Doors) -> None:
    """By address; a genuine message from the same address, as behind a proxy, still comes in."""

    async def scene(world: World) -> tuple[set[int], int]:
        statuses = {await world.post(Sent("/nobody", b"", {})) for _ in range(150)}
        return statuses, await world.post(doors.sendgrid.send())

    assert ({403, 429}, 200) == play(scene)


def test_labels_of_metrics_are_doors_and_reasons(play: Play, doors: Doors) -> None:
    """Whatever paths are asked for, nothing of them becomes a label."""

    async def scene(world: World) -> str:
        for number in range(20):
            await world.post(Sent(f"/made-up-{number}", b"", {}))
        await world.post(doors.sendgrid.send())
        await world.post(SendGrid().send())
        return world.metrics.render()[0].decode()

    text = play(scene)
    assert "made-up" not in text
    assert 'sidestep_received_total{door="none",outcome="no-door"} 20.0' in text
    assert 'sidestep_received_total{door="sendgrid",outcome="signature"} 1.0' in text


def test_health_is_told_without_reasons(play: Play) -> None:
    """For load balancers at the doors' own port. Kafka has not been asked here, so nothing is ready."""

    async def scene(world: World) -> tuple[bytes, bytes]:
        ask = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        return await world.raw(ask % b"/livez"), await world.raw(ask % b"/readyz")

    alive, ready = play(scene)
    assert alive.startswith(b"HTTP/1.1 200") and ready.startswith(b"HTTP/1.1 503") and b"Kafka" not in ready


def test_a_body_is_published_as_it_came(play: Play, doors: Doors) -> None:
    """Not what was made of it: blanks, order and escapes are the provider's."""
    body = b'\n [ {"event" : "bounce","email":"k\\u00fcro@example.net"} ] \r\n'
    sent = Sent("/postmark", body, postmark().headers)

    async def scene(world: World) -> World:
        assert 200 == await world.post(sent)
        return world

    assert [body] == [value for _, value, _ in play(scene).published]
    assert json.loads(body)
