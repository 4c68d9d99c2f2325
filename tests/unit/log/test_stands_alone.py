"""The pure parts of the log can be taken out: they import nothing else of ours, and nothing that does I/O."""

import ast
from pathlib import Path

import pytest

import ledger.log

FOLDER = Path(ledger.log.__file__).parent
ALLOWED = {
    "base64",
    "collections.abc",
    "cryptography.exceptions",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "dataclasses",
    "hashlib",
    "json",
    "re",
    "rfc8785",
    "typing",
}


@pytest.mark.parametrize("module", ["canonical", "checkpoint", "encoding", "merkle", "note", "tiles"])
def test_a_pure_module_imports_only_what_computes(module):
    nodes = list(ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported
    assert {name for name in imported if not name.startswith("ledger.log.")} <= ALLOWED
