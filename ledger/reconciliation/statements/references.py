"""Find the references that a bank repeats in free text. Pure.

Banks put the EndToEndId behind a tag (`EREF+…`, `/EREF/…/`, SWIFT MT940 field 86), into the words
of the remittance, or split it at the end of a line.
"""

import re
from collections.abc import Iterable

# A payout or a message, as our payment files name them. Blanks inside come from line ends.
_OUR_ID = re.compile(r"(?=((?:P\s*A\s*Y|S\s*T\s*L)(?:\s*[0-9A-Z]){20}\s*-\s*[0-9]{1,6}(?![0-9])))")
_SUBFIELD = re.compile(r"\?[0-9]{2}")  # MT940: ?20 to ?29 hold one text
_TAGGED = re.compile(
    r"(?:\b|(?<=/))(?:EREF|KREF|PREF|IREF|END-TO-END-REF|ENDTOENDID|E2E)\.?\s*[+:/=]\s*(.{1,70}?)\s*"
    r"(?=[A-Z]{4}\+|/[A-Z]{3,4}/|//|\s|$)"
)
_WORD = re.compile(r"(?<![0-9A-Z])(?=[A-Z-]*[0-9])[0-9A-Z][0-9A-Z-]{4,33}[0-9A-Z](?![0-9A-Z])")
_FOUND_MAX = 40
_TEXT_CHARS_MAX = 4_000


def find_references(texts: Iterable[str]) -> list[str]:
    """Return the references in texts that follow one another, in capitals: ours, tagged, words."""
    text = _SUBFIELD.sub(" ", " ".join(texts)).upper()[:_TEXT_CHARS_MAX]
    ours = ["".join(match[1].split()) for match in _OUR_ID.finditer(text)]
    tagged = [match[1] for match in _TAGGED.finditer(text)]
    words = [match[0] for match in _WORD.finditer(text)]
    return [*ours, *tagged, *words][:_FOUND_MAX]
