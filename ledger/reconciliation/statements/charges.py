"""Read the amounts and charges of an entry: what was paid, and what the bank took for it. Pure.

Version 001.02 repeats `Chrgs`; later ones have a total and items in a single one.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ledger.reconciliation.statements.amounts import AmountNotExact, parse_minor
from ledger.reconciliation.statements.xml import find_all, find_text, read_is_credit

_PAYMENT_PATHS = "Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"


def find_amount(element: Element, currency: str, *paths: str) -> int | None:
    """Return the first amount at these paths in a currency, in minor units; None if there is none.

    Raises AmountNotExact if minor units cannot carry it.
    """
    for path in paths:
        for amount in find_all(element, path):
            if amount.get("Ccy", currency) == currency and (amount.text or "").strip():
                return parse_minor(amount.text or "", currency)
    return None


def read_charges_minor(element: Element, currency: str) -> int:
    """Return the charges that an amount may contain; items that say they are not are left out."""
    items = [item for charges in find_all(element, "Chrgs") for item in _items(charges)]
    total_minor = 0
    for item in items:
        if find_text(item, "ChrgInclInd") not in {"false", "0"}:
            minor = _find_charge(item, currency, "Amt") or 0
            total_minor += -minor if read_is_credit(item) else minor
    if not items:
        totals = (_find_charge(charges, currency, "TtlChrgsAndTaxAmt") for charges in find_all(element, "Chrgs"))
        total_minor = sum(minor or 0 for minor in totals)
    return max(total_minor, 0)


def _items(charges: Element) -> Iterator[Element]:
    yield from find_all(charges, "Rcrd")
    if next(find_all(charges, "Amt"), None) is not None:
        yield charges


def _find_charge(element: Element, currency: str, path: str) -> int | None:
    try:
        return find_amount(element, currency, path)
    except AmountNotExact:
        return None


def split_charges(entry: Element, detail: Element | None, signed_minor: int, currency: str) -> int:
    """Return the charges within the amount of an entry with a single transaction.

    They are the difference to the amount of the payment if the bank states it, else the charges
    that it lists as included. A debit contains them; a return comes without them. A difference as
    large as the rest is a charge only if the bank lists it: otherwise a person must look.
    """
    elements = [element for element in (detail, entry) if element is not None]
    stated_minor = next(filter(None, (read_charges_minor(element, currency) for element in elements)), 0)
    payments = [_find_charge(element, currency, path) for element in elements for path in _PAYMENT_PATHS]
    amount_minor = abs(signed_minor)
    for payment_minor in payments:
        difference_minor = (payment_minor or amount_minor) - amount_minor
        charges_minor = difference_minor if signed_minor > 0 else -difference_minor
        rest_minor = amount_minor if signed_minor > 0 else amount_minor - charges_minor
        if 0 < charges_minor < rest_minor or 0 < charges_minor == stated_minor:
            return charges_minor
    return min(stated_minor, amount_minor) if signed_minor < 0 else stated_minor
