"""What docker-compose.yml needs of certificates and secrets, made on this machine and for it alone.

    make certs                                # once, and again whenever something may end soon
    make certs SERVICES="billing sign-up"     # these services may publish as well
    make certs RENEW="decide tokens"          # these get new ones now

certs/            for programs on this machine: NAME.pem, NAME.key, NAME.secret; nobody but you reads them
certs/mounted/    the same for containers, each file a secret of its own below /run/secrets. Containers run as other
                  users, so the files are open to all; nobody but you and Docker gets through certs/ to them

What is there and good is kept, so nothing that runs has to be restarted for nothing.
"""

import argparse
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cryptography import x509

from sidestep.streams.local.development_ca import DevelopmentCA, write_private
from sidestep.streams.web.validate.token_file import new_token
from sidestep.streams.web.validate.tokens import line_of
from sidestep.topics.verdict_signer import VerdictSigner

ROOT = Path(__file__).parents[1]
LOOPBACK = ("localhost", "127.0.0.1")
SERVERS = {
    "kafka": ("kafka-core", "kafka-producers", "kafka-readers", "kafka-receivers", "kafka-development", *LOOPBACK),
    "tokens": ("tokens", *LOOPBACK),
    "validate": ("validate", *LOOPBACK),
    "screen": ("workers", *LOOPBACK),
    "decide": ("workers", *LOOPBACK),
    "watch": ("workers", *LOOPBACK),
    "release": ("workers", *LOOPBACK),
    "receiver": ("receiver", *LOOPBACK),
}
"""Who is asked, and under which names. Workers are asked by Prometheus, all under one."""
CLIENTS = ("admin", "operator", "mailer", "dashboard", "auditor", "kafka-browser")
WORKERS = ("screen", "screen-2", "decide", "decide-2", "watch", "watch-2", "release")
USERS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("kafka", "tokens", "validate", "kafka-browser")},
    **{name: (name, f"{name}-2") for name in ("screen", "decide", "watch")},
    "release": ("release",),
    "receiver": ("receive",),
    "web-token": ("prometheus", *WORKERS),
    "receiver-web-token": ("prometheus", "receive"),
    "hash-key": ("screen", "screen-2"),
    "verdict-key": ("decide", "decide-2"),
    "release-signing-key": ("release",),
    "browser-password": ("kafka-browser",),
    "validate-token": ("validate",),
}
"""Who has to be started again. Grafana keeps the password of its first start: it is changed there."""
FOLDERS = ("signers", "doors")
"""Mounted whole, so that what changes in them is seen at once: Screen's, and the receiver's."""
SIGNERS = """\
# Who may say what, docs/signing.md. `make certs` hands on what you change here and put beside it.
# optional: what is not signed is taken and proves nothing. "required" once all sign or have topics of their own
default = "optional"

[keys.receiver]
services = ["*"]
topics = ["email-bounces", "email-engagement"]
secret_file = "receiver.key"
"""
DOORS = """\
# Doors for webhooks, docs/receive.md. `make certs` hands on what you change here and put beside it.
[[door]]
name = "example"
provider = "other"
service = "example"
path-secret = "example-path.secret"
"""
VERDICT_KEY = "decide"
"""The id of the key that Decide signs verdicts with, as docker-compose.yml has it."""
RELEASE_SIGNER = """\
# For certs/signers/signers.toml, docs/signing.md: the key with which Release signs what it offers again.
# services: those that sign, of the ones that [release] in the policy names; not ["*"]
[keys.release]
services = ["example"]
topics = ["email-intents"]
public_key = "{}"
"""
ALWAYS = "example"
"""The service of the profile `example`."""
SERVICE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


