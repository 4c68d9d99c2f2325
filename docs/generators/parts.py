"""The generated parts of pages by name; a page has a marker `<!-- generated: NAME -->`."""

import re
from collections.abc import Callable, Mapping

from docs.generators import api, cli, operations, problems
from docs.generators.markdown import code_block
from docs.generators.repository import DECISIONS, ROOT

_MARKER = re.compile(r"<!-- generated: ([\w-]+)(?: (\S+))? -->")
_SNIPPET = r"<!-- snippet: {name} -->\n(```\w+\n.*?```)"
_LANGUAGES = {".toml": "toml", ".yaml": "yaml", ".sh": "sh", ".sql": "sql"}


def file(path: str) -> str:
    """Return a file of the repository as a code block."""
    source = ROOT / path
    return code_block(source.read_text(encoding="utf-8"), _LANGUAGES.get(source.suffix, ""))


def snippet(name: str) -> str:
    """Return a code block of the README that a test runs."""
    match = re.search(_SNIPPET.format(name=re.escape(name)), (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    if match is None:
        raise KeyError(f"README.md has no snippet {name!r}")
    return match[1]


def decisions() -> str:
    """Return a list of links to every decision, by its title."""
    pages = sorted(DECISIONS.glob("*.md"))
    return "\n".join(
        f"- [{page.read_text('utf-8').splitlines()[0].removeprefix('# ')}]({page.name})" for page in pages
    )


PARTS: Mapping[str, Callable[[], str]] = {
    "alerts": operations.alerts,
    "api": api.reference,
    "cli": cli.reference,
    "cli-overview": cli.overview,
    "commands": operations.commands,
    "decisions": decisions,
    "metrics": operations.metrics,
    "outcomes": operations.outcomes,
    "problems": problems.problems,
    "refusals": problems.refusals,
    "settings": operations.settings,
}
PARTS_WITH_ARGUMENT: Mapping[str, Callable[[str], str]] = {"file": file, "snippet": snippet}


def fill(page: str) -> str:
    """Return a page with its generated parts. Raises KeyError for an unknown part."""
    return _MARKER.sub(lambda marker: _part(marker[1], marker[2]), page)


def _part(name: str, argument: str | None) -> str:
    return PARTS[name]() if argument is None else PARTS_WITH_ARGUMENT[name](argument)
