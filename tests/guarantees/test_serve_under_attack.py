"""`sidestep serve` with 512 MB: the holder of one token asks for what is slow and fat, as much as it can, strangers
never finish what they begin; the holder of another one has his answers. `-s` shows for how long he has waited.
"""

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.local.ports import free_port
from sidestep.streams.web.validate.tokens import line_of
from tests.guarantees.harness import attacks
from tests.guarantees.harness.honest import p99
from tests.guarantees.harness.traffic import GOOD, ZONES
from tests.guarantees.harness.workers import most_memory, wait_for
from tests.guarantees.test_under_attack import LIMITED, MEMORY, PATIENCE

HONEST, HOSTILE = "sidestep_honest", "sidestep_hostile"
BETWEEN = 0.04
"""Seconds between two honest questions."""
SECONDS = 2.0
"""Of each attack."""
AT_ONCE = 24
"""Connections of the attacker, each with a hundred addresses in every request."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Serving:
    """The server, who asks it, and what it has in memory."""

    def __init__(self, folder: Path, names: NameServer):
        tokens = folder / "tokens"
        tokens.write_text(f"{line_of('honest', HONEST)}\n{line_of('hostile', HOSTILE)} 1000000/s,max_burst=1000000\n")
        tokens.chmod(0o600)
        self.names, self.port, self.log = names, free_port(), folder / "serve.log"
        options = ["--port", self.port, "--tokens", tokens, "--dns", f"{names.host}:{names.port}", "--data-dir", folder]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*LIMITED, "serve", *map(str, options)], stdout=log, stderr=log)

    def ask(self, token: str, *addresses: str, seconds: float = 60.0) -> list[dict[str, Any]]:
        """The results. Raises OSError and http.client.HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/validate", json.dumps({"addresses": addresses}), headers)
            results: list[dict[str, Any]] = json.load(connection.getresponse())["results"]
            return results
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether it does by now."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return bool(self.ask(HONEST, f"a@{GOOD[0]}"))
        except OSError:
            return False

    def honest(self, attack: Callable[[], object], seconds: float) -> list[float]:
        """One address after the other while `attack` runs in another thread; the seconds that each answer took, the
        shortest first. Each must be whole."""
        took: list[float] = []
        with ThreadPoolExecutor(1) as pool:
            attacked = pool.submit(attack)
            end = time.monotonic() + seconds
            while time.monotonic() < end or not attacked.done():
                began = time.monotonic()
                (result,) = self.ask(HONEST, f"a{len(took)}@{GOOD[len(took) % len(GOOD)]}")
                took.append(time.monotonic() - began)
                assert "approved" == result["outcome"], result
                time.sleep(BETWEEN)
            attacked.result()
        return sorted(took)

    def flood(self, names: list[str], seconds: float) -> attacks.Launch:
        """All of these names, a hundred in each request, over AT_ONCE connections, again and again."""

        def ask(number: int) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                some = [names[(number * 17 + each) % len(names)] for each in range(100)]
                self.ask(HOSTILE, *(f"b{number}@{name}" for name in some))

        def launch() -> None:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(ask, range(AT_ONCE)))

        return launch


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """Answers."""
    with NameServer(ZONES) as names:
        running = Serving(tmp_path, names)
        try:
            wait_for(running.answers, 45, "serve answers")
            yield running
        finally:
            running.process.kill()
            running.process.wait()


def test_one_token_takes_nothing_from_another(serving: Serving) -> None:
    """Names that are silent, names that are fat, and connections that never end."""
    silent = [f"silent{number}.example" for number in range(2_000)]
    for name in silent:
        serving.names.fault(name, "drop")
    launches = {
        "silent names": serving.flood(silent, SECONDS),
        "fat names": serving.flood(attacks.fat_domains(serving.names, 200), SECONDS),
        "connections": attacks.connections(serving.port, SECONDS),
    }
    calm = p99(serving.honest(lambda: None, SECONDS))
    print(f"\n{'attack':<16}{'MB':>8}{'p99 calm':>12}{'p99 under':>12}{'ratio':>8}")
    for name, launch in launches.items():
        under = p99(serving.honest(launch, SECONDS))
        memory = most_memory(serving.process.pid)
        print(f"{name:<16}{memory / 2**20:>8,.0f}{calm * 1000:>12,.0f}{under * 1000:>12,.0f}{under / calm:>8.1f}")
        assert memory < MEMORY
        assert under < PATIENCE
    assert serving.answers()
