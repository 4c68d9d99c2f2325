"""Which names mean the same person: the two-person rule compares people, not spellings. Pure.

After UTS 39 (Unicode Security Mechanisms): a name has one script, or Latin beside those of East Asia.
"""

from collections.abc import Iterable
from unicodedata import category, name, normalize

_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"})
_NO_SCRIPT = frozenset({"MODIFIER"})  # letters that every script uses
_INVISIBLE = frozenset({*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x034F, 0x115F, 0x1160, 0x3164})
# Small letters of other scripts that look like Latin ones (confusables.txt of UTS 39).
_LOOKALIKES = str.maketrans("аеіјорсухѕһԁԛԝӏανοριτυχκ", "aeijopcyxshdqwlavopituxk")


def person_key(text: str) -> str:
    """Return a text that is equal for names that mean the same person to a reader."""
    visible = (character for character in normalize("NFKC", text) if not _is_invisible(character))
    folded = normalize("NFKC", "".join(visible).casefold())
    return " ".join(folded.translate(_LOOKALIKES).split())


def is_same_person(name_a: str, name_b: str) -> bool:
    """Return whether two names mean the same person."""
    return person_key(name_a) == person_key(name_b)


def distinct_people(names: Iterable[str]) -> list[str]:
    """Return one name for each person, the first of each, in order."""
    return list({person_key(text): text for text in reversed(list(names))}.values())[::-1]


def mixes_scripts(text: str) -> bool:
    """Return whether a name has letters of scripts that no language mixes: they may look like another name."""
    scripts = {_script(character) for character in normalize("NFKC", text) if category(character)[0] == "L"}
    return len(scripts - _NO_SCRIPT) > 1 and not scripts <= {"LATIN", "EAST ASIAN", *_NO_SCRIPT}


def _script(letter: str) -> str:
    """Return the first word of a letter's name, which is its script."""
    word = name(letter, "UNKNOWN").partition(" ")[0].partition("-")[0]
    return "EAST ASIAN" if word in _EAST_ASIAN else word


def _is_invisible(character: str) -> bool:
    return category(character) == "Cf" or ord(character) in _INVISIBLE
