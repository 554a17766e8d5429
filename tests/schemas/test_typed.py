"""Types are worked out by one thread: two at once would end the process."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = [path for room in ("schemas", "topics", "streams") for path in sorted((ROOT / room).rglob("*.py"))]
HERE = ROOT / "schemas" / "typed.py"
PLAIN = {"list[str]", "dict[str, Any]", "list[tuple[str, int, int, int]]"}
"""Types without a Struct: there is nothing to work out that another thread could see."""
RACE = """
import sys, threading, types
from sidestep.schemas.typed import as_type, json_as

sys.setswitchinterval(1e-6)
source = "import msgspec\\n" + "".join(
    f"class S{k}(msgspec.Struct):\\n" + "".join(f"    f{j}: 'list[S{k - 1}] | None' = None\\n" for j in range(8))
    if k else "class S0(msgspec.Struct):\\n    f0: int = 0\\n"
    for k in range(12)
)
for number in range(60):
    module = types.ModuleType(f"fresh_{number}")
    sys.modules[module.__name__] = module
    exec(source, module.__dict__)
    together = threading.Barrier(4)

    def read():
        together.wait()
        for _ in range(3):
            as_type({"f0": [{"f1": [{"f2": [{}]}]}]}, module.S11)
            json_as(b'{"f0": [{"f1": []}]}', module.S11)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_may_meet_a_type_at_once() -> None:
    """Four that use a type for the first time, sixty times over; by msgspec itself it ends with signal 11."""
    ended = subprocess.run([sys.executable, "-X", "faulthandler", "-c", RACE], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_reads_by_a_type_past_it(path: Path) -> None:
    """Elsewhere decoders are made at import, which is one thread's work, and kept."""
    assert path == HERE or list(_offences(ast.parse(path.read_text("utf-8")))) == []


def _offences(tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and (said := _offence(node, function.name)):
                yield f"line {node.lineno}: {said}"


def _offence(call: ast.Call, function: str) -> str:
    name = ast.unparse(call.func)
    if name in ("msgspec.convert", "convert"):
        return "use as_type"
    kind = next((ast.unparse(each.value) for each in call.keywords if each.arg == "type"), None)
    if name.startswith("msgspec.") and name.endswith(".decode") and kind is not None and kind not in PLAIN:
        return "use json_as"
    if name.endswith(".Decoder") and name.startswith("msgspec.") and function != "__post_init__":  # of tables
        return "make it at import"
    return ""
