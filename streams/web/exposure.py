"""The exposure of a server: loopback in plain text, anywhere else with TLS, or in plain text on purpose."""

import ipaddress
import socket
from collections.abc import Iterable
from typing import NamedTuple

from sidestep.streams.errors import SettingsError


class SettingNames(NamedTuple):
    """The names of a server's settings in errors; of host and port up to their values."""

    host: str
    port: str
    certificate: str
    key: str
    plaintext: str
    """What says that plain text is meant."""
    zero: str
    """What port 0 does."""
    instead: str = ""
    """What else helps where the port is taken."""


def check_exposure(host: str, names: SettingNames, encrypted: bool, plaintext: bool) -> None:
    """Check the exposure of a server. Raises SettingsError where plain text would leave this machine by mistake."""
    if encrypted or plaintext or is_loopback(host, names):
        return
    raise SettingsError(
        f"{names.host}{host} is not loopback: tokens and answers would cross the network in plain text. Give "
        f"{names.certificate} and {names.key}; or {names.plaintext} where something in front of it speaks TLS, or "
        "nobody else is on that network"
    )


def is_loopback(host: str, names: SettingNames) -> bool:
    """Do all addresses of the host lead to this machine alone? Raises SettingsError for a host that has none."""
    if not host:
        return False  # every interface
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SettingsError(f"{names.host}{host}: not an address of this machine") from None
    return all_loopback(str(socket_address[0]) for *_, socket_address in found)


def all_loopback(addresses: Iterable[str]) -> bool:
    """Do all these IP addresses lead to this machine alone? An IPv6 address may name its zone (RFC 4007)."""
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses)
