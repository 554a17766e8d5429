"""POST /v1/validate over real sockets, with a real name server: what it answers, and when."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request

from sidestep.schemas import MxFinding
from sidestep.streams.decide.policy import Policy
from sidestep.streams.gcra import parse_rate
from sidestep.streams.screen.check import check
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.findings import subject
from sidestep.streams.screen.lists.classes import Lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.answers import Answers
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.web.validate.answer import Answerer, CurrentVersions, Result
from sidestep.streams.web.validate.api import Api
from sidestep.streams.web.validate.checking import Checker
from sidestep.streams.web.validate.token_file import TokenFile
from sidestep.streams.web.validate.tokens import line_of
from tests.fixture_types import WaitUntil
from tests.web.validate.service import NewService, Service


def _ids(result: dict[str, Any]) -> list[str]:
    return [rule["id"] for rule in result["rules"]]


def test_what_lying_name_servers_deny_is_unknown(anew: NewService) -> None:
    """A form must not turn a customer away because the server's network has no way out; the sentence says why."""
    (found,) = anew(canaries=["canary.example"]).check("jane@nowhere.example")
    assert ("unknown", ["dns-unknown"], "resolver-denies-all") == (found["outcome"], _ids(found), found["mx_reason"])
    assert "(the name servers are not to be believed, they deny domains" in found["rules"][0]["text"]


@pytest.mark.parametrize(
    ("address", "outcome", "rules", "mx", "suggestion"),
    [
        ("jane@good.example", "approved", [], "yes", None),
        ("jane@null.example", "rejected", ["domain-takes-no-mail"], "no", None),
        ("jane@nowhere.example", "rejected", ["domain-takes-no-mail"], "no", None),
        ("jane@broken.example", "unknown", ["dns-unknown"], "unknown", None),
        ("jane@gmial.com", "rejected", ["domain-takes-no-mail", "typo-domain"], "no", "jane@gmail.com"),
        ("jane@yopmail.com", "rejected", ["disposable-address"], "yes", None),
        ("info@good.example", "approved", ["role-address"], "yes", None),
        ("jane..doe@good.example", "rejected", ["address-syntax"], "unknown", None),
        ("", "rejected", ["address-syntax"], "unknown", None),
    ],
)
def test_each_kind_of_address(
    service: Service, address: str, outcome: str, rules: list[str], mx: str, suggestion: str | None
) -> None:
    """The outcome follows from the rules of the shipped policy, and names them with a sentence."""
    reply = service.post(json.dumps({"address": address}).encode())
    found = reply.json
    assert reply.status == 200
    assert (address, outcome, rules, mx) == (found["address"], found["outcome"], _ids(found), found["mx"])
    assert suggestion == found["suggestion"]
    assert all(rule["text"].endswith(".") or rule["text"].endswith("?") for rule in found["rules"])


def test_the_evidence_is_what_check_address_reports(service: Service, lists: Lists) -> None:
    """Field for field, and the versions of the policy and the lists besides."""
    (found,) = service.check("No-Reply@Yopmail.com")
    mx = MxFinding("yes", "mx", found["mx_checked_at"], found["mx_ttl"])
    about, answers = subject("No-Reply@Yopmail.com", DomainBook(lists, suggest, 1).facts), Answers(mx)
    (findings,) = Examiner(lists).examine([(about, answers)])
    expected = check(about, answers, findings, lists).as_dict()
    assert expected == {name: found[name] for name in expected} | {"classes": tuple(found["classes"])}
    assert {"outcome", "rules", "versions"} == found.keys() - expected.keys()
    assert all(found["versions"].values())


def test_a_thousand_addresses_come_back_in_order(service: Service) -> None:
    """Each domain is asked for once, however often it occurs; duplicates are answered like the first."""
    addresses = [f"user{number}@n{number % 400}.many.example" for number in range(900)] + ["a@good.example"] * 100
    for _ in range(6):  # a busy machine may not be through within one request's time; what it found it remembers
        found = service.check(*addresses, deadline_ms=5000)
        assert addresses == [result["address"] for result in found]
        if {"approved"} == {result["outcome"] for result in found}:
            break
    else:
        pytest.fail("not all are known, however often they are asked for")
    assert service.ns.queries["n7.many.example/MX"] == 1


def test_one_more_than_a_thousand_is_refused(service: Service) -> None:
    """So is none, and the sentence says which limit it was."""
    for addresses in (["a@good.example"] * 1001, []):
        reply = service.post(json.dumps({"addresses": addresses}).encode())
        assert (reply.status, reply.json["code"]) == (422, "unfit")
        assert "$.addresses" in reply.json["detail"]


def test_near_misses_that_come_together_are_judged_together(service: Service) -> None:
    """Three with one exchange are a trap cluster, the first of them as well as the last."""
    found = service.check("a@gmaiil.com", "b@hotmaul.de", "c@good.example", "d@outlpok.de", deadline_ms=5000)
    assert ["trap-cluster" in result["classes"] for result in found] == [True, True, False, True]
    assert found[0]["suggestion"] == "a@gmail.com"


def test_a_silent_name_server_is_unknown_when_the_deadline_comes(service: Service) -> None:
    """The answer does not wait for DNS to give up, and nothing is rejected; what is known is answered in full."""
    unknown, known = service.check("jane@silent.example", "info@good.example", deadline_ms=60)
    assert ("unknown", "unknown", "deadline") == (unknown["outcome"], unknown["mx"], unknown["mx_reason"])
    assert ["dns-unknown"] == _ids(unknown)
    assert "approved" == known["outcome"]