def prepare(folder: Path, services: Iterable[str] = (), renew: Iterable[str] = ()) -> list[str]:
    """Make what is missing or ends within a month, and what `renew` names; the names of what was made."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    again = set(renew)
    made = [*_clients(folder, services, again), *_certificates(folder, again), *_secrets(folder, again)]
    _tell(folder)
    for name, text in _texts(folder).items():
        if _write_once(folder / name, text):
            made.append(name)
    for part in (".", *FOLDERS):
        _mount(folder / part, folder / "mounted" / part)
    return list(dict.fromkeys(made))


def services_of(folder: Path) -> list[str]:
    """Names of the services that have a secret."""
    return sorted(file.stem.removeprefix("service-") for file in folder.glob("service-*.secret"))


def users(made: Iterable[str]) -> set[str]:
    """Services of docker-compose.yml that read at their start what was made anew."""
    found = set[str]()
    for name in made:
        found |= {"tokens"} if name.startswith("service-") else set(USERS.get(name, ()))
    return found


def _certificates(folder: Path, again: set[str]) -> Iterator[str]:
    authority = DevelopmentCA(folder)
    services = [f"service-{name}" for name in services_of(folder)]
    for name, hosts in (SERVERS | dict.fromkeys((*CLIENTS, *services), ())).items():
        file = authority.issued(name).certificate
        if name in again or (file.exists() and _hosts(file) != set(hosts)):
            authority.issue(name, hosts)
            yield name
        elif authority.renew(name, hosts):
            yield name


def _hosts(file: Path) -> set[str]:
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes()).extensions
        names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return set()
    return {str(name.value) for name in names}


def _secrets(folder: Path, again: set[str]) -> Iterator[str]:
    """The hash key is renewed by nobody: with another one all recipients would be strangers."""
    texts: dict[str, Callable[[], str]] = {
        "hash-key": lambda: secrets.token_hex(32),
        "verdict-key": lambda: f"ed25519:{secrets.token_hex(32)}",
        "release-signing-key": lambda: f"ed25519:{secrets.token_hex(32)}",
        "web-token": secrets.token_urlsafe,
        "receiver-web-token": secrets.token_urlsafe,
        "grafana-password": secrets.token_urlsafe,
        "browser-password": secrets.token_urlsafe,
        "validate-token": new_token,
    }
    for name, text in texts.items():
        file = folder / f"{name}.secret"
        if not file.exists() or (name in again and name != "hash-key"):
            write_private(file, f"{text()}\n".encode())
            yield name
    _write(folder / "tokens.txt", line_of("development", (folder / "validate-token.secret").read_text().strip()) + "\n")


def _clients(folder: Path, services: Iterable[str], again: set[str]) -> Iterator[str]:
    """Secrets with which services get tokens."""
    for service in sorted({ALWAYS, *services, *services_of(folder)}):
        if not SERVICE.fullmatch(service):
            raise SystemExit(f"{service!r}: names of services have letters, digits, dots, hyphens and underscores here")
        file = folder / f"service-{service}.secret"
        if not file.exists() or file.stem in again:
            write_private(file, f"{secrets.token_hex(32)}\n".encode())
            yield file.stem


def _tell(folder: Path) -> None:
    """Which services there are: to the provider of tokens with their secrets, and to `sidestep acls`. To mailers, whose
    verdicts count; to whoever writes the signers file, what Release signs with."""
    clients = [_client(file) for file in sorted(folder.glob("service-*.secret"))]
    # whom tokens are for. Public: it has no secret, so it never gets a token itself
    kafka = {"id": "kafka", "name": "nobody", "public": True, "trustedPeers": [each["id"] for each in clients]}
    shared = (ROOT / ".deploy/tokens/dex.yaml").read_text("utf-8")
    lines = [f"  - {json.dumps(each)}\n" for each in (*clients, kafka)]
    _write(folder / "dex.yaml", f"{shared}staticClients:\n{''.join(lines)}")
    _write(folder / "principals.toml", f"services = {json.dumps(services_of(folder))}\n")
    public = VerdictSigner(VERDICT_KEY, folder / "verdict-key.secret").public_key
    _write(folder / "verdict-keys.toml", f'[keys]\n{VERDICT_KEY} = "{public}"\n')
    public = VerdictSigner("release", folder / "release-signing-key.secret").public_key
    _write(folder / "release-signer.toml", RELEASE_SIGNER.format(public))


def _texts(folder: Path) -> dict[str, str]:
    """Files that are yours to change once they are there: who may say what, and the doors for webhooks."""
    secret = folder / "signers/receiver.key"
    key = secret.read_text("utf-8") if secret.exists() else f"hmac-sha-256:{secrets.token_hex(32)}\n"
    texts = {"signers/receiver.key": key, "doors/receiver.key": key, "signers/signers.toml": SIGNERS}
    if not (folder / "doors/doors.toml").exists():
        texts |= {"doors/example-path.secret": f"{secrets.token_hex(32)}\n", "doors/doors.toml": DOORS}
    return texts


def _write_once(file: Path, text: str) -> bool:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    if missing := not file.exists():
        write_private(file, text.encode())
    return missing


def _client(secret: Path) -> dict[str, str]:
    """As Dex wants it (YAML takes JSON). The name becomes the principal."""
    return {"id": secret.stem, "name": secret.stem, "secret": secret.read_text().strip()}


def _mount(folder: Path, mounted: Path) -> None:
    """Copies for containers, and none of what is gone."""
    mounted.mkdir(mode=0o755, exist_ok=True)
    private = {folder / "ca.key", folder / "validate-token.secret"}
    for file in mounted.iterdir():
        if file.is_file() and not (folder / file.name).exists():
            file.unlink()
    for file in folder.iterdir():
        if file.is_file() and file not in private and not file.name.startswith("."):
            _write(mounted / file.name, file.read_text("utf-8"), 0o444)


def _write(file: Path, text: str, mode: int = 0o600) -> None:
    """Put it there whole; what is there already stays what it is, so that no mount of it goes stale."""
    if file.exists() and file.read_text("utf-8") == text and file.stat().st_mode & 0o777 == mode:
        return
    write_private(file, text.encode())
    file.chmod(mode)


def main() -> None:
    """Make what is missing, and say what to do next."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "certs")
    parser.add_argument("--services", default="", help="names, with spaces")
    parser.add_argument("--renew", default="", help="names, with spaces")
    given = parser.parse_args()
    made = prepare(given.folder, given.services.split(), given.renew.split())
    for name in made:
        print(f"made  {name}")
    print(f"{len(made)} made in {given.folder}/, the rest kept; services: {', '.join(services_of(given.folder))}")
    if waiting := sorted(users(made)):
        print(f"where it runs already, they read it at their next start: docker compose restart {' '.join(waiting)}")


if __name__ == "__main__":
    main()
