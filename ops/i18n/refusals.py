"""What is refused and what is wrong with a field, said to people: the program's sentences in the reader's language.

The program has one language, and refuses in it. The catalogue (ops/site/refusals.toml) knows each of its sentences as
a template. A sentence that none of them, or more than one of them, could have made is shown as it is: never a guess.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from ops.http.admin_web.forms.schema import Kind
from ops.i18n import formats, labels
from ops.i18n.language import SITE, Language, say

_FILE = SITE / "refusals.toml"
_ANY = "sentences"
_SENTENCE_CHARS_MAX = 1_000
_BETWEEN = "; "  # sentences that one fault says one after the other
_IN_QUOTES = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""  # as Python writes a text
_ONE_WORD = rf"(?:\S+|{_IN_QUOTES})"
# What a value may be, by the last word of its name; any other is a text.
_SHAPES = {
    "number": r"-?[\d.,]+",
    "minor": r"-?\d+",
    "bp": r"\d+",
    "state": r"[a-z]+",
    "role": r"[a-z]+",
    "roles": r"[a-z]+(?:(?:, | or )[a-z]+)*",
    "command": r"[a-z]+\.[a-z_-]+",
    "written": _IN_QUOTES,
    "rest": r".*",
    **dict.fromkeys(("settlement", "payout", "proposal", "upload", "line", "transfer"), _ONE_WORD),
    **dict.fromkeys(("slug", "campaign", "charity"), _ONE_WORD),
    **dict.fromkeys(("day", "currency", "element", "part", "setting", "code", "hash"), r"\S+"),
}
_NAMES = re.compile(r"\{(\w+)\}")
_QUOTED = re.compile(r"""(['"])(.*)\1""", re.DOTALL)
_GAPS = re.compile(r"(?<=[\u4e00-\u9fff]) (?=“)|(?<=”) (?=[\u4e00-\u9fff])")  # quotation marks are wide enough
_LISTED = re.compile(r", | or ")


class Sentence(NamedTuple):
    """A sentence that the program says, and what people are told in each language; none: the sentence itself."""

    says: str
    pattern: re.Pattern[str]
    told: Mapping[str, str]


@cache
def catalogue() -> Mapping[str, tuple[Sentence, ...]]:
    """Return the sentences: those of any field, and those that an amount or a percentage has instead."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {
        kind: tuple(Sentence(says, _pattern(says), told) for says, told in table.items())
        for kind, table in tables.items()
    }


def _pattern(says: str) -> re.Pattern[str]:
    parts = _NAMES.split(says)
    made = [_group(part) if place % 2 else re.escape(part) for place, part in enumerate(parts)]
    return re.compile("".join(made), re.DOTALL)


def _group(name: str) -> str:
    return f"(?P<{name}>{shape(name)})"


def shape(name: str) -> str:
    """Return the pattern of what a value of this name may be."""
    return _SHAPES.get(_last_word(name), ".+?")


def _last_word(name: str) -> str:
    return name.rpartition("_")[2]


def reason(told: str, kind: Kind | None, language: Language, currency: str = "") -> str:
    """Return what to say of a refusal or a fault; the sentence as it is where no other is known. Pure.

    `currency` is that of the amounts which the sentence names in minor units, as far as it does not say it itself.
    """
    said = _said(told, kind, language, currency)
    if said is not None:
        return said
    parts = [_said(part, kind, language, currency) for part in told.split(_BETWEEN)]
    return "".join(part for part in parts if part) if all(parts) else told


def _said(told: str, kind: Kind | None, language: Language, currency: str) -> str | None:
    found = meant(told, kind)
    if found is None:
        return None
    sentence, values = found
    if language not in sentence.told:
        return told
    shown = {
        name: _amount(int(value), values.get(f"{name.removesuffix('minor')}currency", currency), language)
        if _last_word(name) == "minor"
        else _value(name, value, language)
        for name, value in values.items()
    }
    return _GAPS.sub("", sentence.told[language].format(**shown))


def _amount(minor: int, currency: str, language: Language) -> str:
    try:
        return formats.amount(minor, currency, language)
    except ValueError:  # it has no minor units, or nobody knows which it is
        return say("minor_units", language, number=formats.number(minor, language))


def meant(told: str, kind: Kind | None = None) -> tuple[Sentence, dict[str, str]] | None:
    """Return the one sentence that this is, with its values; None: there is none, or there are several."""
    if len(told) > _SENTENCE_CHARS_MAX:
        return None
    own = list(matching(told, kind.value)) if kind else []
    found = own or list(matching(told, _ANY))
    return found[0] if len(found) == 1 else None


def matching(told: str, table: str) -> Iterator[tuple[Sentence, dict[str, str]]]:
    """Yield each sentence of a table that could have been meant."""
    for sentence in catalogue().get(table, ()):
        if match := sentence.pattern.fullmatch(told):
            yield sentence, match.groupdict()


def _value(name: str, value: str, language: Language) -> str:
    """Return a value within a sentence in the words of the pages."""
    last = _last_word(name)
    if last == "why":
        return reason(value, None, language).rstrip("。.")
    if last == "command":
        return labels.known("do", value, language, value)
    if last == "roles":
        each = [labels.known("choice_role", one, language, one) for one in _LISTED.split(value)]
        return ("、" if language == "zh" else ", ").join(each)
    quoted = _QUOTED.fullmatch(value)
    return f"“{quoted[2]}”" if quoted else labels.value_of(name, value, language)
