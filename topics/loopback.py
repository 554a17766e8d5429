"""This machine, told from others by a host's name. Pure."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is certainly this machine: an address of loopback, or localhost."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
