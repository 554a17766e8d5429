"""Strangers: requests without a token that is known, and how many of them one address may send. Pure.

Who guesses tokens is slowed down, and who floods is told so with less work than an answer takes. Requests with a token
never count here: those behind one proxy share an address.
"""

import ipaddress
from collections import OrderedDict

from sidestep.streams.gcra import Rate, advance, earliest, parse_rate

STRANGERS_RATE = parse_rate("20/s,max_burst=100")
ADDRESSES_MAX = 4_096
"""Addresses that are remembered; the one that asked least recently is forgotten first."""


class Strangers:
    """The allowances of addresses whose requests carry no known token."""

    def __init__(self, rate: Rate = STRANGERS_RATE) -> None:
        self._rate = rate
        self._tats: OrderedDict[str, int] = OrderedDict()

    def wait(self, address: str, now_us: int) -> int:
        """Seconds after which a request of this address conforms; 0: it does now, and is counted.

        `now_us`: microseconds of a clock that only goes forward.
        """
        network = _network(address)
        tat = self._tats.get(network, 0)
        wait_us = earliest(self._rate, tat) - now_us
        if wait_us > 0:
            return -(-wait_us // 1_000_000)
        self._tats[network] = advance(self._rate, tat, now_us)
        self._tats.move_to_end(network)
        if len(self._tats) > ADDRESSES_MAX:
            self._tats.popitem(last=False)
        return 0


def _network(address: str) -> str:
    """What one party certainly has: an IPv4 address, or 64 bits of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return address if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
