"""The probe as Screen uses it: exchange and address out of DNS, a real SMTP server, the inquiry's answer."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP

from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.sources.answers import Answers
from sidestep.streams.screen.sources.file import Probe
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.screen.sources.probe.prober import Prober

ZONES = {"partner.example": ["MX 10 mx.partner.example"], "mx.partner.example": ["A 127.0.0.1"]}


class Mailboxes:
    """Knows jane."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Her, and nobody else."""
        self.asked.append(address)
        if address != "jane@partner.example":
            return "550 5.1.1 User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"


async def _ask(port: int, name_server: tuple[str, int], *addresses: str) -> list[Answers]:
    settings = Probe(
        enabled=True, domains=("partner.example",), helo="probe.example.com", port=port, rate="100/s,max_burst=100"
    )
    resolver = Resolver([name_server])
    prober = Prober(settings, resolver.addresses, allow_private=True)
    inquiry = Inquiry(resolver, mailboxes=prober)
    heard = [await inquiry.ask(parse(address)) for address in addresses]
    assert heard == [inquiry.known(parse(address)) for address in addresses]
    await prober.close()
    await resolver.close()
    return heard


def test_the_mailbox_is_asked_for_at_the_exchange_that_dns_names() -> None:
    """Yes with an invented one refused, no for a stranger, and both are remembered."""
    handler = Mailboxes()

    async def scenario() -> list[Answers]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(handler, hostname="mx.partner.example"), "127.0.0.1", 0)
        try:
            async with NameServer(ZONES) as ns:
                port = server.sockets[0].getsockname()[1]
                return await _ask(port, ns.address, "jane@partner.example", "john@partner.example")
        finally:
            server.close()

    jane, john = asyncio.run(scenario())
    assert jane.mailbox and john.mailbox
    assert ("yes", "accepted") == (jane.mailbox.outcome, jane.mailbox.reason)
    assert ("no", "no-such-mailbox") == (john.mailbox.outcome, john.mailbox.reason)
    # between the two an invented one, of which nothing is known but its domain
    first, _, last = handler.asked
    assert ("jane@partner.example", "john@partner.example") == (first, last)
