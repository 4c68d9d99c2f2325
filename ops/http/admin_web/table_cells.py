"""Table cells for people: amounts, moments, names and states in words, with a link to their page."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from ledger.reconciliation.matching import MatchRule
from ledger.reconciliation.statuses import StatusEffect
from ledger.settlements.return_reasons import reason_text
from ops.http.admin_web.csrf import ADMIN_WEB_PREFIX
from ops.i18n import formats, labels
from ops.i18n.language import Language, translate
from ops.i18n.refusals import code_text
from ops.i18n.stored_refusals import failure_text

EMPTY = "—"
_DIGEST_CHARS_SHOWN = 12
_COUNTERPARTY_TEXTS = frozenset({"fault", "bank_reference", "description"})  # never looked up as a code or a label
_MATCH_RULES = frozenset[str](MatchRule) | frozenset[str](StatusEffect)
_PAGES_BY_KIND = {
    "campaign": "campaigns",
    "settlement": "settlements",
    "payout": "payouts",
    "proposal": "proposals",
    "case": "review/cases",
}
_LISTS_BY_KIND = {"charity": "charities", "file": "statement-lines", "status": "payment-statuses"}
_ACCOUNT_PARTS = ("scheme", "id", "iban", "bic")


class Cell(NamedTuple):
    """A cell's text, and the URL that it links to."""

    text: str
    url: str | None = None
    is_figure: bool = False


def build_cell(name: str, row: Mapping[str, Any], language: Language) -> Cell:
    """Return the cell of a row's column. Pure."""
    value = row[name]
    if value is None or value == []:
        return Cell(EMPTY)
    if isinstance(value, int) and not isinstance(value, bool):
        return Cell(formats.number(value, language), is_figure=True)
    if isinstance(value, dict):
        return _build_composite_cell(name, value, row, language)
    if name == "fault" and row.get("failure"):
        return Cell(failure_text(row["failure"], language))
    return _build_text_cell(name, value, language)


def _build_text_cell(name: str, value: Any, language: Language) -> Cell:
    if name == "subject":
        return Cell(format_subject(value, language), subject_url(value))
    if name in _PAGES_BY_KIND and isinstance(value, str):
        return Cell(value, f"{ADMIN_WEB_PREFIX}/{_PAGES_BY_KIND[name]}/{quote(value, safe='')}")
    return Cell(format_cell_value(name, value, language))


def format_cell_value(name: str, value: Any, language: Language) -> str:
    """Return a value in words. Pure."""
    if isinstance(value, bool):
        return labels.lookup_text("choice_bool", str(value).lower(), language)
    if isinstance(value, list):
        return "\n".join(_format_key(item, language) if isinstance(item, dict) else str(item) for item in value)
    return _format_text(name, str(value), language)


def _format_text(name: str, text: str, language: Language) -> str:
    if name == "match_rule":  # rows of an old release have a sentence
        return code_text(text, {}, language) if text in _MATCH_RULES else text
    if name == "returned_because":
        return reason_text(text, language) or EMPTY
    if name == "command":
        return labels.lookup_text("command", text, language, text)
    return text if name in _COUNTERPARTY_TEXTS else labels.format_value(name, text, language)


def _build_composite_cell(name: str, value: Mapping[str, Any], row: Mapping[str, Any], language: Language) -> Cell:
    if "minor" in value:
        return Cell(formats.amount(value["minor"], row["currency"], language), is_figure=True)
    if name == "name":
        return Cell(value[language])
    if name == "account":
        return Cell(format_account(value))
    return Cell(" · ".join(format_cell_value(key, member, language) for key, member in value.items()))


def format_account(account: Mapping[str, str]) -> str:
    """Return a bank account as its scheme and number. Pure."""
    return " ".join(account[part] for part in _ACCOUNT_PARTS if part in account)


def _format_key(key: Mapping[str, Any], language: Language) -> str:
    """Return scheme, age and last use of a platform's key, never the key."""
    since = translate("key_since", language, scheme=key["scheme"], moment=labels.format_minute(key["added_at"]))
    if not key["last_used_at"]:
        return since + translate("key_never_used", language)
    return since + translate("key_used", language, moment=labels.format_minute(key["last_used_at"]))


def format_subject(subject: str, language: Language) -> str:
    """Return a subject such as `campaign/forest` in words: `Campaign forest`. Pure."""
    kind, _, name = subject.partition("/")
    short_name = f"{name[:_DIGEST_CHARS_SHOWN]}…" if kind == "file" else name
    return f"{labels.lookup_text('kind', kind, language, kind)} {short_name}".strip()


def subject_url(subject: str) -> str:
    """Return the URL of a subject such as `campaign/forest`: its page, else the list of its kind. Pure."""
    kind, _, name = subject.partition("/")
    if kind in _PAGES_BY_KIND:
        return f"{ADMIN_WEB_PREFIX}/{_PAGES_BY_KIND[kind]}/{quote(name, safe='')}"
    return f"{ADMIN_WEB_PREFIX}/{_LISTS_BY_KIND.get(kind, f'{kind}s')}"
