"""What signatures do to a batch in Screen: forged records are kept apart and stop nobody, what is proved is told."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from sidestep.streams.errors import TooManyDeadLetters
from sidestep.streams.runtime.batches import Batch
from sidestep.streams.runtime.outgoing import Single
from sidestep.streams.screen.signers import Signers
from sidestep.streams.screen.speakers import SignerKey, TopicSpeaker
from sidestep.topics.catalog import BOUNCES, INTENTS
from sidestep.topics.signing import ED25519, HEADER, HMAC_SHA_256, HmacSeal, header_text, signed_prefix, signed_rest
from tests.decide.world import World
from tests.screen.test_screener import Desk, Headers, intent, run

SECRETS = {"shop-1": b"of the shop, in 32 octets or more", "billing-1": b"of billing, in 32 octets or more!"}
KEYS = [SignerKey(f"{name}-1", HMAC_SHA_256, SECRETS[f"{name}-1"], frozenset({name})) for name in ("shop", "billing")]


def signed(value: bytes, key_id: str = "shop-1", topic: str = INTENTS.name) -> Headers:
    """The headers of a record that the holder of a key signs now."""
    at = b"%d" % (time.time() * 1000)
    seal = HmacSeal(SECRETS[key_id], signed_prefix(topic, key_id.encode()))
    return [(HEADER, header_text(key_id.encode(), at, seal.seal(signed_rest(at, (), value))))]


def reasons(dead: Iterable[Single]) -> list[str]:
    """Why they are dead letters."""
    return [dict(letter["headers"])["reason"].decode() for letter in dead]  # type: ignore[union-attr]


def everybody() -> Signers:
    """Every service has to sign."""
    return Signers(KEYS)


def attack() -> tuple[bytes, bytes]:
    """The forger's intent, with the service and the id of another one's, and that one's own."""
    theirs = intent("inv-1001", "jane@fast.example", service="billing")
    return intent("inv-1001", "victim@fast.example", service="billing"), theirs


async def _judged(at: Desk, *headers: Headers) -> list[tuple[str, str, str]]:
    """Recipient, decision and deciding rule of what came of the attack."""
    await at.knows("fast.example")
    await at.screener.screen(at.batch(*attack(), headers=headers))
    verdicts = World().append(*at.press.evidence())
    return [(v.to, v.decision, v.rules[0].id if v.rules else "") for v in verdicts]


def test_without_signatures_a_service_is_who_it_says() -> None:
    """Somebody takes billing's id with an intent of his own, and billing's invoice gets nowhere."""

    async def scenario(at: Desk) -> None:
        forged, real = await _judged(at, [], [])
        assert ("victim@fast.example", "approved") == forged[:2]
        assert ("jane@fast.example", "rejected", "id-reused") == real
        assert ["", ""] == [evidence.proved for evidence in at.press.evidence()]

    run(scenario)


def test_a_test_takes_no_id() -> None:
    """Whoever tests with billing's id, which costs nothing, takes it from nobody."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        _, theirs = attack()
        await at.screener.screen(at.batch(theirs.replace(b"{", b'{"test": true, ', 1), theirs))
        assert ["approved", "approved"] == [verdict.decision for verdict in World().append(*at.press.evidence())]

    run(scenario)


def test_an_approval_carries_no_strangers_metadata() -> None:
    """Under billing's id, to billing's recipient, first: billing's own message has its own verdict, and no other."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        fields = {"to": "jane@fast.example", "service": "billing"}
        evil, real = (
            intent("inv-1001", **fields, metadata={"link": link}) for link in ("evil.example", "ours.example")
        )
        await at.screener.screen(at.batch(evil, real))
        verdicts = World().append(*at.press.evidence())
        assert [({"link": "evil.example"}, "approved"), ({"link": "ours.example"}, "rejected")] == [
            (verdict.metadata, verdict.decision) for verdict in verdicts
        ]
        assert "id-reused" == verdicts[1].rules[0].id

    run(scenario)


def test_what_is_claimed_takes_nothing_from_what_is_proved() -> None:
    """Where unsigned records are still taken: neither id nor verdict, and verdicts say which is which."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        forged, real = attack()
        values = (forged, real, real.replace(b"{", b'{"attempt": 1000, ', 1), real)
        await at.screener.screen(at.batch(*values, headers=[[], [], [], signed(real, "billing-1")]))
        verdicts = World().append(*at.press.evidence())
        assert ["victim@fast.example", "jane@fast.example", "jane@fast.example", "jane@fast.example"] == [
            verdict.to for verdict in verdicts
        ]
        assert [("approved", ""), ("rejected", ""), ("rejected", ""), ("approved", "billing-1")] == [
            (verdict.decision, verdict.proved) for verdict in verdicts
        ]

    run(scenario, signers=lambda: Signers(KEYS, default="optional"))


@pytest.mark.parametrize("domain", ["fast.example", "slow.example"])
def test_evidence_says_what_is_only_claimed(domain: str) -> None:
    """A name that its service can prove, and this record does not. What nobody can prove is no claim to anything."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        values = [intent(name, f"{name}@{domain}", service=name) for name in ("shop", "billing", "crm")]
        signs = signed(values[1], "billing-1")
        await at.screener.screen(at.batch(*values, headers=[[], signs, []]))
        said = {evidence.service: (evidence.proved, evidence.claimed) for evidence in at.press.evidence()}
        assert {"shop": ("", True), "billing": ("billing-1", False), "crm": ("", False)} == said

    run(scenario, signers=lambda: Signers(KEYS, default="optional"))


