"""`ledger/log` can be taken out alone: no other imports of ours, no I/O in its pure modules."""

import ast
import sys
from pathlib import Path

import pytest

import ledger.log

FOLDER = Path(ledger.log.__file__).parent
ALLOWED = {
    "base64",
    "bisect",
    "collections",
    "collections.abc",
    "cryptography.exceptions",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "dataclasses",
    "datetime",
    "hashlib",
    "json",
    "math",
    "re",
    "rfc8785",
    "struct",
    "typing",
}


LIBRARIES = {"cryptography", "rfc8785"}
PURE = [
    "canonical",
    "checkpoint",
    "cosignature",
    "encoding",
    "verify/settlements",
    "merkle",
    "note",
    "verify/arithmetic",
    "verify/replay",
    "tiles",
    "verify/published_totals",
]


def imported_modules(module: str) -> set[str]:
    nodes = list(ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_no_io(module):
    assert imported_modules(module)
    assert {name for name in imported_modules(module) if not name.startswith("ledger.log.")} <= ALLOWED


@pytest.mark.parametrize("module", sorted(str(p.relative_to(FOLDER).with_suffix("")) for p in FOLDER.rglob("*.py")))
def test_the_verifier_needs_python_and_two_libraries(module):
    others = {name.partition(".")[0] for name in imported_modules(module) if not name.startswith("ledger.log")}
    assert others <= sys.stdlib_module_names | LIBRARIES
