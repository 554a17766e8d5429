"""Whom the mailbox probe may ask: nobody unless it is switched on, and then only who is named."""

from typing import Any

import pytest

from sidestep.schemas import MxFinding
from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.sources.file import Probe
from sidestep.streams.screen.sources.probe.allowed import allow_list, operator_of

OWN = MxFinding("yes", "mx", exchanges=("mx1.lantern.example", "mx2.lantern.example", "mx3.lantern.example"))
GOOGLE = MxFinding("yes", "mx", exchanges=("aspmx.l.google.com",), provider="google")
BELOW_OWN = MxFinding("yes", "mx", exchanges=("mx.trap.example", "aspmx.l.google.com"), provider="google")


def _probe(**options: Any) -> Probe:
    plain: dict[str, Any] = {"enabled": True, "helo": "probe.sidestep.example", "domains": ("lantern.example",)}
    return Probe(**plain | options)


def _exchanges(text: str, mx: MxFinding, **options: Any) -> tuple[str, ...]:
    return allow_list(_probe(**options)).exchanges(parse(text), mx)


def test_off_means_nobody() -> None:
    """Without a word in the sources file nobody is asked, and what else stands there does not matter."""
    assert () == allow_list(Probe()).exchanges(parse("jane@lantern.example"), OWN)
    assert () == _exchanges("jane@lantern.example", OWN, enabled=False, helo="", rate="nonsense")


def test_domains_by_name() -> None:
    """A domain that is named, in any spelling, and none below it: two exchanges at most, best first."""
    assert OWN.exchanges[:2] == _exchanges("jane@Lantern.Example", OWN)
    assert () == _exchanges("jane@shop.lantern.example", OWN)
    assert () == _exchanges("jane@other.example", OWN)
    assert OWN.exchanges[:2] == _exchanges("jane@b\u00fccher.example", OWN, domains=("B\u00dcCHER.example",))


def test_without_mx_the_domain_itself() -> None:
    """RFC 5321 section 5.1: its own address is its exchange."""
    assert ("lantern.example",) == _exchanges("jane@lantern.example", MxFinding("yes", "address"))


def test_providers_only_at_their_own_hosts() -> None:
    """Whoever puts a provider's exchange below their own does not get asked under the provider's name."""
    assert GOOGLE.exchanges == _exchanges("jane@any.example", GOOGLE, domains=(), providers=("google",))
    assert GOOGLE.exchanges == _exchanges("jane@any.example", BELOW_OWN, domains=(), providers=("google",))
    assert () == _exchanges("jane@any.example", GOOGLE, domains=(), providers=("microsoft",))
    assert BELOW_OWN.exchanges == _exchanges("jane@lantern.example", BELOW_OWN)


@pytest.mark.parametrize("local", ["info", "no_reply", "Abuse+x", "spamtrap", "honeypot"])
def test_nobody_in_particular_is_not_asked_about(local: str) -> None:
    """Roles are read by those who look for probes; honeypots are there to report them."""
    assert () == _exchanges(f"{local}@lantern.example", OWN)
    assert () != _exchanges("postmaster@lantern.example", OWN)


@pytest.mark.parametrize(
    "mx", [MxFinding("no", "null-mx"), MxFinding("unknown", "timeout"), MxFinding("yes", "mx", provider="sedo")]
)
def test_only_who_takes_mail(mx: MxFinding) -> None:
    """No mail, not known, or parked: there is no mailbox to ask about."""
    assert () == _exchanges("jane@lantern.example", mx)
    assert () == _exchanges("not an address@lantern.example", OWN)


@pytest.mark.parametrize(
    ("options", "about"),
    [
        ({"helo": ""}, "helo"),
        ({"helo": "local host"}, "helo"),
        ({"mail_from": "jane"}, "mail_from"),
        ({"mail_from": "j\u00fcrgen@lantern.example"}, "mail_from"),
        ({"domains": ()}, "nobody may be asked"),
        ({"domains": ("[192.0.2.1]",)}, "domains"),
        ({"providers": ("gogle",)}, "gogle"),
        ({"rate": "6 per minute"}, "rate"),
    ],
)
def test_faults_are_named(options: dict[str, Any], about: str) -> None:
    """Each setting that a probe can't be run with is an error that says which, and what to do."""
    with pytest.raises(SourcesError, match=about):
        allow_list(_probe(**options))


def test_hosts_of_one_operator_share_what_they_may_be_asked() -> None:
    """A provider's hosts under several names, and everybody else's under one registrable domain."""
    assert "google" == operator_of("aspmx.l.google.com") == operator_of("alt1.gmail-smtp-in.l.google.com")
    assert "lantern.example" == operator_of("mx1.lantern.example") == operator_of("mx2.eu.lantern.example")
