"""Refusals and field errors as sentences in the reader's language, by code (`ops/site/refusals/*.toml`)."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from campaigns.errors import FieldError
from ledger.errors import Param, Refusal, format_code
from ops.i18n import formats, labels
from ops.i18n.field_kinds import FieldKind
from ops.i18n.language import SITE, Language, translate

_QUOTE_GAPS = re.compile(r"(?<=[\u4e00-\u9fff]) (?=“)|(?<=”) (?=[\u4e00-\u9fff])")
_FOLDER = SITE / "refusals"
_LIST_SEPARATORS: Mapping[Language, str] = {"zh": "、", "en": ", "}
_INT_MAX = 2**53 - 1  # JSON readers keep integers exact up to here (RFC 8259, section 6)
_FIGURE_WORDS = frozenset({"number", "bytes", "length", "ge", "le", "gt", "lt"})


def refusal_text(
    refusal: Refusal | FieldError, language: Language, *, kind: FieldKind | None = None, currency: str = ""
) -> str:
    """Return the sentence of a refusal or a field error with its values filled in. Pure.

    `kind` is the field's kind: money and percentages have sentences of their own for some codes. `currency` applies
    to amounts whose currency is not among the values.
    """
    return code_text(refusal.code, refusal.params, language, kind=kind, currency=currency)


def code_text(
    code: str, params: Mapping[str, Param], language: Language, *, kind: FieldKind | None = None, currency: str = ""
) -> str:
    """Return the sentence of a code. Pure.

    Returns the code with its values if the catalogue does not have it, or a value of the sentence is missing.
    """
    sentence = _find_sentence(code, kind)
    if sentence is None:
        return format_code(code, params)
    values = {name: _param_text(name, params, language, currency) for name in params}
    try:
        return _QUOTE_GAPS.sub("", sentence[language].format(**values))
    except (KeyError, IndexError):  # rows of other releases may have other values
        return format_code(code, params)


def _find_sentence(code: str, kind: FieldKind | None) -> Mapping[Language, str] | None:
    catalogue = refusal_catalogue()
    return (catalogue.get(f"{kind.value}.{code}") if kind else None) or catalogue.get(code)


@cache
def refusal_catalogue() -> Mapping[str, Mapping[Language, str]]:
    """Return the sentences by code; a sentence for one kind of field is named `kind.code`."""
    catalogue: dict[str, Mapping[Language, str]] = {}
    for file in sorted(_FOLDER.glob("*.toml")):
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            catalogue |= _named_sentences(name, entry)
    return catalogue


def _named_sentences(name: str, entry: Mapping[str, Any]) -> dict[str, Mapping[Language, str]]:
    if "en" in entry:
        return {name: {"en": entry["en"], "zh": entry["zh"]}}
    return {f"{name}.{code}": sentence for code, sentence in entry.items()}


def _param_text(name: str, params: Mapping[str, Param], language: Language, currency: str) -> str:
    """Return one value in words; the type and the last word of the name decide its form."""
    value = params[name]
    if isinstance(value, Refusal):
        return refusal_text(value, language, currency=currency).rstrip("。.")
    if isinstance(value, str):
        return _text_param(name, value, language)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return _figure_param(name, value, params, language, currency)
    return _LIST_SEPARATORS[language].join(_list_item_text(name, item, language) for item in value)


def _text_param(name: str, value: str, language: Language) -> str:
    if _last_word(name) == "command":
        return labels.lookup_text("command", value, language, value)
    return labels.format_value(name, value, language)


def _list_item_text(name: str, item: str, language: Language) -> str:
    return labels.format_value("role", item, language) if _last_word(name) == "roles" else item


def _figure_param(name: str, figure: int, params: Mapping[str, Param], language: Language, currency: str) -> str:
    last_word = _last_word(name)
    if last_word == "minor":
        amount_currency = params.get(f"{name.removesuffix('minor')}currency", params.get("currency", currency))
        return _amount_text(figure, str(amount_currency), language)
    if last_word == "bp":
        return formats.format_basis_points(figure) + "%"
    return formats.number(figure, language) if last_word in _FIGURE_WORDS else str(figure)


def _amount_text(minor: int, currency: str, language: Language) -> str:
    try:
        return formats.amount(minor, currency, language)
    except ValueError:  # the currency is unknown
        return translate("minor_units", language, number=formats.number(minor, language))


def _last_word(name: str) -> str:
    return name.rpartition("_")[2]


def json_params(params: Mapping[str, Param]) -> dict[str, Any]:
    """Return the values of a refusal as JSON values: a nested refusal as its code, a day as ISO 8601.

    An integer that JSON readers would round is a string. Pure.
    """
    return {name: _json_value(value) for name, value in params.items()}


def _json_value(value: Param) -> Any:
    if isinstance(value, Refusal):
        return value.code
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return value if abs(value) <= _INT_MAX else str(value)
    return value if isinstance(value, str) else list(value)
