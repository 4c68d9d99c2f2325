"""A value of a list as people read it: amounts, moments, names and states in words, and the page that it is about."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from ops.http.admin_web.csrf import PREFIX
from ops.i18n import formats, labels
from ops.i18n.language import Language, say
from ops.i18n.refusals import reason

NONE = "—"
_SENTENCES = frozenset({"because", "fault", "returned_because"})  # as the program says them
_PLACES = {"campaign": "campaigns", "settlement": "settlements", "payout": "payouts", "proposal": "proposals"}
_OF_KIND = {"charity": "charities", "file": "statement-lines"}


class Cell(NamedTuple):
    """What stands in a cell, and the page about it."""

    text: str
    address: str | None = None
    is_figure: bool = False


def cell(name: str, row: Mapping[str, Any], language: Language) -> Cell:
    """Return a value of a row. Pure."""
    value = row[name]
    if value is None or value == []:
        return Cell(NONE)
    if isinstance(value, int) and not isinstance(value, bool):
        return Cell(formats.number(value, language), is_figure=True)
    if isinstance(value, dict):
        return _of_parts(name, value, row, language)
    if name == "subject":
        return Cell(subject(value, language), place_of(value))
    if name in _PLACES:
        return Cell(value, f"{PREFIX}/{_PLACES[name]}/{quote(value, safe='')}")
    return Cell(said(name, value, language))


def said(name: str, value: Any, language: Language) -> str:
    """Return a value in words. Pure."""
    if isinstance(value, bool):
        return labels.known("choice_bool", str(value).lower(), language)
    if isinstance(value, list):
        return "\n".join(_key(each, language) if isinstance(each, dict) else str(each) for each in value)
    if name in _SENTENCES:
        return reason(value, None, language)
    if name == "command":
        return labels.known("do", value, language, value)
    return labels.value_of(name, str(value), language)


def _of_parts(name: str, value: Mapping[str, Any], row: Mapping[str, Any], language: Language) -> Cell:
    if "minor" in value:
        return Cell(formats.amount(value["minor"], row["currency"], language), is_figure=True)
    if name == "name":
        return Cell(value[language])
    if name == "account":
        return Cell(account(value))
    return Cell(" · ".join(said(key, each, language) for key, each in value.items()))


def account(told: Mapping[str, str]) -> str:
    """Return a bank account: its kind, then its number. Pure."""
    return " ".join(told[part] for part in ("scheme", "id", "iban", "bic") if part in told)


def _key(key: Mapping[str, Any], language: Language) -> str:
    """Return one of a platform's keys: nothing of the key itself."""
    used = key["last_used_at"]
    when = say("key_used", language, moment=labels.minute(used)) if used else say("key_never_used", language)
    return say("key_since", language, scheme=key["scheme"], moment=labels.minute(key["added_at"])) + when


def subject(told: str, language: Language) -> str:
    """Return what something is about in words: `campaign/forest` as `Campaign forest`. Pure."""
    kind, _, name = told.partition("/")
    shown = name[:12] + "…" if kind == "file" else name  # a digest
    return f"{labels.known('kind', kind, language, kind)} {shown}".strip()


def place_of(told: str) -> str:
    """Return the page about a subject such as `campaign/forest`; the list of its kind where it has none. Pure."""
    kind, _, name = told.partition("/")
    if kind in _PLACES:
        return f"{PREFIX}/{_PLACES[kind]}/{quote(name, safe='')}"
    return f"{PREFIX}/{_OF_KIND.get(kind, f'{kind}s')}"
