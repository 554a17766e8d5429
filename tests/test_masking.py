"""No address gets into what is kept or logged: texts of people, servers and libraries lose it, our own quote none."""

import json
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Bounce, EmailIntent
from sidestep.schemas.codec import ContractError, decode
from sidestep.schemas.reading import read_intent
from sidestep.streams.errors import without_text
from sidestep.streams.masking import without_local_parts
from sidestep.streams.observe.health import Health
from sidestep.streams.observe.logs import JsonFormatter, TextFormatter
from sidestep.streams.screen.address.parse import parse as parse_address
from sidestep.streams.screen.evidence import trap_evidence
from sidestep.streams.screen.holds import hold_record
from sidestep.streams.screen.intake import read_feedback
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.sources.feeds.parse import EntryKind, read
from sidestep.streams.screen.suppressions import Target, suppress_record
from sidestep.streams.screen.traps import note, trap_record
from tests.leaks import MARK

JANE = f"{MARK}.doe@mail.example"
SAID = f"550 5.1.1 <{JANE}> is unknown here"
NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/u?to=jane%40mail.example&x=1", "***%40mail.example&x=1"),
        ("a%40b.example,c%40d.example", "***%40b.example,***%40d.example"),
        ("jane＠mail.example", "***＠mail.example"),
        ("<jane@mail.example> (jane@mail.example)", "<***@mail.example> (***@mail.example)"),
        ("100%4000", "***%4000"),
        ("nobody here", "nobody here"),
    ],
)
def test_addresses_lose_their_local_part_in_any_spelling(text: str, expected: str) -> None:
    """As it is, as URLs have it, with a wide at sign."""
    assert expected == without_local_parts(text)


@pytest.mark.parametrize("text", ["%40", "a%40", "a@", '"a', "＠", "a%4", "%40a"])
def test_any_text_is_masked_in_reasonable_time(text: str) -> None:
    """Half a megabyte of what the pattern has to look at."""
    start = time.perf_counter()
    without_local_parts(text * (500_000 // len(text)) + "@x")
    assert time.perf_counter() - start < 2


@given(st.from_regex(r"[a-z0-9._+-]{1,40}", fullmatch=True), st.text(max_size=20), st.text(max_size=20))
def test_no_local_part_is_left(local: str, before: str, behind: str) -> None:
    """Whatever stands around it."""
    assert f"{local}@mail.example" not in without_local_parts(f"{before} {local}@mail.example {behind}")


@pytest.mark.parametrize(
    "fields",
    [
        {"created_at": JANE}, {"created_at": JANE.partition("@")[0]}, {"consent_at": f"2026 {MARK}"},
        {"to": f"{JANE}\0"}, {"service": f"{JANE}\n"}, {"id": f"{JANE}\u2028"}, {"attempt": MARK}, {"metadata": JANE},
        {MARK: 1, "id": 5},
    ],
)  # fmt: skip
def test_refusals_of_intents_quote_nothing(fields: dict[str, object]) -> None:
    """The sentence gets into logs, and into /livez where a worker stops for it."""
    value = json.dumps({"id": "x", "to": "a@d.example", "service": "shop"} | fields).encode()
    with pytest.raises(ContractError) as refused:
        read_intent(value, NOW)
    assert MARK not in str(refused.value)


@pytest.mark.parametrize("value", [{"kind": JANE}, {"kind": f"a' - at `$.x`{MARK}"}, {"scope": JANE}, {"status": JANE}])
def test_refusals_of_feedback_quote_nothing(value: dict[str, str]) -> None:
    """Nor msgspec's, which repeat what is not one of the values that may be."""
    record = json.dumps({"recipient": "a@d.example"} | value).encode()
    for refuse in (lambda: decode(Bounce, record), lambda: read_feedback(record, Bounce, "", NOW)):
        with pytest.raises(ContractError) as refused:
            refuse()
        assert MARK not in str(refused.value) and "$." in str(refused.value)


def test_a_time_that_is_meant_as_one_is_shown() -> None:
    """So that whoever wrote it sees what is wrong."""
    value = json.dumps({"id": "x", "to": "a@d.example", "service": "s", "created_at": "31/12/2026"}).encode()
    with pytest.raises(ContractError, match="'31/12/2026'"):
        read_intent(value, NOW)
    assert decode(EmailIntent, value.replace(b"31/12/2026", b"2026-12-31")).id == "x"


def test_reasons_that_are_kept_hold_no_address() -> None:
    """Of people, and of providers: they stand in notes, in rows and in every verdict for as long as they count."""
    keys, mailbox = Keys(b"k" * 32), Target("mail.example", b"r" * 16)
    hit = Bounce(recipient=JANE, kind="trap-hit", reply=" " * 150 + SAID, id="1")
    record = trap_evidence(hit, parse_address(JANE), keys, NOW, "email-bounces/0/1")
    assert MARK not in str(record) and "550 5.1.1" in record.reason
    assert MARK not in str(note(record))
    assert MARK not in str(suppress_record(mailbox, 0, SAID, "ops", 1))
    assert MARK not in str(trap_record(mailbox, "ops", SAID, 0, 1))
    assert MARK not in str(hold_record("shop", 10**13, SAID, 1))


@pytest.mark.parametrize("kind", ["addresses", "sha256", "domains", "exchanges"])
def test_lines_of_feeds_that_cannot_be_read_repeat_no_address(kind: EntryKind) -> None:
    """They stand in the log, in `sidestep lists status` and in the feed's state on disk."""
    lines = [f"{JANE} twice {JANE}".encode(), f"{'x' * 50}{MARK}{'y' * 50}@mail.example and".encode()]
    examples = read([("feed", lines)], kind).examples
    assert examples and MARK not in " ".join(examples)


def test_errors_of_ours_are_logged_without_their_text() -> None:
    """Where it happened and what kind of error, no value that it was about; in both forms of logs."""
    with pytest.raises(ValueError) as raised:
        int(MARK)
    caught = without_text(raised.value)
    info = (type(caught), caught, caught.__traceback__)
    record = logging.LogRecord("sidestep.x", logging.ERROR, "", 1, "an error of ours", (), info)
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(record)
        assert MARK not in line.replace("int(MARK)", "") and "ValueError" in line and "test_masking.py" in line


def test_what_readyz_says_holds_no_address() -> None:
    """Reasons repeat what errors say."""
    health = Health()
    health.fatal(f"a library: {SAID}")
    health.broker_error(SAID)
    assert MARK not in json.dumps([health.livez(), health.readyz()])
