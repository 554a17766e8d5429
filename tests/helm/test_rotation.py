"""Secrets as kubelet renews them: a folder of links, of which one is turned round."""

import contextlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.endpoint_tokens import EndpointTokens
from sidestep.streams.web.worker import NAMES
from sidestep.topics.security import WatchedFiles


class Mounted:
    """A mounted Secret. `folder`/ENTRY is a link to ..data/ENTRY, and ..data one to the folder of this version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._version = 0

    def renew(self, **entries: bytes) -> None:
        """All entries anew, at once: dots in their names are underscores here."""
        self._version += 1
        version = self.folder / f"..{self._version}"
        version.mkdir(parents=True)
        for name, octets in entries.items():
            entry = name.replace("_", ".")
            (version / entry).write_bytes(octets)
            (version / entry).chmod(0o400)
            if not (self.folder / entry).is_symlink():
                (self.folder / entry).symlink_to(f"..data/{entry}")
        turned = self.folder / "..data_tmp"
        turned.symlink_to(version.name)
        turned.rename(self.folder / "..data")


@pytest.fixture
def secret(tmp_path: Path) -> Mounted:
    """A Secret with a certificate and its key, and one token."""
    mounted = Mounted(tmp_path / "secret")
    _certify(mounted, tmp_path / "ca", "first")
    return mounted


def _certify(mounted: Mounted, folder: Path, token: str) -> None:
    issued = DevelopmentCA(folder).issue(token, ["workers.mail.svc"])
    mounted.renew(
        tls_crt=issued.certificate.read_bytes(), tls_key=issued.key.read_bytes(), token=(token * 8).encode() + b"\n"
    )


def test_connections_to_kafka_notice_the_new_certificate(secret: Mounted, tmp_path: Path) -> None:
    """Nothing of the path changes but where a link in the middle leads."""
    now = [0.0]
    watched = WatchedFiles([secret.folder / "tls.crt", secret.folder / "tls.key"], lambda: now[0])
    before = watched.stamp()
    _certify(secret, tmp_path / "ca", "second")
    now[0] = 10.0
    assert watched.stamp() != before


def test_endpoints_speak_with_the_new_certificate(secret: Mounted, tmp_path: Path) -> None:
    """And a Secret that was renewed with half of it leaves the last one in use."""
    certificate = ServerCertificate(secret.folder / "tls.crt", secret.folder / "tls.key", NAMES)
    authority = tmp_path / "ca/ca.pem"
    assert _shown(certificate.context, authority) == "first"
    _certify(secret, tmp_path / "ca", "second")
    certificate.look()
    assert _shown(certificate.context, authority) == "second"
    secret.renew(tls_crt=b"", tls_key=b"", token=b"")
    certificate.look()
    assert _shown(certificate.context, authority) == "second"


def _shown(context: ssl.SSLContext, authority: Path) -> str:
    """The name in the certificate that a client is shown, which checks it, too."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    trusting = ssl.create_default_context(cafile=authority)
    client = trusting.wrap_bio(to_client, to_server, server_hostname="workers.mail.svc")
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    found = client.getpeercert(binary_form=True)
    assert found is not None
    name = x509.load_der_x509_certificate(found).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return str(name)


def test_the_token_of_metrics_is_the_new_one(secret: Mounted, tmp_path: Path) -> None:
    """The old one admits nobody from the next look on; two lines admit both."""
    tokens = EndpointTokens(secret.folder / "token")
    old, new = "Bearer " + "first" * 8, "Bearer " + "second" * 8
    assert tokens.admits(old)
    _certify(secret, tmp_path / "ca", "second")
    tokens.look()
    assert tokens.admits(new)
    assert not tokens.admits(old)
    secret.renew(tls_crt=b"", tls_key=b"", token=b"first" * 8 + b"\n" + b"second" * 8 + b"\n")
    tokens.look()
    assert tokens.admits(new)
    assert tokens.admits(old)