def test_feedback_says_it_too() -> None:
    """Whether it names the service itself or its record's headers do; nobody is called as claims are."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        ours = b'{"recipient": "jane@fast.example", "status": "5.1.1", "service": "shop"}'
        text = b'{"RecordType": "Bounce", "ID": 1, "Type": "HardBounce", "Email": "jane@fast.example"}'
        headers: list[Headers] = [[], signed(ours, topic=BOUNCES.name)]
        headers += [[("service", name)] for name in (b"shop", b"crm", b"shop (claimed)")]
        await at.screener.screen(at.batch(ours, ours, text, text, text, topic=BOUNCES.name, headers=headers))
        assert [("shop", True), ("shop", False), ("shop", True), ("crm", False), ("", False)] == [
            (evidence.service, evidence.claimed) for evidence in at.press.evidence()
        ]

    run(scenario, signers=lambda: Signers(KEYS, default="optional"))


def test_a_service_that_begins_to_sign_goes_on_with_what_was_deferred() -> None:
    """Its next attempt is known by nothing, and judged."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        again = intent("inv-1001", "jane@fast.example", service="billing", attempt=2)
        await at.screener.screen(at.batch(attack()[1], again, headers=[[], signed(again, "billing-1")]))
        first, second = at.press.evidence()
        world = World()
        assert ["defer"] == [verdict.action for verdict in world.append(replace(first, mx=world.mx["unknown"]))]
        assert [("send", 2)] == [(verdict.action, verdict.attempt) for verdict in world.append(second)]

    run(scenario, signers=lambda: Signers(KEYS, default="optional"))


@pytest.mark.parametrize(
    ("forgery", "reason"),
    [("unsigned", "signature-missing"), ("his own key", "service-not-the-signers"), ("copied", "signature-wrong")],
)
def test_with_signatures_he_is_refused(forgery: str, reason: str) -> None:
    """However he goes about it; and billing's invoice is approved, with the key that proves it."""

    async def scenario(at: Desk) -> None:
        forged, real = attack()
        his = {"unsigned": [], "his own key": signed(forged), "copied": signed(real, "billing-1")}[forgery]
        assert [("jane@fast.example", "approved", "")] == await _judged(at, his, signed(real, "billing-1"))
        assert ["billing-1"] == [evidence.proved for evidence in at.press.evidence()]
        assert [reason] == reasons(at.press.dead())
        assert [forged] == [letter["value"] for letter in at.press.dead()]

    run(scenario, signers=everybody)


def test_forged_records_never_stop_the_worker() -> None:
    """Five thousand of any kind. Signed ones that can't be read still do, as a broken producer does."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        junk, good = b"no JSON", intent("good")
        kinds: list[Headers] = [[], [(HEADER, b"1;shop-1;1800000000000;x")], [(HEADER, b"2;x")], signed(good)]
        forged = [(junk, kinds[number % 4]) for number in range(5_000)]
        values, headers = zip(*forged, (good, signed(good)), strict=True)
        screened = await at.screener.screen(at.batch(*values, headers=headers))
        assert (5_000, 5_000) == (screened.refused, screened.forged)
        assert ["good"] == [evidence.id for evidence in at.press.evidence()]
        assert {("shop-1", "held"): 1, ("", "signature-missing"): 1_250, ("shop-1", "signature-wrong"): 2_500,
                ("", "signature-unreadable"): 1_250} == screened.signatures  # fmt: skip
        with pytest.raises(TooManyDeadLetters, match=r"^59 of the last 60"):
            await at.screener.screen(at.batch(*[junk] * 59, headers=[signed(junk)] * 59))

    run(scenario, signers=everybody, window=60)


def test_feedback_is_proved_as_well() -> None:
    """In our schema and a provider's own; a forged bounce marks nobody."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        ours = b'{"recipient": "jane@fast.example", "status": "5.1.1", "service": "shop"}'
        text = b'{"RecordType": "Bounce", "ID": 1, "Type": "HardBounce", "Email": "jane@fast.example"}'
        other = ours.replace(b"shop", b"billing")
        headers = [signed(value, topic=BOUNCES.name) for value in (ours, text, other)]
        await at.screener.screen(at.batch(ours, text, other, ours, topic=BOUNCES.name, headers=[*headers, []]))
        assert ["shop-1", "shop-1"] == [evidence.proved for evidence in at.press.evidence()]
        assert ["service-not-the-signers", "signature-missing"] == reasons(at.press.dead())

    run(scenario, signers=everybody)


