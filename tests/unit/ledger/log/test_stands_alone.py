"""The log can be taken out: it imports nothing else of ours, and its pure parts nothing that does I/O."""

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


def imported(module: str) -> set[str]:
    nodes = list(ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_only_what_computes(module):
    assert imported(module)
    assert {name for name in imported(module) if not name.startswith("ledger.log.")} <= ALLOWED


@pytest.mark.parametrize("module", sorted(str(p.relative_to(FOLDER).with_suffix("")) for p in FOLDER.rglob("*.py")))
def test_the_verifier_needs_python_and_two_libraries(module):
    others = {name.partition(".")[0] for name in imported(module) if not name.startswith("ledger.log")}
    assert others <= sys.stdlib_module_names | LIBRARIES
