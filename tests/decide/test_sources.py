"""Sources of addresses: new ones are metered until there was time for what comes back, bad ones are held."""

import re
from typing import Any

import pytest

from sidestep.schemas import MxFinding, SourceHoldRecord, Verdict
from sidestep.streams.decide.keys import source_key
from sidestep.streams.decide.policy_text import parse_logged
from sidestep.streams.decide.tables import SOURCES, SourceRow
from tests.decide.world import World

HOUR, DAY = 3_600_000, 86_400_000
FIGURES = {
    "messages": 8,
    "wait": 14_400,
    "learning_days": 0,
    "least": 5,
    "bounce_share": 0.4,
    "least_complaints": 2,
    "complaint_share": 0.2,
}


class Imports:
    """A world in which a service sends to a list, one message to each address."""

    def __init__(self, new_world: type[World], partitions: int = 1, **figures: Any):
        text = new_world.policy_text()
        for name, figure in (FIGURES | figures).items():
            text, count = re.subn(rf"(?m)^{name} = \S+", f"{name} = {figure}", text)
            assert count == 1, name
        self.world = new_world(None)
        self.world.append(new_world.policy_record(text, partitions=partitions))
        self.count = 0

    def send(self, many: int = 1, source: str = "import", **fields: Any) -> list[str]:
        """What became of so many more messages: send, or the rule that kept one back."""
        said = []
        for _ in range(many):
            self.count += 1
            verdict = self.world.intent(f"i{self.count}", to=f"u{self.count}@example.com", source=source, **fields)
            said.append(verdict.rules[0].id if verdict.action == "defer" else verdict.action)
        return said

    def feedback(self, event: str, *numbers: int, **fields: Any) -> None:
        """What came of the messages with these numbers."""
        for number in numbers:
            self.world.feedback(event, to=f"u{number}@example.com", id=f"{event}-{number}", **fields)

    def bounce(self, *numbers: int) -> None:
        """No such mailbox."""
        self.feedback("bounce", *numbers, hard=True, scope="recipient", reason="userunknown")

    @property
    def row(self) -> SourceRow:
        """The story of `import`."""
        return self.world.row(SOURCES, source_key("shop", "import"))


@pytest.fixture
def imports(new_world: type[World]) -> Imports:
    """By FIGURES."""
    return Imports(new_world)


def test_a_new_source_waits_for_what_comes_back(imports: Imports) -> None:
    """Its first messages go out; the next ones say until when they wait; then all go."""
    assert ["send"] * 8 + ["source-probation"] == imports.send(9)
    last = imports.world.now
    imports.world.wait(HOUR)
    verdict = imports.world.intent("x", source="import")
    assert verdict.retry_at == (last + 4 * HOUR) / 1000
    assert "is new here: its first messages are out, the rest waits 3 hours" in verdict.rules[0].text
    imports.world.wait(3 * HOUR)
    assert ["send"] * 30 == imports.send(30)
    assert imports.row.passed


def test_a_bad_first_batch_holds_the_rest(imports: Imports) -> None:
    """With the figures, until a time; after it the source is new again."""
    imports.send(8)
    imports.bounce(1, 2, 3, 4)
    assert ["source-held"] * 3 == imports.send(3)
    verdict = imports.world.intent("x", source="import")
    assert "of its last 8 messages 4 bounced for good (50 %), 0 were reported as spam" in verdict.rules[0].text
    assert verdict.retry_at is not None
    assert 14 * DAY <= verdict.retry_at * 1000 - imports.world.now < 14 * DAY + HOUR
    imports.world.wait(14 * DAY + 1000)
    assert ["send"] * 8 + ["source-probation"] == imports.send(9)


@pytest.mark.parametrize(
    ("event", "many", "held"), [("complaint", 1, False), ("complaint", 2, True), ("opened", 8, False)]
)
def test_complaints_hold_it_too(imports: Imports, event: str, many: int, held: bool) -> None:
    """A quarter of eight."""
    imports.send(8)
    imports.feedback(event, *range(1, many + 1))
    imports.world.wait(5 * HOUR)
    assert ["source-held" if held else "send"] == imports.send()


def test_few_messages_say_nothing(imports: Imports) -> None:
    """One bounce of one is no bad list."""
    imports.send(4)
    imports.bounce(1, 2, 3, 4)
    assert ["send"] == imports.send()
    assert ["source-held"] == imports.send()


def test_it_is_held_whenever_it_turns_bad(imports: Imports) -> None:
    """Long after its probation."""
    imports.send(8)
    imports.world.wait(5 * HOUR)
    imports.send(12)
    imports.bounce(*range(9, 17))
    assert ["source-held"] == imports.send()


def test_after_a_long_silence_it_is_new_again(imports: Imports) -> None:
    """Whatever it was before."""
    imports.send(8)
    imports.world.wait(5 * HOUR)
    imports.send(12)
    imports.world.wait(181 * DAY)
    assert ["send"] * 8 + ["source-probation"] == imports.send(9)