def test_a_member_that_is_said_twice_is_refused_where_it_is_signed() -> None:
    """A gateway that reads the first one would let pass what Screen does not read."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        twice = intent("1").replace(b"{", b'{"service": "billing", ', 1)
        bounce = b'{"recipient": "x@fast.example", "recipient": "jane@fast.example"}'
        await at.screener.screen(at.batch(twice, headers=[signed(twice)]))
        await at.screener.screen(at.batch(bounce, topic=BOUNCES.name, headers=[signed(bounce, topic=BOUNCES.name)]))
        assert ["repeated-member"] * 2 == reasons(at.press.dead())
        assert [] == at.press.evidence()

    run(scenario, signers=everybody)


def test_who_waits_for_dns_keeps_what_was_proved() -> None:
    """The evidence that follows later says it too."""

    async def scenario(at: Desk) -> None:
        value = intent("1", "j@slow.example")
        await at.screener.screen(at.batch(value, headers=[signed(value)]))
        assert ["shop-1"] == [evidence.proved for evidence in at.press.evidence()]

    run(scenario, signers=everybody)


def test_the_signers_of_now_count() -> None:
    """A key that is taken out signs nothing more from the next batch on."""
    now: list[Any] = [Signers(KEYS)]

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        value = intent("1")
        await at.screener.screen(at.batch(value, headers=[signed(value)]))
        now[0] = Signers(KEYS[1:])
        await at.screener.screen(at.batch(value, headers=[signed(value)]))
        assert 1 == len(at.press.evidence())
        assert ["signature-key-unknown"] == reasons(at.press.dead())

    run(scenario, signers=lambda: now[0])


def test_a_flood_of_dear_signatures_lets_others_have_their_turn() -> None:
    """An Ed25519 check takes 100 µs and a batch has thousands; what waits in another partition goes on in between."""
    private = Ed25519PrivateKey.generate()
    dear = SignerKey("dear", ED25519, private.public_key().public_bytes_raw(), frozenset({"dear"}))
    copied = b64encode(private.sign(b"something else"))
    ended = []

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        header = (HEADER, header_text(b"dear", b"%d" % (time.time() * 1000), copied))
        flood = at.batch(*[intent("x")] * 3_000, headers=[[header]] * 3_000)
        honest = at.batch(intent("1"), partition=1, headers=[signed(intent("1"))])

        async def screen(name: str, batch: Batch) -> None:
            await at.screener.screen(batch)
            ended.append(name)

        await asyncio.gather(screen("flood", flood), screen("honest", honest))
        assert ["honest", "flood"] == ended
        assert {"signature-wrong"} == set(reasons(at.press.dead()))

    run(scenario, signers=lambda: Signers([*KEYS, dear]))


def own(name: str) -> str:
    """The topic that a service has for its intents."""
    return f"{INTENTS.name}.{name}"


def owners() -> Signers:
    """Two services with topics of their own, which sign nothing."""
    return Signers(topics=[TopicSpeaker(own(name), frozenset({name})) for name in ("shop", "billing")])


def test_a_topic_of_its_own_proves_who_cannot_sign() -> None:
    """The forger has the shop's credentials: in its topic he can say nothing in billing's name, and everybody's topic
    takes nothing unsigned."""

    async def scenario(at: Desk) -> None:
        forged, real = attack()
        await at.knows("fast.example")
        for topic in (own("shop"), INTENTS.name):
            await at.screener.screen(at.batch(forged, topic=topic))
        await at.screener.screen(at.batch(real, topic=own("billing")))
        [evidence] = at.press.evidence()
        assert ("jane@fast.example", "topic:email-intents.billing", "email-intents.billing/0/0") == (
            evidence.to, evidence.proved, evidence.origin,
        )  # fmt: skip
        assert ["service-not-the-signers", "signature-missing"] == reasons(at.press.dead())
        assert [("jane@fast.example", "approved")] == [(v.to, v.decision) for v in World().append(evidence)]

    run(scenario, signers=owners)


def test_bounces_of_its_own_are_read_as_others() -> None:
    """In our schema and a provider's; signed by nobody, proved by the topic."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        ours = b'{"recipient": "jane@fast.example", "status": "5.1.1", "service": "shop"}'
        text = b'{"RecordType": "Bounce", "ID": 1, "Type": "HardBounce", "Email": "jane@fast.example"}'
        twice = ours.replace(b"{", b'{"service": "billing", ', 1)
        topic = f"{BOUNCES.name}.shop"
        screened = await at.screener.screen(at.batch(ours, text, twice, topic=topic))
        assert [f"topic:{topic}"] * 2 == [evidence.proved for evidence in at.press.evidence()]
        assert ["repeated-member"] == reasons(at.press.dead())
        assert {(f"topic:{topic}", "held"): 2, (f"topic:{topic}", "repeated-member"): 1} == screened.signatures
        assert {f"topic:{topic}/repeated-member": 1} == screened.refused_by()

    run(scenario, signers=lambda: Signers(topics=[TopicSpeaker(f"{BOUNCES.name}.shop", frozenset({"shop"}))]))
