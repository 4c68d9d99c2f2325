"""Parse ISO 20022 account reports: camt.053 statements, camt.052 reports, camt.054 notifications.

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Bank-to-Customer Cash
Management), versions 001.02 to 001.14. What is not of the payer's account is skipped, unread.
"""

from datetime import date
from typing import NamedTuple
from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import BankFile, DocumentKind, Skipped, Statement, StatementLine
from ledger.reconciliation.statements.accounts import choose_accounts, normalize_account
from ledger.reconciliation.statements.amounts import minor_digits, parse_date, validate_statement
from ledger.reconciliation.statements.balances import Balances, explain_unchecked, fit_balances, read_balances
from ledger.reconciliation.statements.entries import EntryContext, read_entry
from ledger.reconciliation.statements.xml import find_all, find_text, local_name, require_text


class _Message(NamedTuple):
    """The element of one account in a message, and the kind of its content."""

    part: str
    kind: DocumentKind


MESSAGES = {
    "BkToCstmrStmt": _Message("Stmt", DocumentKind.STATEMENT),
    "BkToCstmrAcctRpt": _Message("Rpt", DocumentKind.REPORT),
    "BkToCstmrDbtCdtNtfctn": _Message("Ntfctn", DocumentKind.NOTIFICATION),
}
_ACCOUNT_PATHS = "Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Prxy/Id"
_EDITION_CHARS_MAX = 200


def parse_message(message: Element, own_account: str | None) -> BankFile:
    """Return the statements of the payer's account in a message; None is any account.

    Raises StatementRefused if a statement of the account is incomplete or does not add up.
    """
    parts = list(find_all(message, MESSAGES[local_name(message)].part))
    if not parts:
        return BankFile(skipped=(Skipped("statement_missing", element=local_name(message)),))
    accounts = [find_text(part, *_ACCOUNT_PATHS) for part in parts]
    chosen = choose_accounts(filter(None, accounts), own_account)
    file = BankFile()
    for part, account in zip(parts, accounts, strict=True):
        if account in chosen:
            file += _parse_part(message, part, normalize_account(own_account or account or ""))
        else:
            file += BankFile(skipped=(_other_account(part, account),))
    return file


def _other_account(part: Element, account: str | None) -> Skipped:
    statement = (find_text(part, "Id") or "")[:40]
    if account is None:
        return Skipped("statement_without_account", statement=statement)
    return Skipped("statement_of_other_account", statement=statement, account_ending=account[-4:])


def _parse_part(message: Element, part: Element, account: str) -> BankFile:
    kind, statement_id = MESSAGES[local_name(message)].kind, require_text(part, "Id")
    currency = _find_currency(part)
    if currency is None:
        return BankFile(skipped=(Skipped("statement_without_amounts", statement=statement_id[:40]),))
    minor_digits(currency)  # refuses a currency without a minor unit
    is_final = kind is DocumentKind.STATEMENT
    balances = read_balances(part, currency, statement_id) if is_final else Balances((), (), None, None)
    context = EntryContext(currency, balances.last_day or _document_day(message, part))
    lines: list[StatementLine] = []
    skipped: list[Skipped] = []
    skipped_minor, is_exact = 0, True
    for number, entry in enumerate(find_all(part, "Ntry"), 1):
        content = read_entry(entry, context, number, len(lines) + 1)
        lines += content.lines
        skipped += content.skipped
        skipped_minor += content.skipped_minor
        is_exact = is_exact and content.is_exact
    statement = Statement(
        account,
        statement_id,
        currency,
        opening_minor=None,
        closing_minor=None,
        lines=tuple(lines),
        kind=kind,
        edition=_edition(message, part, currency, balances),
        skipped_minor=skipped_minor,
    )
    if is_final:
        is_page = _is_one_of_pages(message, part)
        statement = fit_balances(statement, balances, is_exact=is_exact, is_page=is_page)
        skipped += explain_unchecked(statement, balances)
    return BankFile((validate_statement(statement),), (), tuple(skipped))


def _find_currency(part: Element) -> str | None:
    """Return the currency of the account: as stated if an amount has it, else of an amount."""
    stated = find_text(part, "Acct/Ccy")
    amounts = [amount.get("Ccy", "") for path in ("Bal/Amt", "Ntry/Amt") for amount in find_all(part, path)]
    currencies = [currency for currency in amounts if currency]
    if stated is not None and (stated in currencies or not currencies):
        return stated
    return next(iter(currencies), None)


def _document_day(message: Element, part: Element) -> date | None:
    """Return the day of a statement without dated balances, for entries without a date."""
    text = find_text(part, "FrToDt/ToDtTm", "CreDtTm") or find_text(message, "GrpHdr/CreDtTm")
    return parse_date(text) if text else None


def _edition(message: Element, part: Element, currency: str, balances: Balances) -> str:
    """Return what tells statements of one id apart: `EUR 2026-12-01/2026-12-31 no.5 p.1`.

    Banks write a new time of creation whenever a statement is fetched, so of it only the year
    counts, because some banks begin their ids again every year.
    """
    kind = MESSAGES[local_name(message)].kind
    number, page = find_text(part, "ElctrncSeqNb", "LglSeqNb"), _page_texts(message, part)[0]
    words = [
        "" if kind is DocumentKind.STATEMENT else kind.value,
        currency,
        _period(message, part, balances, is_final=kind is DocumentKind.STATEMENT),
        f"no.{number}" if number else "",
        f"p.{page.lstrip('0')}" if page else "",
    ]
    return " ".join(filter(None, words))[:_EDITION_CHARS_MAX]


def _period(message: Element, part: Element, balances: Balances, *, is_final: bool) -> str:
    times = [find_text(part, f"FrToDt/{end}") for end in ("FrDtTm", "ToDtTm")]
    created = find_text(part, "CreDtTm") or find_text(message, "GrpHdr/CreDtTm") or ""
    if not is_final:  # a later report of the day has more entries
        return created[:19]
    if any(times):
        return "/".join(dict.fromkeys(_short_time(time) for time in times if time))
    days = [day.isoformat() for day in (balances.first_day, balances.last_day) if day is not None]
    return " ".join(filter(None, ["/".join(dict.fromkeys(days)), created[:4]]))


def _short_time(text: str) -> str:
    """Return a day without its first or last moment, else the time."""
    day, _, time = text[:19].partition("T")
    return day if time in {"", "00:00:00", "23:59:59", "24:00:00"} else f"{day}T{time}"


def _page_texts(message: Element, part: Element) -> tuple[str | None, str | None]:
    """Return the page of a statement and whether it is the last one, as the bank writes them."""
    names = [f"{prefix}Pgntn" for prefix in (MESSAGES[local_name(message)].part, "")]
    for name in names:
        if (page := find_text(part, f"{name}/PgNb")) is not None:
            return page, find_text(part, f"{name}/LastPgInd")
    return find_text(message, "GrpHdr/MsgPgntn/PgNb"), find_text(message, "GrpHdr/MsgPgntn/LastPgInd")


def _is_one_of_pages(message: Element, part: Element) -> bool:
    page, is_last = _page_texts(message, part)
    return page is not None and (page.lstrip("0") != "1" or is_last in {"false", "0"})
