"""Zones for name servers of tests that are to be believed: the shipped canaries, each with an exchange."""

from sidestep.streams.screen.dns.canaries import shipped_canaries

CANARY_ZONES = {name: [f"MX 10 mx.{name}"] for name in shipped_canaries()}
CANARY_ZONES |= {f"mx.{name}": ["A 93.184.215.14"] for name in shipped_canaries()}
