""".deploy/certs.py makes what docker-compose.yml mounts, once, and anew when it is about to end."""

import datetime
import importlib.util
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from cryptography import x509

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.screen.signers_file import read_signers
from sidestep.streams.web.bearer import digest
from sidestep.streams.web.receive.door_file import DoorFile
from sidestep.topics.verdict_signer import VerdictSigner
from tests.compose_file import COMPOSE, ROOT, SERVICES, WORKERS, aliases, environment, listeners
from tests.web.receive.test_door_file import NoCertificates

SCRIPT = ROOT / ".deploy" / "certs.py"


@pytest.fixture(scope="module")
def certs() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("certs", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(certs: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the first run leaves it."""
    folder: Path = tmp_path_factory.mktemp("project") / "certs"
    certs.prepare(folder)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    """The octets of all files."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def hosts(file: Path) -> set[str]:
    """The names that a certificate is for."""
    found = x509.load_pem_x509_certificate(file.read_bytes()).extensions
    names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_all_that_compose_mounts_is_made(made: Path) -> None:
    """A file that is missing would be found out by Docker, one service after the other."""
    wanted = {(ROOT / what["file"]).relative_to(ROOT / "certs") for what in COMPOSE["secrets"].values()}
    assert set() == {str(file) for file in wanted if not (made / file).is_file()}


def test_nobody_else_gets_at_it(made: Path) -> None:
    """The folder is its owner's. In it files are, too; those for containers, whose users are others, are not."""
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    outside = {file.name for file in made.iterdir() if file.is_file() and file.stat().st_mode & 0o077}
    assert {"ca.pem"} == outside
    mounted = [file for file in (made / "mounted").rglob("*") if file.is_file()]
    assert {0o444} == {stat.S_IMODE(file.stat().st_mode) for file in mounted}


def test_signers_and_doors_are_made_once_and_yours_from_then_on(certs: ModuleType, tmp_path: Path) -> None:
    """Screen and the receiver can use them as they come, with one key; what you change is handed on, what goes goes."""
    folder = tmp_path / "certs"
    certs.prepare(folder)
    signers = read_signers(folder / "signers/signers.toml", 60.0)
    key = (folder / "doors/receiver.key").read_text("utf-8")
    assert signers.keys[b"receiver"].key.hex() in key
    assert ["example"] == DoorFile(folder / "doors/doors.toml", NoCertificates()).names
    (folder / "doors/doors.toml").write_text("# mine", "utf-8")
    (folder / "doors/example-path.secret").rename(folder / "doors/mine.secret")
    certs.prepare(folder)
    mounted = folder / "mounted/doors"
    assert ("# mine", key) == (
        (mounted / "doors.toml").read_text("utf-8"), (mounted / "receiver.key").read_text("utf-8"),
    )  # fmt: skip
    assert {"doors.toml", "mine.secret", "receiver.key"} == {file.name for file in mounted.iterdir()}


def test_what_release_signs_screen_can_check(certs: ModuleType, tmp_path: Path) -> None:
    """Nobody believes the key as it comes; with release-signer.toml in the signers file Screen does, in intents."""
    folder = tmp_path / "certs"
    certs.prepare(folder)
    signers = folder / "signers/signers.toml"
    assert b"release" not in read_signers(signers, 60.0).keys
    entry = (folder / "release-signer.toml").read_text("utf-8")
    signers.write_text(f"{signers.read_text('utf-8')}\n{entry}", "utf-8")
    known = read_signers(signers, 60.0).keys[b"release"]
    assert (frozenset({"example"}), frozenset({"email-intents"})) == (known.services, known.topics)
    assert VerdictSigner("release", folder / "release-signing-key.secret").public_key in entry
    assert ["release-signing-key"] == certs.prepare(folder, renew=["release-signing-key"])
    assert entry != (folder / "release-signer.toml").read_text("utf-8")


def test_the_authoritys_key_is_mounted_nowhere(made: Path) -> None:
    """Nor is the token that a form shows: validate has its digest."""
    mounted = everything(made / "mounted").values()
    assert (made / "ca.key").read_bytes() not in mounted
    token = (made / "validate-token.secret").read_text().strip()
    assert not [octets for octets in mounted if token.encode() in octets]
    assert digest(token).hex() in (made / "mounted/tokens.txt").read_text()


def test_certificates_are_for_the_names_that_are_asked_for(made: Path) -> None:
    """Kafka's for each of its listeners, the provider's for its URL, the workers' for Prometheus."""
    assert hosts(made / "kafka.pem") >= {host for host, _ in listeners().values()} | {"localhost", "127.0.0.1"}
    assert "tokens" in hosts(made / "tokens.pem")
    for worker in WORKERS:
        role = environment(worker)["SIDESTEP_WEB_HOST"].partition("-")[0]
        assert hosts(made / f"{role}.pem") & aliases(worker, "scrape") == {"workers"}


def test_a_second_run_changes_nothing(certs: ModuleType, made: Path) -> None:
    """Nothing that runs has to be started again for nothing."""
    before = everything(made)
    assert [] == certs.prepare(made)
    assert before == everything(made)


def test_what_ends_soon_is_made_anew(certs: ModuleType, tmp_path: Path) -> None:
    """Within a month of its end, or when it is for other names than it should; the rest stays."""
    folder = tmp_path / "certs"
    certs.prepare(folder)
    authority = DevelopmentCA(folder)
    authority.issue("decide", certs.SERVERS["decide"], lasts=datetime.timedelta(days=20))
    authority.issue("kafka", ["kafka"])
    assert ["kafka", "decide"] == certs.prepare(folder)
    assert (folder / "decide.pem").read_bytes() == (folder / "mounted/decide.pem").read_bytes()
    assert {"kafka", "decide", "decide-2"} == certs.users(["kafka", "decide"])


def test_what_is_asked_for_is_made_anew(certs: ModuleType, tmp_path: Path) -> None:
    """After a leak; but nobody can lose all history by a slip."""
    folder = tmp_path / "certs"
    certs.prepare(folder)
    before = everything(folder)
    assert ["service-example", "watch", "web-token"] == certs.prepare(
        folder, renew=["watch", "web-token", "service-example", "hash-key"]
    )
    after = everything(folder)
    assert before["hash-key.secret"] == after["hash-key.secret"]
    for name in ("watch.pem", "web-token.secret", "service-example.secret", "mounted/dex.yaml"):
        assert before[name] != after[name]


def test_services_become_clients_of_the_provider(certs: ModuleType, tmp_path: Path) -> None:
    """Each with a secret and a certificate of its own; who is known stays known. No client but theirs gets a token."""
    folder = tmp_path / "certs"
    certs.prepare(folder, ["billing"])
    certs.prepare(folder, ["sign-up"])
    names = ["service-billing", "service-example", "service-sign-up"]
    assert [name.removeprefix("service-") for name in names] == certs.services_of(folder)
    *clients, kafka = yaml.safe_load((folder / "mounted/dex.yaml").read_text())["staticClients"]
    assert names == [client["id"] for client in clients]
    assert [(folder / f"{name}.secret").read_text().strip() for name in names] == [each["secret"] for each in clients]
    assert {"id": "kafka", "name": "nobody", "public": True, "trustedPeers": names} == kafka
    assert all((folder / f"{name}.pem").is_file() for name in names)


def test_names_that_can_be_no_principals_are_refused(certs: ModuleType, tmp_path: Path) -> None:
    """A file's name and a principal's come of it."""
    with pytest.raises(SystemExit, match="letters, digits"):
        certs.prepare(tmp_path / "certs", ["../ca"])


def test_what_makefile_calls(tmp_path: Path) -> None:
    """It says what it made and, where that is in use, what to start again."""
    command = [sys.executable, str(SCRIPT), "--folder", str(tmp_path / "certs"), "--services", "crm"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "made  kafka\n" in done.stdout
    assert "services: crm, example" in done.stdout
    assert "docker compose restart decide decide-2 kafka" in done.stdout
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert again.stdout == f"0 made in {tmp_path / 'certs'}/, the rest kept; services: crm, example\n"


def test_whoever_is_started_again_is_there(certs: ModuleType) -> None:
    """Names of services of docker-compose.yml."""
    assert set().union(*certs.USERS.values()) <= set(SERVICES)
