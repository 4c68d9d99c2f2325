"""A value of a list as people read it: amounts, moments, names and states in words, and the page that it is about."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from ops.http.admin_web.csrf import ADMIN_WEB_PREFIX
from ops.i18n import formats, labels
from ops.i18n.language import Language, translate
from ops.i18n.refusals import code_text
from ops.i18n.stored_refusals import failure_text

EMPTY = "—"
_REFUSAL_FIELDS = frozenset({"match_rule", "fault", "returned_because"})  # as the program says them
_PAGES_BY_KIND = {"campaign": "campaigns", "settlement": "settlements", "payout": "payouts", "proposal": "proposals"}
_LISTS_BY_KIND = {"charity": "charities", "file": "statement-lines"}


class Cell(NamedTuple):
    """What stands in a cell, and the page about it."""

    text: str
    url: str | None = None
    is_figure: bool = False


def build_cell(name: str, row: Mapping[str, Any], language: Language) -> Cell:
    """Return a value of a row. Pure."""
    value = row[name]
    if value is None or value == []:
        return Cell(EMPTY)
    if isinstance(value, int) and not isinstance(value, bool):
        return Cell(formats.number(value, language), is_figure=True)
    if isinstance(value, dict):
        return _build_composite_cell(name, value, row, language)
    if name == "subject":
        return Cell(format_subject(value, language), subject_url(value))
    if name in _PAGES_BY_KIND:
        return Cell(value, f"{ADMIN_WEB_PREFIX}/{_PAGES_BY_KIND[name]}/{quote(value, safe='')}")
    if name == "fault" and row.get("failure"):
        value = failure_text(row["failure"], language)
    return Cell(format_cell_value(name, value, language))


def format_cell_value(name: str, value: Any, language: Language) -> str:
    """Return a value in words. Pure."""
    if isinstance(value, bool):
        return labels.lookup_text("choice_bool", str(value).lower(), language)
    if isinstance(value, list):
        return "\n".join(_format_key(each, language) if isinstance(each, dict) else str(each) for each in value)
    if name in _REFUSAL_FIELDS:
        return code_text(value, {}, language)
    if name == "command":
        return labels.lookup_text("do", value, language, value)
    return labels.format_value(name, str(value), language)


def _build_composite_cell(name: str, value: Mapping[str, Any], row: Mapping[str, Any], language: Language) -> Cell:
    if "minor" in value:
        return Cell(formats.amount(value["minor"], row["currency"], language), is_figure=True)
    if name == "name":
        return Cell(value[language])
    if name == "account":
        return Cell(format_account(value))
    return Cell(" · ".join(format_cell_value(key, each, language) for key, each in value.items()))


def format_account(account: Mapping[str, str]) -> str:
    """Return a bank account: its kind, then its number. Pure."""
    return " ".join(account[part] for part in ("scheme", "id", "iban", "bic") if part in account)


def _format_key(key: Mapping[str, Any], language: Language) -> str:
    """Return one of a platform's keys: nothing of the key itself."""
    used = key["last_used_at"]
    when = (
        translate("key_used", language, moment=labels.format_minute(used))
        if used
        else translate("key_never_used", language)
    )
    return translate("key_since", language, scheme=key["scheme"], moment=labels.format_minute(key["added_at"])) + when


def format_subject(subject: str, language: Language) -> str:
    """Return what something is about in words: `campaign/forest` as `Campaign forest`. Pure."""
    kind, _, name = subject.partition("/")
    shown = name[:12] + "…" if kind == "file" else name  # a digest
    return f"{labels.lookup_text('kind', kind, language, kind)} {shown}".strip()


def subject_url(subject: str) -> str:
    """Return the page about a subject such as `campaign/forest`; the list of its kind where it has none. Pure."""
    kind, _, name = subject.partition("/")
    if kind in _PAGES_BY_KIND:
        return f"{ADMIN_WEB_PREFIX}/{_PAGES_BY_KIND[kind]}/{quote(name, safe='')}"
    return f"{ADMIN_WEB_PREFIX}/{_LISTS_BY_KIND.get(kind, f'{kind}s')}"
