"""Files and functions stay small enough to be read in one go; every module says what it is for."""

import ast
from pathlib import Path

from repository import ROOT, Source, committed_files, format_faults, sources

FILE_LINES_MAX = 300
TEST_FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
COMMITTED_BYTES_MAX = 600_000
TABLE_LINES_MAX = 200

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_a_file_is_one_noun() -> None:
    faults = [
        f"{source.path}: {lines} lines"
        for source in sources()
        if (lines := source.text.count("\n")) > (TEST_FILE_LINES_MAX if source.is_test else FILE_LINES_MAX)
    ]
    assert not faults, format_faults(faults, "find the second noun in the file and give it a file of its own")


def test_a_function_is_one_verb() -> None:
    faults = [
        f"{source.location(node)}: {node.name} has {lines} lines"
        for source in sources()
        for node in source.nodes
        if isinstance(node, Function) and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not faults, format_faults(faults, "name its steps, each a function of about 12 lines")


def test_a_module_says_what_it_is_for() -> None:
    faults = [str(source.path) for source in sources() if source.text.strip() and not opens_with_a_sentence(source)]
    assert not faults, format_faults(
        faults, "open with a docstring: one sentence, and the standard it speaks where there is one"
    )


def opens_with_a_sentence(source: Source) -> bool:
    opening = (ast.get_docstring(source.tree) or "").split("\n\n")[0].rstrip()
    return opening.endswith((".", ":", "?", "!"))


def test_no_large_file_is_committed() -> None:
    sizes = {path: (ROOT / path).stat().st_size for path in committed_files()}
    faults = [f"{path}: {size:,} bytes" for path, size in sizes.items() if size > COMMITTED_BYTES_MAX]
    assert not faults, format_faults(faults, "make it when it is needed, or read it from where it belongs")


def test_no_table_of_real_likes_is_committed() -> None:
    faults = [
        str(path) for path in committed_files() if path.suffix in {".csv", ".ndjson", ".parquet"} and is_long(path)
    ]
    assert not faults, format_faults(faults, f"a sample of at most {TABLE_LINES_MAX} lines does")


def is_long(path: Path) -> bool:
    return (ROOT / path).read_bytes().count(b"\n") > TABLE_LINES_MAX
