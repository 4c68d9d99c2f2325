"""Parse untrusted XML without DTD and entities; names drop their namespace."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from ledger.reconciliation.statements import StatementRefused

_ELEMENTS_MAX = 4_000_000
_DEPTH_MAX = 100


class _Bounded(TreeBuilder):
    def __init__(self) -> None:
        super().__init__()
        self._elements = self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002 - the parser passes all three
        """Refuse the DTD where it begins, before anything is expanded."""
        raise StatementRefused("dtd_forbidden", doctype=name[:40])

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        """Open an element. Raises StatementRefused if there are too many, or too deep ones."""
        self._elements += 1
        self._depth += 1
        if self._elements > _ELEMENTS_MAX or self._depth > _DEPTH_MAX:
            raise StatementRefused("xml_too_large", elements_number=_ELEMENTS_MAX, depth_number=_DEPTH_MAX)
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        """Close an element."""
        self._depth -= 1
        return super().end(tag)


def parse_xml(text: str) -> Element:
    """Return the root element; an encoding that the text declares is ignored.

    Raises StatementRefused if the XML is malformed, has a DTD or is too large.
    """
    parser = XMLParser(target=_Bounded())  # noqa: S314 - no DTD, so nothing to expand
    try:
        parser.feed(text)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise StatementRefused("xml_malformed", detail=str(error)) from None
    return root


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace."""
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
    """Return the text of the first of these paths that has any, None if none has."""
    for path in paths:
        for descendant in find_all(element, path):
            if descendant.text and descendant.text.strip():
                return descendant.text.strip()
    return None


def require_text(element: Element, *paths: str) -> str:
    """Return the text of the first of these paths that has any.

    Raises StatementRefused if none has.
    """
    text = find_text(element, *paths)
    if text is None:
        raise StatementRefused("statement_element_missing", element=local_name(element), part=paths[0])
    return text


def read_is_credit(element: Element) -> bool | None:
    """Tell whether an element's direction is credit, None if it gives no direction.

    Raises StatementRefused if the direction is neither `CRDT` nor `DBIT`: a guess could pay a payout.
    """
    direction = find_text(element, "CdtDbtInd")
    if direction not in {"CRDT", "DBIT", None}:
        raise StatementRefused("statement_direction_invalid", text=(direction or "")[:40])
    return None if direction is None else direction == "CRDT"


def require_is_credit(element: Element) -> bool:
    """Tell whether an element's direction is credit.

    Raises StatementRefused if it gives none, or neither `CRDT` nor `DBIT`.
    """
    require_text(element, "CdtDbtInd")
    return read_is_credit(element) is True
