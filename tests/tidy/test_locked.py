"""The locked requirements are those that pyproject.toml asks for: each pinned, hashed and without an address."""

import re
import tomllib
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository import ROOT, format_faults

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; [^\\]+)? ?\\?$")
FILES = ("service", "demo", "dev")


@cache
def required_packages() -> dict[str, list[Requirement]]:
    """Return what pyproject.toml asks for, by the file that must have it."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    service = tables["project"]["dependencies"]
    demo = tables["project"]["optional-dependencies"]["demo"]
    dev = tables["dependency-groups"]["dev"]
    listed = {"service": service, "demo": service + demo, "dev": service + dev}
    return {file: [Requirement(line) for line in lines] for file, lines in listed.items()}


def lines(file: str) -> list[str]:
    return (ROOT / f"requirements/{file}.txt").read_text(encoding="utf-8").splitlines()


@cache
def locked_versions(file: str) -> dict[str, str]:
    """Return the versions that a file pins, by name."""
    return {canonicalize_name(pin[1]): pin[2] for line in lines(file) if (pin := PIN.match(line))}


@pytest.mark.parametrize("file", FILES)
def test_a_file_pins_what_pyproject_asks_for(file: str) -> None:
    versions = locked_versions(file)
    faults = [
        f"{wanted}: pinned is {versions.get(canonicalize_name(wanted.name), 'nothing')}"
        for wanted in required_packages()[file]
        if not wanted.specifier.contains(versions.get(canonicalize_name(wanted.name), "none"), prereleases=True)
    ]
    assert not faults, format_faults(faults, "make lock, and commit requirements/")


@pytest.mark.parametrize("file", FILES)
def test_every_line_is_a_pin_a_hash_or_a_remark(file: str) -> None:
    allowed = re.compile(r"^(#.*|    --hash=sha256:[0-9a-f]{64}( \\)?|    # .*|)$")
    faults = [line for line in lines(file) if not allowed.match(line) and not PIN.match(line)]
    assert not faults, format_faults(faults, "only names, versions and hashes are locked: make lock")


@pytest.mark.parametrize("file", FILES)
def test_every_pin_has_a_hash(file: str) -> None:
    text = "\n".join(lines(file))
    faults = re.findall(r"^(\S+==\S+)(?!.*\\\n    --hash=sha256:)", text, re.MULTILINE)
    assert not faults, format_faults(faults, "make lock: nothing is installed without its hash")


def test_the_same_versions_are_tested_and_served() -> None:
    tested = locked_versions("dev")
    service = locked_versions("service") | locked_versions("demo")
    faults = [f"{n}: {v}, tested is {tested[n]}" for n, v in service.items() if tested.get(n, v) != v]
    assert not faults, format_faults(faults, "make lock: one resolution for all files")
