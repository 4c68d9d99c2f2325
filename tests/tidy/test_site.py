"""The documentation site builds strictly, loads nothing from other hosts, and agrees with the code."""

import json
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs.generators import api, cli, operations, parts, problems
from docs.generators.markdown import code_block, sentence, table
from ops.http.core.problems import Problem
from ops.http.endpoints import document
from repository import ROOT, format_faults

FETCHING_ATTRIBUTES = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class FetchedAddresses(HTMLParser):
    """Collects the addresses that a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if name == FETCHING_ATTRIBUTES.get(tag) and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    result = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_no_page_fetches_anything_from_another_host(site: Path) -> None:
    faults = [
        f"{page.relative_to(site)}: {address}"
        for page in site.rglob("*.html")
        for address in fetched_addresses(page.read_text(encoding="utf-8"))
        if re.match(r"(https?:)?//", address)
    ]
    assert not faults, format_faults(faults, "keep it in docs/, or do without it")


def fetched_addresses(page: str) -> list[str]:
    parser = FetchedAddresses()
    parser.feed(page)
    return parser.addresses


def test_no_style_fetches_anything_from_another_host(site: Path) -> None:
    faults = [str(file) for file in site.rglob("*.css") if re.search(r"url\(['\"]?(https?:)?//", file.read_text())]
    assert not faults, format_faults(faults, "theme.font stays false in mkdocs.yml")


def test_every_generated_part_is_shown(site: Path) -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in ROOT.glob("docs/**/*.md"))
    faults = [name for name in parts.PARTS if f"<!-- generated: {name} -->" not in pages]
    assert not faults, format_faults(faults, "show it on a page, or take it out of docs/generators/parts.py")
    assert not [page for page in site.rglob("*.html") if "<!-- generated" in page.read_text(encoding="utf-8")]


def test_every_decision_is_a_page(site: Path) -> None:
    faults = [
        page.name
        for page in parts.DECISIONS.glob("*.md")
        if not (site / "decisions" / page.name).with_suffix(".html").exists()
    ]
    assert not faults, format_faults(faults, "docs/generators/hook.py adds it")


def test_the_site_carries_the_description_of_the_api(site: Path) -> None:
    assert json.loads((site / "openapi.json").read_text(encoding="utf-8")) == document()


def test_no_generator_is_published(site: Path) -> None:
    assert not [path for path in site.rglob("*") if path.suffix == ".py" or path.name == "generators"]


def test_every_operation_has_a_section() -> None:
    sections = re.findall(r"^### (\w+) (\S+) \{#", api.reference(), re.MULTILINE)
    paths = document()["paths"]
    assert sorted(sections) == sorted((method.upper(), path) for path in paths for method in paths[path])


def test_every_command_has_a_section_with_its_options() -> None:
    text = cli.reference()
    assert re.findall(r"^### (.+) \{#", text, re.MULTILINE) == [name for name, _ in cli.commands()]
    assert text.count("| `--json` | flag | Print JSON instead of tables. |") > len(cli.commands()) // 2
    assert "| `--fakes-bp` | int, 0 to 10000 | Share of fakes in basis points. Default" not in text
    assert "| `--batch` | int, 1 to 1000 |" in text


def test_every_problem_has_a_row() -> None:
    assert problems.problems().count("\n| ") == len(Problem) + 1


def test_every_refusal_of_the_catalogue_has_a_row() -> None:
    entries = tomllib.loads((ROOT / "ops/site/refusals/models.toml").read_text(encoding="utf-8"))
    rows = problems.refusals().splitlines()[2:]
    for name in ("missing", "too_long"):
        assert f"| `{name}` | {entries[name]['en']} | {entries[name]['zh']} |" in rows
    assert f"| `money.int_type` | {entries['money']['int_type']['en']} |" in "\n".join(rows)
    assert len({row.split("|")[1] for row in rows}) == len(rows)


def test_a_metric_shows_its_labels_and_a_counter_its_suffix() -> None:
    assert "| `like_ledger_likes_total{outcome}` | counter |" in operations.metrics()
    assert "| `like_ledger_intake_queue_likes` | gauge |" in operations.metrics()


def test_a_secret_has_no_default() -> None:
    rows = [
        row for row in operations.settings().splitlines() if "_KEY`" in row or "_SECRET`" in row or "_TOKEN`" in row
    ]
    assert rows
    assert all("| – |" in row for row in rows)


@pytest.mark.parametrize("marker", ["<!-- generated: nothing -->", "<!-- generated: snippet nothing -->"])
def test_a_part_that_does_not_exist_is_refused(marker: str) -> None:
    with pytest.raises(KeyError):
        parts.fill(marker)


def test_a_table_escapes_what_would_end_a_cell() -> None:
    assert table(("a", "b"), [("x|y", "two\nlines")]).splitlines()[2] == "| x\\|y | two lines |"


def test_a_block_has_a_fence_longer_than_any_in_it() -> None:
    assert code_block("```\nx\n```", "md") == "````md\n```\nx\n```\n````"


@pytest.mark.parametrize(
    ("phrase", "text"), [("likes a transaction", "Likes a transaction."), ("", ""), ("Done.", "Done.")]
)
def test_a_phrase_becomes_a_sentence(phrase: str, text: str) -> None:
    assert sentence(phrase) == text
