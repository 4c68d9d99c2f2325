"""The generated parts by name, and how a page asks for one: `<!-- generated: NAME -->`."""

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
    found = ROOT / path
    return code_block(found.read_text(encoding="utf-8"), _LANGUAGES.get(found.suffix, ""))


def snippet(name: str) -> str:
    """Return a code block of the README, which a test runs."""
    found = re.search(_SNIPPET.format(name=re.escape(name)), (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    if found is None:
        raise KeyError(f"README.md has no snippet {name!r}")
    return found[1]


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
OF_AN_ARGUMENT: Mapping[str, Callable[[str], str]] = {"file": file, "snippet": snippet}


def fill(page: str) -> str:
    """Return a page with its generated parts in place. Raises KeyError for a part that does not exist."""
    return _MARKER.sub(lambda marker: _part(marker[1], marker[2]), page)


def _part(name: str, argument: str | None) -> str:
    return PARTS[name]() if argument is None else OF_AN_ARGUMENT[name](argument)
