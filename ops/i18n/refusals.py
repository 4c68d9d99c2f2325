"""What is refused and what is wrong with a field, said to people: the program's sentences in the reader's language.

The program has one language, and refuses in it. The catalogue (ops/site/refusals.toml) knows each of its sentences as
a template. A sentence that none of them, or more than one of them, could have made is shown as it is: never a guess.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from campaigns.errors import FieldError
from ledger.errors import Param, Refusal, format_code
from ops.http.admin_web.forms.schema import Kind
from ops.i18n import formats, labels
from ops.i18n.language import SITE, Language, translate

_FILE = SITE / "refusals.toml"
_FOLDER = SITE / "refusals"
_ANY_FIELD = "sentences"
_SENTENCE_CHARS_MAX = 1_000
_BETWEEN = "; "  # sentences that one fault says one after the other
_IN_QUOTES = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""  # as Python writes a text
_WORD = rf"(?:\S+|{_IN_QUOTES})"
# What a value may be, by the last word of its name; any other is a text.
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
_QUOTE_GAPS = re.compile(r"(?<=[\u4e00-\u9fff]) (?=“)|(?<=”) (?=[\u4e00-\u9fff])")  # quotation marks are wide enough
_LIST_SEPARATOR = re.compile(r", | or ")


class Sentence(NamedTuple):
    """A sentence that the program says, and what people are told in each language; none: the sentence itself."""

    template: str
    pattern: re.Pattern[str]
    translations: Mapping[str, str]


@cache
def refusal_sentences() -> Mapping[str, tuple[Sentence, ...]]:
    """Return the sentences: those of any field, and those that an amount or a percentage has instead."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {
        kind: tuple(Sentence(says, _compile_template(says), told) for says, told in table.items())
        for kind, table in tables.items()
    }


