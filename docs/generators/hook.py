"""Hooks of MkDocs: fill generated parts, add the decisions and `openapi.json` to the site."""

from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.generators import api, parts
from docs.generators.repository import DECISIONS

_INDEX = "decisions/index.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add every decision to the navigation, after the index of decisions."""
    _add_decisions(config.nav)
    return config


def _add_decisions(entries: Any) -> None:
    """Extend the list that has the index of decisions, at any depth."""
    if isinstance(entries, dict):
        for inner in entries.values():
            _add_decisions(inner)
    elif isinstance(entries, list):
        for inner in list(entries):
            _add_decisions(inner)
        if _INDEX in entries:
            entries += [f"decisions/{page.name}" for page in sorted(DECISIONS.glob("*.md"))]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the decisions, which live beside the code, and the OpenAPI document."""
    for page in sorted(DECISIONS.glob("*.md")):
        files.append(File.generated(config, f"decisions/{page.name}", abs_src_path=str(page)))
    files.append(File.generated(config, "openapi.json", content=api.openapi_json()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Fill a page's generated parts."""
    return parts.fill(markdown)
