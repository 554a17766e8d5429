"""What says that it is pure reaches no clock, client, chance, file or log, by whatever it imports.

Pure is a module whose docstring says "Pure", and everything in streams/decide, streams/watch, streams/release and
schemas but for what is named below. A pure module may import its like, what stands in LIBRARIES, and modules of the
product that reach nothing else. Only names are looked at: what a function is given (a clock, a file, a callback) is
its caller's.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PURE_FOLDERS = ("sidestep.streams.decide", "sidestep.streams.watch", "sidestep.streams.release", "sidestep.schemas")
BUT_FOR = {
    "sidestep.streams.decide.judge": "reads the ledger and commits",
    "sidestep.streams.decide.policy_file": "reads the policy from disk",
    "sidestep.streams.watch.judge": "reads the ledger and commits",
    "sidestep.streams.release.releaser": "reads the ledger and commits",
    "sidestep.schemas.generate": "writes the JSON Schema files",
}

LIBRARIES = {
    "array", "base64", "binascii", "bisect", "codecs", "collections", "dataclasses", "enum", "fractions",
    "functools", "hashlib", "heapq", "hmac", "html", "idna", "ipaddress", "itertools", "json", "math", "msgspec",
    "operator", "rapidfuzz", "re", "string", "struct", "textwrap", "tomllib", "types", "typing", "unicodedata",
    "urllib.parse", "zlib",
}  # fmt: skip
"""Nothing in them but functions of their arguments, as far as it is used; `CALLS` catches the rest (codecs.open)."""

HARMLESS = {
    "click.style": "codes of a terminal's colours around a text",
    "contextlib.contextmanager": "a block of code around another",
    "copy.deepcopy": "the same values once more",
    "cramjam": "octets into fewer and back; none of it is asked to open a file",
    "cryptography.exceptions": "a class of errors",
    "cryptography.hazmat.primitives": "checks of signatures and keys from octets: functions of their arguments",
    "cryptography.x509": "octets into certificates",
    "datetime": "moments as values; `now` and its like are looked for below",
    "disposable_email_domains.blocklist": "a list that comes with its package, read once when that is imported",
    "dns.exception": "a class of errors",
    "dns.flags": "numbers of RFC 1035",
    "dns.message": "octets into messages and back; what asks is dns.query and dns.asyncquery",
    "csv.reader": "lines of text into fields; who calls has read them",
    "dns.name": "text into names of RFC 1035 and back",
    "dns.rcode": "numbers of RFC 1035",
    "dns.rdatatype": "numbers of RFC 1035",
    "email.header.decode_header": "octets into text",
    "email.utils.parsedate_to_datetime": "text into a moment",
    "email_validator": "asked about syntax alone (check_deliverability=False), which looks nothing up",
    "http.HTTPStatus": "numbers of RFC 9110",
    "importlib.import_module": "public names of sidestep.topics, imported when somebody uses them; nothing pure does",
    "importlib.metadata.version": "of an installed package; it does not change while the process runs",
    "importlib.resources.files": "data that comes with the product, as much a part of it as its code",
    "publicsuffixlist.PublicSuffixList": "a list that comes with its package",
    "random.Random": "numbers that follow from the seed it is given",
    "shlex.join": "texts into the text of a command",
    "statistics.median": "a number of numbers",
    "sys.intern": "the same text, kept once",
    "threading.Lock": "who comes second waits; what comes out is the same",
    "yarl.URL": "text into a URL",
}
"""What may be imported of libraries that can do more, and why."""

CALLS = re.compile(
    r"open|print|input|exec|eval|__import__|breakpoint|now|utcnow|today|sleep|write_text|write_bytes|getenv"
)
"""Names of functions and methods that nothing pure calls."""


# -- who imports what --------------------------------------------------------------------------------------------------


class Module:
    """What a module's text says of it."""

    def __init__(self, name: str, text: str):
        self.name = name
        tree = ast.parse(text)
        self.says_pure = re.search(r"\bPure\b", ast.get_docstring(tree) or "") is not None
        self.imports: set[str] = set()
        """Names as in `import a.b` and `from a import b`: a.b."""
        self.calls: set[str] = set()
        self._read(tree)

    def _read(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                self.imports |= {alias.name for alias in child.names}
            elif isinstance(child, ast.ImportFrom):
                self.imports |= {f"{child.module}.{alias.name}" for alias in child.names}
            elif isinstance(child, ast.Call):
                name = getattr(child.func, "attr", getattr(child.func, "id", ""))
                self.calls |= {name} if CALLS.fullmatch(name) else set()
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                child = ast.Module(child.orelse, [])  # only what runs counts
            self._read(child)


Modules = Mapping[str, Module]


def modules_of(texts: Mapping[str, str]) -> dict[str, Module]:
    """By name."""
    return {name: Module(name, text) for name, text in texts.items()}


def reached(modules: Modules, name: str) -> Iterator[tuple[str, Module]]:
    """A module and all of the product that runs when it is imported, each with the way that leads there."""
    ways = {name: name}
    queue = [name]
    while queue:
        module = modules[queue.pop()]
        way = ways[module.name]
        yield way, module
        behind = {each for imported in module.imports for each in _modules_behind(imported, modules)}
        for other in behind - ways.keys():
            ways[other] = f"{way} -> {other}"
            queue.append(other)


def faults(modules: Modules, name: str) -> Iterator[str]:
    """What a module reaches and a pure one may not."""
    for way, module in reached(modules, name):
        yield from (f"{way} calls {call}()" for call in module.calls)
        for imported in module.imports:
            if not _modules_behind(imported, modules) and not _may_be_imported(imported):
                yield f"{way} imports {imported}"


def _modules_behind(imported: str, modules: Modules) -> set[str]:
    """Those of the product that run when this is imported: itself, and the packages around it."""
    return {name for name in _prefixes(imported) if name in modules}


def _may_be_imported(imported: str) -> bool:
    return any(name in LIBRARIES or name in HARMLESS for name in _prefixes(imported))


def _prefixes(dotted: str) -> Iterator[str]:
    parts = dotted.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


# -- the product -------------------------------------------------------------------------------------------------------


def _product() -> dict[str, Module]:
    texts = {}
    for top in ("schemas", "topics", "streams"):
        for file in (ROOT / top).rglob("*.py"):
            path = file.relative_to(ROOT).with_suffix("")
            parts = path.parts[:-1] if path.name == "__init__" else path.parts
            texts[".".join(("sidestep", *parts))] = file.read_text("utf-8")
    return modules_of(texts)


PRODUCT = _product()


def _in_pure_folder(name: str) -> bool:
    return any(name == folder or name.startswith(f"{folder}.") for folder in PURE_FOLDERS)


PURE = sorted(name for name in PRODUCT if PRODUCT[name].says_pure or (_in_pure_folder(name) and name not in BUT_FOR))


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_reaches_nothing_else(name: str) -> None:
    """Move what does I/O out and hand its result in, or say in the docstring what is true. If an import is harmless,
    give it a line in HARMLESS with the reason."""
    assert [] == sorted(faults(PRODUCT, name))


def test_most_of_the_product_is_pure() -> None:
    """The check looks at something: the fold, the records of the log, intake and evidence are among them."""
    expected = {
        "decide.fold",
        "decide.rules.ladder",
        "decide.batch",
        "screen.intake",
        "screen.evidence",
        "screen.findings",
    }
    assert {f"sidestep.streams.{name}" for name in expected} | {"sidestep.schemas.codec"} <= set(PURE)
    assert len(PURE) > len(PRODUCT) / 3


def test_the_exceptions_are_needed() -> None:
    """A module that has become pure, or is gone, is no exception any more; nor is one that says it is pure."""
    assert [] == [name for name in BUT_FOR if not list(faults(PRODUCT, name)) or PRODUCT[name].says_pure]


def test_what_is_allowed_is_used() -> None:
    """A line that nobody needs any more would let in what nobody has thought about."""
    modules = {module.name: module for name in PURE for _, module in reached(PRODUCT, name)}
    used = {prefix for module in modules.values() for imported in module.imports for prefix in _prefixes(imported)}
    assert set() == (LIBRARIES | HARMLESS.keys()) - used


# -- the check itself --------------------------------------------------------------------------------------------------

CLEAN = '"""Something. Pure."""\nimport re\nfrom sidestep.b import f\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("import time", "imports time"),
        ("import os.path", "imports os.path"),
        ("def f():\n    from asyncio import sleep", "imports asyncio.sleep"),
        ("from random import choice", "imports random.choice"),
        ("import logging", "imports logging"),
        ("from confluent_kafka import Producer", "imports confluent_kafka.Producer"),
        ("import dns.resolver", "imports dns.resolver"),
        ("import click", "imports click"),
        ("from pathlib import Path", "imports pathlib.Path"),
        ("f = lambda name: open(name)", "calls open()"),
        ("from datetime import datetime\nx = datetime.now()", "calls now()"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import re\nelse:\n    import time", "imports time"),
    ],
)
def test_a_fault_is_found_directly_and_through_others(text: str, fault: str) -> None:
    """However far away it is, and the way to it is told."""
    direct = modules_of({"sidestep.a": f'"""Pure."""\n{text}'})
    assert [f"sidestep.a {fault}"] == list(faults(direct, "sidestep.a"))
    far = modules_of({"sidestep.a": CLEAN, "sidestep.b": "from sidestep.c.d import e", "sidestep.c.d": text})
    assert [f"sidestep.a -> sidestep.b -> sidestep.c.d {fault}"] == list(faults(far, "sidestep.a"))


def test_what_runs_with_an_import_counts() -> None:
    """The packages around a module run, too; what is imported for types alone does not."""
    package = modules_of({"sidestep.a": "from sidestep.b.c import d", "sidestep.b": "import time", "sidestep.b.c": ""})
    assert ["sidestep.a -> sidestep.b imports time"] == list(faults(package, "sidestep.a"))
    typed = modules_of({"sidestep.a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import time"})
    assert [] == list(faults(typed, "sidestep.a"))
