"""XML read defensively: no DTD, so no entity; names without namespaces, so that every version reads."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from ledger.reconciliation.statements import StatementRefused


class _NoDtd(TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002 - as it is called
        """Refuse it where it begins, before anything in it is expanded."""
        raise StatementRefused(f"a DTD is refused ({name[:40]!r})")


def parse_xml(body: bytes) -> Element:
    """Return the root. StatementRefused where it is no XML, or has a DTD."""
    parser = XMLParser(target=_NoDtd())  # noqa: S314 - no DTD, so nothing to expand
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise StatementRefused(f"no well-formed XML: {error}") from None
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def find_all(element: Element, path: str) -> Iterator[Element]:
    """Yield the elements at a path of local names."""
    name, _, rest = path.partition("/")
    for child in element:
        if local_name(child) == name:
            if rest:
                yield from find_all(child, rest)
            else:
                yield child


def find_text(element: Element, *paths: str) -> str | None:
    """Return the text at the first of the paths that has any."""
    for path in paths:
        for found in find_all(element, path):
            if found.text and found.text.strip():
                return found.text.strip()
    return None


def require_text(element: Element, *paths: str) -> str:
    """Return the same; StatementRefused where there is none."""
    found = find_text(element, *paths)
    if found is None:
        raise StatementRefused(f"{local_name(element)} has no {paths[0]}")
    return found
