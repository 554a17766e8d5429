"""How the parties of the demo and its workers get into Kafka: by loopback, as whoever they like; or each by a way of
its own, with its own rights and no others."""

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from sidestep.streams.demo.parties import DASHBOARD, MAILER
from sidestep.streams.demo.signing_keys import SigningKeys
from sidestep.streams.local.development_ca import DevelopmentCA, write_private
from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.rights.changes import changes
from sidestep.streams.rights.cluster_acls import ClusterAcls
from sidestep.streams.rights.registry import Registry
from sidestep.topics.access import Access
from sidestep.topics.acls import service_principal


class Entrance(Protocol):
    """A broker of the demo."""

    kafka: EmbeddedKafka
    keys: SigningKeys | None
    """What is signed with; None: nothing is."""

    def open(self, services: Iterable[str], group: str) -> None:
        """Let in whoever belongs to the demo. The broker runs, and has its topics."""

    def access(self, principal: str) -> Access:
        """What a principal is told."""


class OpenEntrance:
    """Plain text on loopback."""

    def __init__(self, folder: Path):
        self.kafka = EmbeddedKafka(folder / "kafka", java=quick_start())
        self.keys: SigningKeys | None = None

    def open(self, services: Iterable[str], group: str) -> None:
        """Everybody is let in."""

    def access(self, principal: str) -> Access:
        """The same for all."""
        return Access(self.kafka.address)


class GuardedEntrance:
    """TLS for all: workers show certificates, everybody else a password (SCRAM), and Kafka allows each what the catalog
    gives it, and nothing else. What services, the mailer and Decide write has to be signed."""

    def __init__(self, folder: Path):
        self._passwords = folder / "passwords"
        self._kafka = SecureKafka(folder / "kafka", DevelopmentCA(folder / "authority"), java=quick_start())
        self.kafka: EmbeddedKafka = self._kafka
        self._users: dict[str, Path] = {}
        self._keys = SigningKeys(folder / "keys")
        self.keys: SigningKeys | None = self._keys

    def open(self, services: Iterable[str], group: str) -> None:
        """Users with their passwords, the rights of all principals, and keys."""
        services = tuple(services)
        self._keys.make(services)
        for user in (*map(service_principal, services), MAILER, DASHBOARD):
            self._users[user] = self._passwords / user
            write_private(self._users[user], secrets.token_urlsafe(24).encode())
        self._kafka.set_passwords(self._users)
        acls = ClusterAcls(self._kafka.connection)
        acls.add(changes(Registry(services).wanted(group), acls.read(), {}).new)

    def access(self, principal: str) -> Access:
        """A certificate for a worker, a password for anybody else."""
        if principal in self._users:
            return self._kafka.by_password(principal, self._users[principal])
        return self._kafka.by_certificate(principal)
