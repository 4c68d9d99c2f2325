"""Texts in the Latin characters that every SEPA bank accepts.

https://www.europeanpaymentscouncil.eu/document-library/guidance-documents/sepa-requirements-extended-character-set-unicode-subset-best
(EPC217-08): letters, digits and `/ - ? : ( ) . , ' +`. Banks may refuse a file with others.
"""

import re
import unicodedata

_GREEK = dict(
    zip(
        "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
        [
            "A",
            "V",
            "G",
            "D",
            "E",
            "Z",
            "I",
            "Th",
            "I",
            "K",
            "L",
            "M",
            "N",
            "X",
            "O",
            "P",
            "R",
            "S",
            "T",
            "Y",
            "F",
            "Ch",
            "Ps",
            "O",
        ],
        strict=True,
    )
)
_CYRILLIC = dict(
    zip(
        "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ",
        [
            "A",
            "B",
            "V",
            "G",
            "D",
            "E",
            "Zh",
            "Z",
            "I",
            "Y",
            "K",
            "L",
            "M",
            "N",
            "O",
            "P",
            "R",
            "S",
            "T",
            "U",
            "F",
            "H",
            "Ts",
            "Ch",
            "Sh",
            "Sht",
            "A",
            "Y",
            "Y",
            "E",
            "Yu",
            "Ya",
        ],
        strict=True,
    )
)
_SPECIAL = {"ẞ": "SS", "Æ": "Ae", "Œ": "Oe", "Ø": "O", "Đ": "D", "Ð": "D", "Þ": "Th", "Ł": "L", "Ħ": "H", "Ŧ": "T"}
_CAPITALS = _GREEK | _CYRILLIC | _SPECIAL
_TABLE = str.maketrans(
    {
        **_CAPITALS,
        **{letter.lower(): latin.lower() for letter, latin in _CAPITALS.items()},
        "ς": "s",
        "ı": "i",
        "й": "y",
        "&": "+",
        "_": "-",
        "–": "-",
        "—": "-",
        "’": "'",
        "‘": "'",
        "`": "'",
        "“": "'",
        "”": "'",
        '"': "'",
        "€": "E",
        "@": "(at)",
    }
)
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_REPLACEMENT = "."


def to_sepa_text(text: str) -> str:
    """Return a text in the characters that SEPA allows, transliterated where Latin has a form.

    Accents go, Greek and Cyrillic become Latin, and any other character becomes a full stop. A text
    neither has `//` nor begins or ends with `/`. Pure.
    """
    latin = unicodedata.normalize("NFC", text).translate(_TABLE)
    base = "".join(c for c in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(c))
    allowed = _NOT_ALLOWED.sub(_REPLACEMENT, re.sub(r"\s+", " ", base.translate(_TABLE)))
    return re.sub(r"/{2,}", "/", allowed).strip("/ ")