def _compile_template(template: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(template)
    made = [_capture_group(part) if place % 2 else re.escape(part) for place, part in enumerate(parts)]
    return re.compile("".join(made), re.DOTALL)


def _capture_group(name: str) -> str:
    return f"(?P<{name}>{placeholder_pattern(name)})"


def placeholder_pattern(name: str) -> str:
    """Return the pattern of what a value of this name may be."""
    return _PLACEHOLDER_PATTERNS.get(_last_word(name), ".+?")


def _last_word(name: str) -> str:
    return name.rpartition("_")[2]


def translate_refusal(message: str, kind: Kind | None, language: Language, currency: str = "") -> str:
    """Return what to say of a refusal or a fault; the sentence as it is where no other is known. Pure.

    `currency` is that of the amounts which the sentence names in minor units, as far as it does not say it itself.
    """
    said = _translate_sentence(message, kind, language, currency)
    if said is not None:
        return said
    parts = [_translate_sentence(part, kind, language, currency) for part in message.split(_BETWEEN)]
    return "".join(part for part in parts if part) if all(parts) else message


def _translate_sentence(message: str, kind: Kind | None, language: Language, currency: str) -> str | None:
    found = match_sentence(message, kind)
    if found is None:
        return None
    sentence, values = found
    if language not in sentence.translations:
        return message
    shown = {
        name: _format_amount(int(value), values.get(f"{name.removesuffix('minor')}currency", currency), language)
        if _last_word(name) == "minor"
        else _format_placeholder(name, value, language)
        for name, value in values.items()
    }
    return _QUOTE_GAPS.sub("", sentence.translations[language].format(**shown))


def _format_amount(minor: int, currency: str, language: Language) -> str:
    try:
        return formats.amount(minor, currency, language)
    except ValueError:  # it has no minor units, or nobody knows which it is
        return translate("minor_units", language, number=formats.number(minor, language))


def match_sentence(message: str, kind: Kind | None = None) -> tuple[Sentence, dict[str, str]] | None:
    """Return the one sentence that this is, with its values; None: there is none, or there are several."""
    if len(message) > _SENTENCE_CHARS_MAX:
        return None
    own = list(iterate_matches(message, kind.value)) if kind else []
    found = own or list(iterate_matches(message, _ANY_FIELD))
    return found[0] if len(found) == 1 else None


def iterate_matches(message: str, table: str) -> Iterator[tuple[Sentence, dict[str, str]]]:
    """Yield each sentence of a table that could have been meant."""
    for sentence in refusal_sentences().get(table, ()):
        if match := sentence.pattern.fullmatch(message):
            yield sentence, match.groupdict()


def _format_placeholder(name: str, value: str, language: Language) -> str:
    """Return a value within a sentence in the words of the pages."""
    last = _last_word(name)
    if last == "why":
        return translate_refusal(value, None, language).rstrip("。.")
    if last == "command":
        return labels.lookup_text("do", value, language, value)
    if last == "roles":
        each = [labels.lookup_text("choice_role", one, language, one) for one in _LIST_SEPARATOR.split(value)]
        return ("、" if language == "zh" else ", ").join(each)
    quoted = _QUOTED.fullmatch(value)
    return f"“{quoted[2]}”" if quoted else labels.format_value(name, value, language)


def refusal_text(
    refusal: Refusal | FieldError, language: Language, *, kind: Kind | None = None, currency: str = ""
) -> str:
    """Return the sentence of a refusal or a field's error, its values filled in. Pure.

    `kind` is that of the field: a money field has its own words for some codes. `currency` is that of amounts whose
    currency is not among the values.
    """
    return code_text(refusal.code, refusal.params, language, kind=kind, currency=currency)


def code_text(
    code: str, params: Mapping[str, Param], language: Language, *, kind: Kind | None = None, currency: str = ""
) -> str:
    """Return the sentence of a code; a code that the catalogue does not have is shown with its values. Pure."""
    sentence = (kind and refusal_catalogue().get(f"{kind.value}.{code}")) or refusal_catalogue().get(code)
    if sentence is None:
        return translate_refusal(format_code(code, params), kind, language, currency)
    values = {name: _format_param(name, value, params, language, currency) for name, value in params.items()}
    return _QUOTE_GAPS.sub("", sentence[language].format(**values))


@cache
def refusal_catalogue() -> Mapping[str, Mapping[Language, str]]:
    """Return the sentences by code; those that a kind of field has instead are named `kind.code`."""
    catalogue: dict[str, Mapping[Language, str]] = {}
    for file in sorted(_FOLDER.glob("*.toml")):
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if "en" in entry:
                catalogue[name] = entry
            else:
                catalogue |= {f"{name}.{code}": sentence for code, sentence in entry.items()}
    return catalogue


def _format_param(name: str, value: Param, params: Mapping[str, Param], language: Language, currency: str) -> str:
    """Return one value in words; the last word of its name tells what it is."""
    match _last_word(name), value:
        case _, Refusal():
            return refusal_text(value, language, currency=currency).rstrip("。.")
        case "minor", int():
            code = params.get(f"{name.removesuffix('minor')}currency", params.get("currency", currency))
            return _format_amount(value, str(code), language)
        case "number" | "bytes" | "length" | "ge" | "le" | "gt" | "lt", int():
            return formats.number(value, language)
        case "bp", int():
            return formats.format_basis_points(value) + "%"
        case "command", str():
            return labels.lookup_text("do", value, language, value)
        case "roles", Sequence() if not isinstance(value, str):
            return ("、" if language == "zh" else ", ").join(
                labels.format_value("role", role, language) for role in value
            )
        case _, str():
            return labels.format_value(name, value, language)
    return str(value)


def json_params(params: Mapping[str, Param]) -> dict[str, Any]:
    """Return the values of a refusal as JSON can carry them: a nested refusal as its code. Pure."""
    return {name: _json_value(value) for name, value in params.items()}


def _json_value(value: Param) -> Any:
    if isinstance(value, Refusal):
        return value.code
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str | int) else list(value)
