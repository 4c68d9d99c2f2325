"""Read the booked balances of an account report, and find those that its lines join. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from itertools import product
from typing import NamedTuple
from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import Skipped, Statement, StatementRefused
from ledger.reconciliation.statements.amounts import AmountNotExact, parse_date, parse_minor
from ledger.reconciliation.statements.xml import find_all, find_text, require_is_credit


class _Balance(NamedTuple):
    kind: str
    day: date
    minor: int


class Balances(NamedTuple):
    """The balances in minor units that may open and close a statement, the best first."""

    opening_minor: tuple[int, ...]
    closing_minor: tuple[int, ...]
    first_day: date | None
    last_day: date | None


def read_balances(part: Element, currency: str, statement_id: str) -> Balances:
    """Return the balances in a currency; a statement may have those of several days.

    Raises StatementRefused if it opens in this currency and closes in another one.
    """
    balances = sorted(_read_all(part, currency), key=lambda balance: balance.day)
    opening = [*_minor_of(balances, "OPBD"), *_minor_of(balances, "PRCD"), *_minor_of(balances, "ITBD")]
    latest = balances[::-1]
    closing = [*_minor_of(latest, "CLBD"), *_minor_of(latest, "ITBD")]
    if opening and not closing:
        _require_same_currency(part, currency, statement_id)
    days = [balance.day for balance in balances if balance.day != date.min]
    return Balances(tuple(opening), tuple(closing), min(days, default=None), max(days, default=None))


def _minor_of(balances: Iterable[_Balance], kind: str) -> list[int]:
    """Return the first balance of a kind, as a list of at most one."""
    return [balance.minor for balance in balances if balance.kind == kind][:1]


def _read_all(part: Element, currency: str) -> Iterable[_Balance]:
    for element in find_all(part, "Bal"):
        amount = next(find_all(element, "Amt"), None)
        if amount is None or amount.get("Ccy", currency) != currency:
            continue
        try:
            minor = parse_minor(amount.text or "", currency)
        except AmountNotExact:  # the check is then left out
            continue
        day = find_text(element, "Dt/Dt", "Dt/DtTm")
        yield _Balance(
            find_text(element, "Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry") or "",
            parse_date(day) if day else date.min,
            minor if require_is_credit(element) else -minor,
        )


def _require_same_currency(part: Element, currency: str, statement_id: str) -> None:
    for element in find_all(part, "Bal"):
        if find_text(element, "Tp/CdOrPrtry/Cd") == "CLBD":
            for amount in find_all(element, "Amt"):
                if amount.get("Ccy", currency) != currency:
                    raise StatementRefused(
                        "statement_changes_currency",
                        statement=statement_id,
                        currency=currency,
                        closing_currency=amount.get("Ccy", "")[:10],
                    )


def fit_balances(statement: Statement, balances: Balances, *, is_exact: bool, is_page: bool) -> Statement:
    """Return the statement with the balances that its lines lead from and to.

    An entry that is no line and has no amount in the currency explains any difference. A page may
    show the balances of all pages; then it stays without. The first balances stay if none fit.
    """
    lines_minor = sum(line.signed_minor for line in statement.lines)
    pairs = list(product(balances.opening_minor, balances.closing_minor))
    if not pairs:
        opening_minor, closing_minor = balances.opening_minor or (None,), balances.closing_minor or (None,)
        return replace(statement, opening_minor=opening_minor[0], closing_minor=closing_minor[0])
    opening, closing = pairs[0]
    if not is_exact:
        rest_minor = closing - opening - lines_minor
        return replace(statement, opening_minor=opening, closing_minor=closing, skipped_minor=rest_minor)
    change_minor = lines_minor + statement.skipped_minor
    fitting = [pair for pair in pairs if pair[0] + change_minor == pair[1]]
    if not fitting and is_page:
        return statement
    opening, closing = (fitting or pairs)[0]
    return replace(statement, opening_minor=opening, closing_minor=closing)


def explain_unchecked(statement: Statement, balances: Balances) -> list[Skipped]:
    """Return why the sum of a statement was not checked, as a list of at most one reason."""
    if statement.opening_minor is not None and statement.closing_minor is not None:
        return []
    if balances.opening_minor and balances.closing_minor:
        return [Skipped("statement_page_not_checked", statement=statement.statement_id)]
    kind = "CLBD" if balances.opening_minor else "OPBD"
    return [Skipped("statement_balance_missing", statement=statement.statement_id, kind=kind)]
