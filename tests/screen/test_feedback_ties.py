"""From what comes back, as it comes, to the next verdict: forged mail blocks nobody, a token's own bounce does."""

import json
import time
from collections.abc import Sequence
from email.message import EmailMessage

import pytest

from sidestep.schemas import Evidence
from sidestep.streams.screen.keys import Keys
from sidestep.topics.catalog import BOUNCES
from tests.decide.world import World
from tests.screen.test_screener import Desk, Headers, intent, run

LMTP: Headers = [("content-type", b"message/rfc822"), ("door", b"lmtp"), ("provider", b"lmtp")]
JANE, JOE = "jane@fast.example", "joe@fast.example"


def forged_report(*victims: str) -> bytes:
    """What anybody can send: no DSN, no id, no signature."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "MAILER-DAEMON@attacker.example", "bounces@shop.example"
    mail["Subject"] = "Undelivered Mail Returned to Sender"
    mail.set_content("\n".join(f"<{victim}>: 550 5.1.1 user unknown" for victim in victims))
    return mail.as_bytes()


def unsubscribes(whom: str) -> bytes:
    """A forged From: is all that it takes."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = whom, "news@shop.example", "unsubscribe"
    mail.set_content("unsubscribe")
    return mail.as_bytes()


class Story:
    """A desk and a log behind it."""

    def __init__(self, at: Desk):
        self.at, self.world, self._seen = at, World(None), 0
        self.world.append(World.policy_record(at=int(time.time() * 1000)))

    async def offered(self, *recipients: str) -> list[tuple[str, str, str]]:
        """Newsletters to them, now: action, first rule and token of each verdict."""
        await self.at.knows("fast.example")
        ids = [f"{to}-{self._seen}" for to in recipients]
        values = [intent(id, to, stream="newsletter") for id, to in zip(ids, recipients, strict=True)]
        await self.at.screener.screen(self.at.batch(*values))
        verdicts = self.world.append(*self._new())
        return [(it.action, it.rules[0].id if it.rules else "", it.token) for it in verdicts]

    async def told(self, value: bytes, headers: Headers = LMTP) -> None:
        """Something comes back."""
        await self.at.screener.screen(self.at.batch(value, topic=BOUNCES.name, headers=[headers]))
        assert [] == self.world.append(*self._new())

    def _new(self) -> Sequence[Evidence]:
        evidence = self.at.press.evidence()[self._seen :]
        self._seen += len(evidence)
        return evidence


@pytest.mark.parametrize("headers", [LMTP, LMTP[:1]], ids=["by LMTP", "by a script"])
def test_a_hundred_victims_in_one_mail_get_their_mail(headers: Headers) -> None:
    """All of them were blocked for two years."""

    async def scenario(at: Desk) -> None:
        story, victims = Story(at), [f"u{number}@fast.example" for number in range(100)]
        await story.told(forged_report(*victims), headers)
        assert {("send", "stray-report")} == {verdict[:2] for verdict in await story.offered(*victims)}

    run(scenario)


@pytest.mark.parametrize("forged", [forged_report(JANE), unsubscribes(JANE)], ids=["bounce", "opt-out"])
def test_nobody_is_silenced_by_mail_that_he_did_not_send(forged: bytes) -> None:
    """Not even who is mailed every day: whoever can send mail to the mailbox has no token."""

    async def scenario(at: Desk) -> None:
        story = Story(at)
        assert "send" == (await story.offered(JANE))[0][0]
        await story.told(forged)
        assert ("send", "stray-report") == (await story.offered(JANE))[0][:2]

    run(scenario)


def test_a_bounce_with_the_token_in_the_envelope_counts() -> None:
    """VERP: the server that bounced has sent it to the address that the token stands in, and LMTP has told that one."""

    async def scenario(at: Desk) -> None:
        story = Story(at)
        ((_, _, token),) = await story.offered(JANE)
        envelope = json.dumps([f"bounces+{token.upper()}@shop.example"]).encode()
        await story.told(forged_report(JANE), [*LMTP, ("envelope-to", envelope)])
        assert ("drop", "recipient-hard-bounce", "") == (await story.offered(JANE))[0]

    run(scenario)


def test_who_has_a_token_has_it_for_himself() -> None:
    """Joe gets mail, too, and knows his token."""

    async def scenario(at: Desk) -> None:
        story = Story(at)
        (_, (_, _, token)) = await story.offered(JANE, JOE)
        for said in ({"hard": True}, {"kind": "complaint"}):
            await story.told(json.dumps({"recipient": JANE, "token": token} | said).encode(), [])
        assert ("send", "stray-report") == (await story.offered(JANE))[0][:2]
        assert Keys(bytes(32)).recipient(JANE) != Keys(bytes(32)).recipient(JOE)

    run(scenario)


def test_a_forged_not_spam_does_not_suppress_the_real_complaint() -> None:
    """It came first, under the id that the real one was going to have: Jane went on getting mail."""

    async def scenario(at: Desk) -> None:
        story = Story(at)
        await story.offered(JANE)
        for kind in ("not-spam", "complaint"):
            said = {"recipient": JANE, "kind": kind, "id": f"ses:fb-77:{JANE}"}
            await story.told(json.dumps(said).encode(), [])
        assert ("drop", "recipient-complaint") == (await story.offered(JANE))[0][:2]

    run(scenario)


@pytest.mark.parametrize("service", ["shop", "billing"])
def test_a_door_says_whose_mail_it_is_about(service: str) -> None:
    """Where the body doesn't: a bounce of billing's is of no message of the shop's."""

    async def scenario(at: Desk) -> None:
        story = Story(at)
        await story.offered(JANE)
        headers: Headers = [("door", b"a"), ("service", service.encode())]
        await story.told(json.dumps({"recipient": JANE, "hard": True}).encode(), headers)
        assert ("drop" if service == "shop" else "send") == (await story.offered(JANE))[0][0]

    run(scenario)


def test_feedback_is_counted_by_who_tells_what_and_the_rule() -> None:
    """So that it is seen when a provider changes its format. What is refused is counted nowhere here."""

    async def scenario(at: Desk) -> None:
        sendgrid = [
            {"email": JANE, "event": event, "sg_event_id": event, "reason": "550 5.1.1 user unknown"}
            for event in ("bounce", "open")
        ]
        ours = {"recipient": JANE, "kind": "complaint"}
        values = [json.dumps(sendgrid).encode(), json.dumps(ours).encode(), b'{"recipient": "nobody"}', b"hello"]
        values.append(b"From: %s\nAuto-Submitted: auto-replied\nSubject: away\n\nI am away." % JANE.encode())
        screened = await at.screener.screen(at.batch(*values, topic=BOUNCES.name))
        assert {
            ("sendgrid", "bounce", "unknown-user"): 1,
            ("sendgrid", "opened", ""): 1,
            ("auto-reply", "none", ""): 1,
            ("sidestep", "complaint", ""): 1,
        } == screened.forms
        assert 2 == screened.refused

    run(scenario)
