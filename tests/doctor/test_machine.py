"""Checks of this machine, with real files and folders, a real name server, and real certificates."""

import datetime
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from sidestep.streams.doctor import certificates, machine
from sidestep.streams.doctor.names import names
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.doctor.snapshot_room import snapshots
from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.settings import Settings
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.topics.errors import CredentialsError, SidestepError
from tests.snapshots.snapshot_world import FoldedLedger, taken
from tests.topics.proved import signer

KEY = sha256(b"of the tests").hexdigest()
Find = Callable[[Settings], Iterable[CheckRow]]


def _one(rows: Iterable[CheckRow]) -> CheckRow:
    (row,) = rows
    return row


def _private(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("find", [machine.policy, machine.watch, machine.sources, machine.disk, machine.files,
                                  machine.signers, machine.verdict_key, machine.endpoints, snapshots])  # fmt: skip
def test_without_anything_all_is_well(find: Find, tmp_path: Path) -> None:
    """What ships is sound, and a data folder need not be there yet."""
    assert "ok" == _one(find(Settings(data_dir=str(tmp_path / "new" / "data")))).status


@pytest.mark.parametrize(("broker", "status"), [("127.0.0.1:9092", "ok"), ("127.0.0.1:1,core-kafka:9093", "warning")])
def test_what_follows_where_nothing_is_proved_is_said(broker: str, status: str) -> None:
    """In any case; beyond one machine it is advice."""
    row = _one(machine.signers(Settings(broker=broker)))
    assert status == row.status
    assert "whoever may write email-intents can send in any service's name, use up its ids" in row.what


@pytest.mark.parametrize(
    ("find", "setting"),
    [(machine.policy, "policy"), (machine.watch, "watch"), (machine.sources, "sources"), (machine.signers, "signers")],
)
def test_a_file_that_can_not_be_used_is_named(find: Find, setting: str, tmp_path: Path) -> None:
    """Missing, and broken."""
    file = tmp_path / "file.toml"
    for _ in range(2):
        row = _one(find(Settings(data_dir=str(tmp_path), **{setting: str(file)})))  # type: ignore[arg-type]
        assert "fault" == row.status and row.what.count(str(file)) == 1
        _private(file, "[nonsense\n")


def test_the_verdict_key(tmp_path: Path) -> None:
    """What readers need of it; and one that is no key, or that others read, which the row of secrets has as well."""
    file = signer(tmp_path).public_key, tmp_path / "decide-2026.key"
    settings = Settings(verdict_key="decide-2026", verdict_key_file=str(file[1]))
    row = _one(machine.verdict_key(settings))
    assert ("ok", True) == (row.status, f"decide-2026 = {file[0]}" in row.what)
    file[1].chmod(0o644)
    assert "fault" == _one(machine.secrets(settings, {})).status
    with pytest.raises(CredentialsError, match="chmod 600"):
        list(machine.verdict_key(settings))


def test_the_hash_key(tmp_path: Path) -> None:
    """None yet, given in the environment, in a file, kept in the data folder."""
    data = str(tmp_path)
    file = _private(tmp_path / "given", KEY)
    statuses = [_one(machine.hash_key(settings)).status for settings in (
        Settings(data_dir=data), Settings(data_dir=data, hash_key=KEY), Settings(data_dir=data, hash_key_file=file)
    )]  # fmt: skip
    assert ["unknown", "warning", "ok"] == statuses
    _private(tmp_path / "hash-key", "00" * 32)
    with pytest.raises(SidestepError, match="pattern"):
        list(machine.hash_key(Settings(data_dir=data)))


def test_secrets_that_others_can_read(tmp_path: Path) -> None:
    """Each has its row, with the chmod; those of `sidestep serve` too."""
    password, tokens = _private(tmp_path / "password", "x"), _private(tmp_path / "tokens", "x")
    settings = Settings(data_dir=str(tmp_path), security="scram", sasl_user="x", sasl_password_file=password)
    environment = {"SIDESTEP_TOKENS": tokens}
    assert "2 files of secrets" in _one(machine.secrets(settings, environment)).what
    Path(password).chmod(0o644)
    Path(tokens).unlink()
    rows = list(machine.secrets(settings, environment))
    assert ["fault", "fault"] == [row.status for row in rows]
    assert f"chmod 600 {password}" in rows[0].what and tokens in rows[1].what


def test_a_data_folder_that_is_open(tmp_path: Path) -> None:
    """As an earlier version made it."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "ledger").mkdir()
    (folder / "ledger" / "rows").write_text("x")
    (folder / "ledger" / "rows").chmod(0o644)
    settings = Settings(data_dir=str(folder))
    assert "ok" == _one(machine.files(settings)).status
    folder.chmod(0o755)
    row = _one(machine.files(settings))
    assert ("fault", f"chmod -R go= {folder}") == (row.status, row.mend)


def test_snapshots_that_lie_on_a_small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By those that there are."""
    ledger, place = FoldedLedger(tmp_path / "ledger"), SnapshotPlace(str(tmp_path / "place"))
    ledger.fold(20)
    manifest = taken(ledger, place, tmp_path / "held")
    ledger.close()
    settings = Settings(snapshots=place.url)
    assert "ok" == _one(snapshots(settings)).status
    usage = shutil.disk_usage(tmp_path)._replace(free=24 * manifest.octets)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    row = _one(snapshots(settings))
    assert "warning" == row.status and "SIDESTEP_SNAPSHOT_KEEP" in row.mend


def test_a_data_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker would end at its first write."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    row = _one(machine.disk(Settings(data_dir=str(tmp_path))))
    assert "fault" == row.status and "chown" in row.mend


def test_endpoints_beyond_loopback(tmp_path: Path) -> None:
    """Refused as at a worker's start; in plain text on purpose a warning; over TLS well."""
    token = _private(tmp_path / "token", "a" * 40)
    issued = DevelopmentCA(tmp_path / "ca").issue("worker", ["127.0.0.1"])
    tls = {"web_tls_certificate": str(issued.certificate), "web_tls_key": str(issued.key)}
    with pytest.raises(SidestepError, match="SIDESTEP_WEB_PLAINTEXT"):
        list(machine.endpoints(Settings(web_host="0.0.0.0", web_token_file=token)))
    with pytest.raises(SidestepError, match="SIDESTEP_WEB_TOKEN_FILE"):
        list(machine.endpoints(Settings(web_host="0.0.0.0", web_plaintext=True)))
    plain = _one(machine.endpoints(Settings(web_host="0.0.0.0", web_token_file=token, web_plaintext=True)))
    safe = _one(machine.endpoints(Settings(web_host="0.0.0.0", web_token_file=token, **tls)))  # type: ignore[arg-type]
    unserved = _one(machine.endpoints(Settings(web_host="0.0.0.0", web_port=0)))
    assert ["warning", "ok", "ok"] == [row.status for row in (plain, safe, unserved)]


def test_own_certificates(tmp_path: Path) -> None:
    """Each file that is named, the authorities too; what is no certificate is a fault."""
    authority = DevelopmentCA(tmp_path / "ca")
    soon = authority.issue("soon", lasts=datetime.timedelta(days=20))
    broken = _private(tmp_path / "broken.pem", "nothing")
    settings = Settings(tls_ca=str(authority.certificate), tls_certificate=str(soon.certificate))
    rows = list(certificates.own(settings, {"SIDESTEP_LISTEN_TLS_CERTIFICATE": broken}))
    assert ["warning", "ok", "fault"] == [row.status for row in rows]
    assert rows[0].what.startswith("SIDESTEP_TLS_CERTIFICATE") and "broken.pem can't be read" in rows[2].what
    assert "none of ours" in _one(certificates.own(Settings(), {})).what


@pytest.fixture
def servers() -> Iterator[NameServer]:
    with NameServer({"a.example": ["MX 10 mx.a.example"], "b.example": ["MX 10 mx.a.example"]}) as server:
        yield server


@pytest.mark.parametrize(
    ("canaries", "status"), [("a.example,b.example", "ok"), ("c.example,d.example", "fault"), ("", "unknown")]
)
def test_name_servers(servers: NameServer, canaries: str, status: str) -> None:
    """Over real sockets: they know the canaries, or deny them."""
    settings = Settings(name_servers=f"{servers.host}:{servers.port}", dns_canaries=canaries)
    assert status == _one(names(settings)).status


def test_name_servers_that_make_things_up() -> None:
    """An address for every name, those that nobody has among them."""
    with NameServer(
        {"*.example": ["A 192.0.2.7"], "a.example": ["MX 10 x.example"], "*.invalid": ["A 192.0.2.7"]}
    ) as ns:
        row = _one(names(Settings(name_servers=f"{ns.host}:{ns.port}", dns_canaries="a.example")))
    assert "fault" == row.status and "192.0.2.7" in row.what
