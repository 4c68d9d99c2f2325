"""What is committed belongs to any machine: no registry's address, no path of somebody's computer, no secret."""

import re

import pytest

from repository import ROOT, committed_files, format_faults, texts

# The brackets keep this file from matching itself.
REGISTRY = re.compile(
    r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|deb[.]debian[.]org|security[.]debian[.]org|proxy[.]golang"
    r"|--(?:extra-)?index[-]url|--find[-]links|--trusted[-]host",
    re.IGNORECASE,
)
MACHINE = re.compile(r"(?<![\w.}>)\]*-])/(?:work|root|home|Users)/[\w.]")
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{40,}={0,2}|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b")


def found_in(pattern: re.Pattern[str], text: str) -> list[str]:
    return [match[0] for match in pattern.finditer(text)]


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("see https://" + "pypi" + ".org/simple", True),
        ("pip install --" + "index-url=here", True),
        ("uv export --no-emit-index-url", False),
        ("https://github.com/C2SP/C2SP", False),
    ],
)
def test_the_registry_rule_itself(text: str, *, is_named: bool) -> None:
    assert bool(REGISTRY.search(text)) is is_named


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("open('/" + "home/li/likes.csv')", True),
        ("/" + "work/main", True),
        ("GET /v1/home/page", False),
        ("a venv under /root is closed to others", False),
        ("./data/home/x", False),
    ],
)
def test_the_machine_rule_itself(text: str, *, is_named: bool) -> None:
    assert bool(MACHINE.search(text)) is is_named


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (REGISTRY, "whoever installs chooses the registry: pip and uv are set up outside the repository"),
        (MACHINE, "a path is relative to the root, or given by the environment"),
        (SECRET, "a secret is made where it is used; a test makes its own"),
    ],
    ids=["registry", "machine", "secret"],
)
def test_no_file_names_what_belongs_elsewhere(pattern: re.Pattern[str], instead: str) -> None:
    faults = [f"{path}: {found[0]}" for path, text in texts().items() if (found := found_in(pattern, text))]
    assert not faults, format_faults(faults, instead)


def test_text_ends_with_a_newline_and_lines_end_alone() -> None:
    written = {path: text for path, text in texts().items() if text and path.suffix not in {".svg", ".json"}}
    faults = [str(path) for path, text in written.items() if not text.endswith("\n") or "\r\n" in text]
    assert not faults, format_faults(faults, "end the file with a newline, lines with \\n")


def test_scripts_can_be_run() -> None:
    starts = {path: text for path, text in texts().items() if text.startswith("#!")}
    faults = [str(path) for path in starts if not (ROOT / path).stat().st_mode & 0o100]
    assert not faults, format_faults(faults, "chmod +x, and commit the mode")


def test_what_a_project_owes_its_reader_is_there() -> None:
    owed = {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", ".ci/run"}
    faults = sorted(owed - {str(path) for path in committed_files()})
    assert not faults, format_faults(faults, "write it")
