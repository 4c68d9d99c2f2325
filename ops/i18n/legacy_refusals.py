"""Legacy: translates refusals that are still English sentences, by the patterns of `ops/site/refusals.toml`.

To delete once every refusal has a code: this file, `ops/site/refusals.toml` and its tests, and the lines marked
"legacy" in `ops/i18n/refusals.py`. `QUOTE_GAPS` moves there.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from ops.i18n import formats, labels
from ops.i18n.field_kinds import FieldKind
from ops.i18n.language import SITE, Language, translate

_FILE = SITE / "refusals.toml"
_ANY_FIELD = "sentences"
_SENTENCE_CHARS_MAX = 1_000
_SEPARATOR = "; "  # between the sentences of one message
_IN_QUOTES = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""  # as Python writes a text
_WORD = rf"(?:\S+|{_IN_QUOTES})"
# The pattern of a value by the last word of its name; any other value is a text.
_PLACEHOLDER_PATTERNS = {
    "number": r"-?[\d.,]+",
    "minor": r"-?\d+",
    "bp": r"\d+",
    "state": r"[a-z]+",
    "role": r"[a-z]+",
    "roles": r"[a-z]+(?:(?:, | or )[a-z]+)*",
    "command": r"[a-z]+\.[a-z_-]+",
    "written": _IN_QUOTES,
    "rest": r".*",
    **dict.fromkeys(("settlement", "payout", "proposal", "upload", "line", "transfer"), _WORD),
    **dict.fromkeys(("slug", "campaign", "charity"), _WORD),
    **dict.fromkeys(("day", "currency", "element", "part", "setting", "code", "hash"), r"\S+"),
}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_QUOTED = re.compile(r"""(['"])(.*)\1""", re.DOTALL)
# Chinese needs no space beside quotation marks: they are wide enough.
QUOTE_GAPS = re.compile(r"(?<=[\u4e00-\u9fff]) (?=“)|(?<=”) (?=[\u4e00-\u9fff])")
_LIST_SEPARATOR = re.compile(r", | or ")


class Sentence(NamedTuple):
    """An English sentence of the program with its translations; without one the sentence itself is shown."""

    template: str
    pattern: re.Pattern[str]
    translations: Mapping[str, str]


@cache
def refusal_sentences() -> Mapping[str, tuple[Sentence, ...]]:
    """Return the sentences by kind of field; `sentences` applies to any field."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {
        kind: tuple(Sentence(text, _compile_template(text), texts) for text, texts in table.items())
        for kind, table in tables.items()
    }


def _compile_template(template: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(template)
    patterns = [_capture_group(part) if index % 2 else re.escape(part) for index, part in enumerate(parts)]
    return re.compile("".join(patterns), re.DOTALL)


def _capture_group(name: str) -> str:
    return f"(?P<{name}>{_PLACEHOLDER_PATTERNS.get(_last_word(name), '.+?')})"


def _last_word(name: str) -> str:
    return name.rpartition("_")[2]


def translate_refusal(message: str, kind: FieldKind | None, language: Language, currency: str = "") -> str:
    """Return a message in the reader's language, or unchanged if no sentence or several sentences match. Pure.

    `currency` applies to amounts in minor units whose currency the message does not name.
    """
    text = _translate_sentence(message, kind, language, currency)
    if text is not None:
        return text
    parts = [_translate_sentence(part, kind, language, currency) for part in message.split(_SEPARATOR)]
    return "".join(part for part in parts if part) if all(parts) else message


def _translate_sentence(message: str, kind: FieldKind | None, language: Language, currency: str) -> str | None:
    match = match_sentence(message, kind)
    if match is None:
        return None
    sentence, values = match
    if language not in sentence.translations:
        return message
    texts = {name: _value_text(name, values, language, currency) for name in values}
    return QUOTE_GAPS.sub("", sentence.translations[language].format(**texts))


def match_sentence(message: str, kind: FieldKind | None = None) -> tuple[Sentence, dict[str, str]] | None:
    """Return the only sentence that matches, with its values; None if none or several match."""
    if len(message) > _SENTENCE_CHARS_MAX:
        return None
    matches = list(_iterate_matches(message, kind.value)) if kind else []
    matches = matches or list(_iterate_matches(message, _ANY_FIELD))
    return matches[0] if len(matches) == 1 else None


def _iterate_matches(message: str, table: str) -> Iterator[tuple[Sentence, dict[str, str]]]:
    for sentence in refusal_sentences().get(table, ()):
        if match := sentence.pattern.fullmatch(message):
            yield sentence, match.groupdict()


def _value_text(name: str, values: Mapping[str, str], language: Language, currency: str) -> str:
    value, last_word = values[name], _last_word(name)
    if last_word == "minor":
        return _amount_text(int(value), values.get(f"{name.removesuffix('minor')}currency", currency), language)
    if last_word == "why":
        return translate_refusal(value, None, language).rstrip("。.")
    if last_word == "command":
        return labels.lookup_text("command", value, language, value)
    if last_word == "roles":
        return _roles_text(value, language)
    quoted = _QUOTED.fullmatch(value)
    return f"“{quoted[2]}”" if quoted else labels.format_value(name, value, language)


def _roles_text(value: str, language: Language) -> str:
    roles = [labels.lookup_text("choice_role", role, language, role) for role in _LIST_SEPARATOR.split(value)]
    return ("、" if language == "zh" else ", ").join(roles)


def _amount_text(minor: int, currency: str, language: Language) -> str:
    try:
        return formats.amount(minor, currency, language)
    except ValueError:  # the currency is unknown
        return translate("minor_units", language, number=formats.number(minor, language))
