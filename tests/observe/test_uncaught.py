"""What nobody catches is logged as everything else is: masked, escaped, one line."""

import json
import subprocess
import sys

CODE = """
import threading, sys
from sidestep.streams.observe.logs import configure
from sidestep.streams.observe.uncaught import log_what_nobody_catches
configure("json")
log_what_nobody_catches()
def fail():
    raise ValueError("no such user jane@mail.example\\x1b[2J\\nFORGED")
class Careless:
    def __del__(self):
        fail()
thread = threading.Thread(target=fail, name="reader")
thread.start()
thread.join()
careless = Careless()
del careless
fail()
"""


def test_what_nobody_catches_goes_into_the_log() -> None:
    """Of a thread, of a finalizer and of the program itself: three lines of JSON, without address or escape."""
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=60)
    assert 1 == ended.returncode and not ended.stdout
    entries = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ["critical", "error", "critical"] == [entry["level"] for entry in entries]
    assert "the thread reader ended" in entries[0]["message"]
    assert all("no such user ***@mail.example" in entry["exception"] for entry in entries)
    assert ended.stderr.isascii() and ended.stderr.replace("\n", "").isprintable()