def test_feedback_counts_for_the_source_of_the_last_message(imports: Imports) -> None:
    """Who brought the address first has sent nothing that bounced."""
    imports.send(5)
    imports.world.wait(5 * HOUR)
    for number in range(1, 6):
        imports.world.intent(f"again-{number}", to=f"u{number}@example.com", source="old-crm")
    imports.bounce(1, 2, 3)
    assert ["send", "source-held"] == [*imports.send(), *imports.send(source="old-crm")]


def test_a_campaign_is_held_likewise(imports: Imports) -> None:
    """With or without a source, and it is not metered: each newsletter is a new campaign."""
    assert ["send"] * 20 == imports.send(20, source="", campaign="may")
    imports.bounce(*range(1, 9))
    assert ["source-held"] == imports.send(source="", campaign="may")
    assert ["send"] == imports.send(source="", campaign="june")
    assert "The campaign may of shop is held" in imports.world.intent("x", campaign="may").rules[0].text


def test_a_campaign_does_not_pay_for_a_bad_list(imports: Imports) -> None:
    """The list is held; who is on another one gets the same campaign. Complaints are about what it says."""
    imports.send(8, campaign="may")
    imports.bounce(*range(1, 7))
    assert ["source-held"] == imports.send(campaign="may")
    assert ["send"] * 8 == imports.send(8, source="form", campaign="may")
    imports.feedback("complaint", 10, 11, 12, 13)
    assert ["source-held"] == imports.send(source="other", campaign="may")


@pytest.mark.parametrize("event", ["clicked", "delivered"])
def test_whoever_answered_or_took_mail_lately_is_not_kept_back(imports: Imports, event: str) -> None:
    """Neither by a probation nor by a source that is bad: most people are never seen to read. After a bounce neither
    says anything."""
    imports.send(8)
    imports.feedback(event, 1, 2)
    imports.bounce(2, 3, 4, 5)
    said = [imports.world.intent(f"x{n}", to=f"u{n}@example.com", source="import") for n in (1, 2, 6)]
    assert ["send", "drop", "defer"] == [verdict.action for verdict in said]


@pytest.mark.parametrize(("event", "action"), [("clicked", "send"), ("delivered", "defer")])
def test_who_took_mail_but_is_at_risk_waits_with_the_others(imports: Imports, event: str, action: str) -> None:
    """Traps take mail as well. A person who was seen does not wait."""
    imports.send(8)
    imports.feedback(event, 1)
    imports.bounce(2, 3, 4, 5)
    risky = {"to": "u1@example.com", "source": "import", "classes": ("role", "machine-made")}
    assert action == imports.world.intent("y", **risky).action


@pytest.mark.parametrize(("by", "action"), [("watch", "send"), ("ops", "defer"), ("", "defer")])
def test_a_hold_by_a_person_spares_only_who_answered(imports: Imports, by: str, action: str) -> None:
    """Watch holds what looks bad on the whole; a person may know something else."""
    imports.send(2)
    imports.feedback("delivered", 1)
    imports.feedback("clicked", 2)
    hold = SourceHoldRecord("shop", "import", imports.world.now + HOUR, "an old list", imports.world.now, by)
    imports.world.append(hold)
    said = [imports.world.intent(f"x{n}", to=f"u{n}@example.com", source="import") for n in (1, 2, 3)]
    assert [action, "send", "defer"] == [verdict.action for verdict in said]


def revived(imports: Imports, days: float, **fields: Any) -> Verdict:
    """So long after its only message somebody clicked in, the list is mailed again, and Watch holds it."""
    imports.world.wait(days * DAY)
    now = imports.world.now
    imports.world.append(SourceHoldRecord("shop", "import", now + HOUR, "nobody had mail for long", now, "watch"))
    imports.world.intent("stranger", to="u9@example.com", source="import")
    return imports.world.intent("revived", to="u1@example.com", source="import", **fields)


@pytest.mark.parametrize(("days", "action"), [(400, "send"), (539, "send"), (541, "defer")])
def test_who_was_seen_goes_on_although_the_list_is_held(imports: Imports, days: int, action: str) -> None:
    """Longer than a year; the verdict says since when. Later the mailbox may be a trap by now."""
    imports.send(1)
    imports.feedback("clicked", 1)
    verdict = revived(imports, days)
    assert (action, "source-on-hold") == (verdict.action, verdict.rules[-1 if action == "send" else 0].id)
    goes_on = "This mailbox goes on: somebody has opened, clicked or answered mail there, last on 15 January 2027."
    assert (action == "send") == verdict.rules[-1].text.endswith(goes_on)