def test_what_came_too_late_is_known_the_next_time(service: Service, wait_until: WaitUntil) -> None:
    """The look-up goes on behind the answer and fills the cache."""
    service.ns.fault("late.example", "delay 0.15")
    assert service.check("jane@late.example", deadline_ms=1)[0]["mx_reason"] == "deadline"
    wait_until(lambda: service.check("jane@late.example", deadline_ms=1)[0]["outcome"] == "approved")
    assert service.ns.queries["late.example/MX"] == 1


def test_the_deadline_that_held_is_told(service: Service) -> None:
    """The request's own, else 500 ms."""
    assert service.post(b'{"address": "a@good.example"}').headers["sidestep-deadline-ms"] == "500"
    reply = service.post(b'{"address": "a@good.example", "deadline_ms": 7}')
    assert reply.headers["sidestep-deadline-ms"] == "7"


def test_too_many_questions_under_way_are_not_asked(anew: NewService) -> None:
    """Memory stays bounded: beyond the limit a new domain is unknown at once, and what is cached is answered still."""
    own = anew(under_way_max=3)
    assert own.check("a@good.example", deadline_ms=5000)[0]["outcome"] == "approved"
    found = own.check(*(f"a@n{n}.many.example" for n in range(5)), "a@good.example", deadline_ms=5000)
    reasons = [result["mx_reason"] for result in found]
    assert (["mx"] * 3 + ["busy"] * 2 + ["mx"], "unknown") == (reasons, found[4]["outcome"])


class _Broken:
    """An asker with an error of ours."""

    def cached(self, _: str) -> None:
        return None

    async def find(self, domain: str) -> MxFinding:
        raise RuntimeError(f"somebody at {domain}")


def test_an_error_of_an_asker_is_unknown(lists: Lists, policy: Policy, caplog: pytest.LogCaptureFixture) -> None:
    """It costs that address its answer and nobody else's; the log says so without the address."""
    answerer = Answerer(policy, lists, CurrentVersions(policy.version, lists.versions))

    async def check_two() -> list[Result]:
        checker = Checker(Inquiry(_Broken()), DomainBook(lists, suggest, 1), answerer)
        found = await checker.check(["jane@good.example", "jane"], "", asyncio.get_running_loop().time() + 5)
        await checker.close()
        return found

    broken, sound = asyncio.run(check_two())
    assert ("unknown", "internal", "rejected") == (broken.outcome, broken.mx_reason, sound.outcome)
    assert "an error of ours" in caplog.text and "jane" not in caplog.text


def test_it_is_not_ready_while_it_stops(tmp_path: Path) -> None:
    """So that a load balancer looks elsewhere."""
    (tmp_path / "tokens").write_text(line_of("a", "one"))
    (tmp_path / "tokens").chmod(0o600)
    api = Api(cast("Checker", None), TokenFile(tmp_path / "tokens", parse_rate("1/s")))
    asked = make_mocked_request("GET", "/readyz")
    ready = asyncio.run(api.readyz(asked)).status
    api.stopping = True
    assert (200, 503) == (ready, asyncio.run(api.readyz(asked)).status)


def test_a_request_under_way_is_answered_when_the_server_stops(anew: NewService, wait_until: WaitUntil) -> None:
    """Whoever has asked gets the answer; whoever comes later is not let in."""
    own = anew()
    own.ns.fault("stopped.example", "delay 0.4")
    found: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: found.extend(own.check("a@stopped.example", deadline_ms=5000)))
    asking.start()
    wait_until(lambda: own.ns.queries["stopped.example"])
    own.stop()
    asking.join(20)
    assert ["approved"] == [result["outcome"] for result in found]
    with pytest.raises(OSError):
        own.ask("GET", "/livez")


def test_one_tokens_dead_domains_keep_nobody_else_waiting(anew: NewService) -> None:
    """Single addresses too: whoever asks about many silent domains has three quarters of the slots, the next asker has
    an answer."""
    own = anew(slots=16)
    names = [f"silent{number}.example" for number in range(40)]
    for name in names:
        own.ns.fault(name, "drop")
    asked = [json.dumps({"address": f"a@{name}", "deadline_ms": 1}).encode() for name in names]
    assert {"deadline"} == {own.post(body).json["mx_reason"] for body in asked}
    reply = own.post(b'{"address": "a@good.example", "deadline_ms": 1000}', token=own.slow_token)
    assert "approved" == reply.json["outcome"]
    late = own.post(b'{"address": "a@null.example", "deadline_ms": 100}')
    assert "deadline" == late.json["mx_reason"]


def test_a_batch_of_dead_domains_keeps_no_single_address_waiting(anew: NewService) -> None:
    """The questions that go on behind a batch's answer take half of what DNS takes on at once, not all of it."""
    own = anew(slots=530)
    names = [f"dead{number}.example" for number in range(400)]
    for name in names:
        own.ns.fault(name, "drop")
    late = own.check(*(f"a@{name}" for name in names), deadline_ms=1)
    assert {"deadline"} == {result["mx_reason"] for result in late}
    # two more rounds of dead domains wait for their turn; one address alone does not
    (found,) = own.check("jane@new.example", deadline_ms=5000)
    assert "nxdomain" == found["mx_reason"]
    assert own.ns.queries["new.example/MX"] == 1
    assert sum(own.ns.queries[f"{name}/MX"] > 0 for name in names) < len(names)