def test_what_a_recycled_trap_was_before_does_not_let_it_through(new_world: type[World]) -> None:
    """A person clicked, then it bounced, then it took mail again; whatever the rules about bounces are set to."""
    imports = Imports(new_world)
    text = new_world.policy_text({"recipient-hard-bounce": "off", "recycled-address": "off", "trap-risk": "off"})
    imports.world.append(new_world.policy_record(text))
    imports.send(1)
    imports.feedback("clicked", 1)
    imports.world.wait(DAY)
    imports.bounce(1)
    imports.world.wait(DAY)
    imports.feedback("delivered", 1)
    assert "defer" == revived(imports, 200).action


def test_who_was_seen_before_a_domain_moved_says_nothing_of_who_has_it_now(imports: Imports) -> None:
    """Neither a click nor that mail was taken."""
    before, after = (MxFinding("yes", "mx", imports.world.now, 300, (f"mx.{name}.example",)) for name in ("old", "new"))
    imports.send(1, mx=before)
    imports.feedback("clicked", 1)
    imports.feedback("delivered", 1)
    assert "defer" == revived(imports, 30, mx=after).action


def test_a_policy_may_let_nobody_through(new_world: type[World]) -> None:
    """Not for a click; who took mail lately and is hardly at risk has a figure of its own."""
    imports = Imports(new_world, spared_days=0)
    imports.send(1)
    imports.feedback("clicked", 1)
    assert "defer" == revived(imports, 30).action


def test_a_policy_of_an_earlier_version_spares_readers_as_long_as_it_did(new_world: type[World]) -> None:
    """It had one time for whom the risk takes for dormant and for whom a hold lets through."""
    text, count = re.subn(r"(?m)^spared_days = .*\n(?:\s+#.*\n)*", "", new_world.policy_text())
    assert (1, 365) == (count, parse_logged(text).spared_days)


def test_a_ledger_that_is_new_itself_knows_no_new_sources(new_world: type[World]) -> None:
    """For some days whatever it meets has been there before; what comes later is metered, an upgrade included."""
    imports = Imports(new_world, learning_days=7)
    assert ["send"] * 20 == imports.send(20)
    imports.world.wait(6 * DAY)
    assert ["send"] * 20 == imports.send(20, source="form")
    imports.world.wait(2 * DAY)
    assert ["send"] * 20 == imports.send(20)
    assert ["send"] * 8 + ["source-probation"] == imports.send(9, source="bought")


def test_a_source_on_hold_waits_until_the_hold_ends(imports: Imports) -> None:
    """The others of its service do not; lifted, it goes on."""
    until = imports.world.now + HOUR
    imports.world.append(SourceHoldRecord("shop", "import", until, "an old list", imports.world.now))
    verdict = imports.world.intent("x", source="import")
    assert "defer" == verdict.action
    assert verdict.retry_at is not None
    assert until <= verdict.retry_at * 1000 < until + HOUR
    assert "import of shop is on hold until 15 January 2027, 09:00 UTC: an old list." in verdict.rules[0].text
    assert ["send", "send"] == [*imports.send(source="form"), *imports.send(service="bank")]
    imports.world.append(SourceHoldRecord("shop", "import", 0, "released", imports.world.now))
    assert ["send"] == imports.send()
    imports.world.append(SourceHoldRecord("shop", "import", imports.world.now + HOUR, "again", imports.world.now))
    imports.world.wait(HOUR)
    assert ["send"] == imports.send()


def test_sources_are_apart(imports: Imports) -> None:
    """One service's import is not another one's; without a source nobody waits, tests neither."""
    imports.send(9)
    assert ["send"] == imports.send(service="bank")
    assert ["send"] == imports.send(source="form")
    assert ["send"] * 20 == imports.send(20, source="")
    assert ["send"] == imports.send(test=True)


def test_each_partition_has_its_share_of_the_first_messages(new_world: type[World]) -> None:
    """Together as many as the policy says; one each at the least."""
    assert ["send"] * 2 + ["source-probation"] == Imports(new_world, partitions=4).send(3)
    assert ["send", "source-probation"] == Imports(new_world, partitions=40).send(2)


@pytest.mark.parametrize("off", ["source-held", "source-probation"])
def test_each_rule_can_be_off(new_world: type[World], off: str) -> None:
    """The other one goes on."""
    imports = Imports(new_world)
    text = new_world.policy_text({off: "off"})
    for name, figure in FIGURES.items():
        text = re.sub(rf"(?m)^{name} = \S+", f"{name} = {figure}", text)
    imports.world.append(new_world.policy_record(text))
    imports.send(8)
    imports.bounce(1, 2, 3, 4)
    assert ["source-probation" if off == "source-held" else "source-held"] == imports.send()


def test_what_is_kept_back_takes_no_slot_and_leaves_no_trace(imports: Imports) -> None:
    """Neither with its domain's limit nor in the stories of recipients."""
    imports.send(8)
    before = imports.row.sent
    imports.send(5)
    assert (8, 8) == (before, imports.row.sent)
