"""Read an entry of an account report as lines, one for each transaction of a batch. Pure.

The entry's amount changes the balance. Its transactions become lines if they add up to it; what the
bank took off is a charge within a line, or a line of its own.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import Skipped, StatementLine, is_reference, normalize_references
from ledger.reconciliation.statements.amounts import AmountNotExact, parse_date
from ledger.reconciliation.statements.charges import find_amount, read_charges_minor, split_charges
from ledger.reconciliation.statements.reasons import parse_reason
from ledger.reconciliation.statements.references import find_references
from ledger.reconciliation.statements.xml import (
    find_all,
    find_text,
    local_name,
    read_is_credit,
    require_is_credit,
    require_text,
)

_DATE_PATHS = "BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"
_DETAIL_DATE_PATHS = "RltdDts/IntrBkSttlmDt", "RltdDts/AccptncDtTm", "RltdDts/TxDtTm"
_DETAIL_AMOUNT_PATHS = "Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt", "AmtDtls/CntrValAmt/Amt"
_COUNTER_VALUE_PATHS = "AmtDtls/CntrValAmt/Amt", "NtryDtls/TxDtls/AmtDtls/CntrValAmt/Amt"
_TEXT_PATHS = "RmtInf/Ustrd", "RmtInf/Strd/AddtlRmtInf", "AddtlTxInf"
_REFERENCE_PATHS = "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/RfrdDocInf/Nb", "RltdRmtInf/RmtId"
_NOT_REFERENCES = frozenset({"Tp", "ChqNb", "MndtId"})
_RETURN_FAMILIES = frozenset({"RRTN", "RPCR", "NRTI"})  # ISO 20022 bank transaction codes, and SWIFT's
_REFERENCES_MAX = 2_000
_ID_CHARS_MAX, _BANK_REFERENCE_CHARS_MAX, _TEXT_CHARS_MAX = 35, 140, 500


class EntryContext(NamedTuple):
    """What an entry may leave out: the currency of its statement, and the day if it has none."""

    currency: str
    day: date | None


class EntryContent(NamedTuple):
    """The lines of an entry, or why it has none."""

    lines: Sequence[StatementLine] = ()
    skipped: Sequence[Skipped] = ()
    skipped_minor: int = 0  # the change of the balance by an entry without lines
    is_exact: bool = True  # False if that change is not known


class _Part(NamedTuple):
    """A line of an entry: its transaction, None if it has none, and its change of the balance."""

    detail: Element | None
    signed_minor: int
    charges_minor: int = 0


def read_entry(entry: Element, context: EntryContext, entry_number: int, first_number: int) -> EntryContent:
    """Return the content of an entry; its lines are numbered from `first_number`.

    Raises StatementRefused if the standard does not allow an amount or a date.
    """
    status = find_text(entry, "Sts/Cd", "Sts/Prtry", "Sts") or "BOOK"
    if status != "BOOK":
        return EntryContent(skipped=[Skipped("entry_not_booked", entry_number=entry_number, status=status[:35])])
    is_credit = require_is_credit(entry)
    try:
        amount_minor = _entry_minor(entry, context.currency)
    except AmountNotExact as error:
        return EntryContent(skipped=[Skipped(error.code, **error.params)], is_exact=False)
    if amount_minor is None:
        return EntryContent(skipped=[_other_currency(entry, context)], is_exact=False)
    signed_minor = amount_minor if is_credit else -amount_minor
    details = list(find_all(entry, "NtryDtls/TxDtls"))
    booked_on = _find_date(entry, details, context)
    if booked_on is None:
        return EntryContent(
            skipped=[Skipped("entry_without_date", entry_number=entry_number)], skipped_minor=signed_minor
        )
    if _contradicts(details, signed_minor, context.currency):
        line = _bare_line(entry, signed_minor, booked_on, first_number)
        return EntryContent([line], [Skipped("entry_direction_contradicts", entry_number=entry_number)])
    parts = _split(entry, details, signed_minor, context.currency)
    return EntryContent(
        [_build_line(entry, details, part, booked_on, number) for number, part in enumerate(parts, first_number)]
    )


def _entry_minor(entry: Element, currency: str) -> int | None:
    """Return the amount of an entry in the account's currency, None if it is only in another one.

    Raises AmountNotExact if minor units cannot carry it.
    """
    require_text(entry, "Amt")
    return find_amount(entry, currency, "Amt", *_COUNTER_VALUE_PATHS)


def _other_currency(entry: Element, context: EntryContext) -> Skipped:
    currency = next((amount.get("Ccy", "") for amount in find_all(entry, "Amt")), "")
    return Skipped("entry_currency_differs", entry_currency=currency[:10], currency=context.currency)


def _find_date(entry: Element, details: Sequence[Element], context: EntryContext) -> date | None:
    text = find_text(entry, *_DATE_PATHS)
    if text is None and len(details) == 1:
        text = find_text(details[0], *_DETAIL_DATE_PATHS)
    return parse_date(text) if text else context.day


def _detail_minor(detail: Element, currency: str, signed_minor: int) -> int | None:
    """Return the change by a transaction: its own direction, else the entry's; None if unknown."""
    try:
        minor = find_amount(detail, currency, *_DETAIL_AMOUNT_PATHS)
    except AmountNotExact:
        return None
    if minor is None:
        return None
    return minor if _is_credit(detail, signed_minor) else -minor


def _is_credit(detail: Element, signed_minor: int) -> bool:
    is_credit = read_is_credit(detail)
    return signed_minor > 0 if is_credit is None else is_credit


def _contradicts(details: Sequence[Element], signed_minor: int, currency: str) -> bool:
    """Tell whether a transaction has the other direction, and they do not add up to the entry."""
    if all(_is_credit(detail, signed_minor) == (signed_minor > 0) for detail in details):
        return False
    minors = [_detail_minor(detail, currency, signed_minor) for detail in details]
    charges_minor = sum(read_charges_minor(detail, currency) for detail in details)
    sum_minor = sum(minor or 0 for minor in minors)
    return None in minors or signed_minor not in {sum_minor, sum_minor - charges_minor}


def _split(entry: Element, details: Sequence[Element], signed_minor: int, currency: str) -> list[_Part]:
    """Return the lines of an entry; their changes add up to its change."""
    if len(details) <= 1:
        detail = details[0] if details else None
        return [_Part(detail, signed_minor, split_charges(entry, detail, signed_minor, currency))]
    minors = [_detail_minor(detail, currency, signed_minor) for detail in details]
    known = [minor for minor in minors if minor is not None]
    if len(known) < len(details):
        return [_Part(None, signed_minor)]
    charges = [read_charges_minor(detail, currency) for detail in details]
    if sum(known) == signed_minor:
        return [_Part(*pair) for pair in zip(details, known, strict=True)]
    if sum(known) - sum(charges) == signed_minor:
        triples = zip(details, known, charges, strict=True)
        return [_Part(detail, minor - charge, charge) for detail, minor, charge in triples]
    return _split_with_rest(entry, details, known, signed_minor)


def _split_with_rest(
    entry: Element, details: Sequence[Element], minors: Sequence[int], signed_minor: int
) -> list[_Part]:
    """Return the transactions and a line of the rest, which is a charge if none is missing."""
    rest_minor = signed_minor - sum(minors)
    counts = [int(text) for text in _batch_texts(entry, "NbOfTxs") if text.isascii() and text.isdigit()]
    is_complete = not counts or sum(counts) == len(details)
    pairs = [_Part(*pair) for pair in zip(details, minors, strict=True)]
    if is_complete and rest_minor < 0 and -rest_minor < sum(map(abs, minors)):
        return [*pairs, _Part(None, rest_minor, -rest_minor)]
    if not is_complete and (rest_minor < 0) == (signed_minor < 0):
        return [*pairs, _Part(None, rest_minor)]
    return [_Part(None, signed_minor)]


def _batch_texts(entry: Element, path: str) -> list[str]:
    return [element.text.strip() for element in find_all(entry, f"NtryDtls/Btch/{path}") if element.text]


def _bare_line(entry: Element, signed_minor: int, booked_on: date, number: int) -> StatementLine:
    """Return a line without any reference, so that no rule matches it."""
    reference = find_text(entry, "AcctSvcrRef", "NtryRef") or ""
    return StatementLine(
        number=number,
        amount_minor=abs(signed_minor),
        is_credit=signed_minor > 0,
        booked_on=booked_on,
        bank_reference=reference[:_BANK_REFERENCE_CHARS_MAX] or None,
    )


def _build_line(
    entry: Element, details: Sequence[Element], part: _Part, booked_on: date, number: int
) -> StatementLine:
    is_whole = len(details) <= 1 or abs(part.signed_minor) == part.charges_minor or part.detail is None
    sources = [part.detail] if part.detail is not None else list(details)
    is_charge_only = part.charges_minor != 0 and abs(part.signed_minor) == part.charges_minor
    if is_charge_only:
        sources = []
    texts = [text for source in sources for path in _TEXT_PATHS for text in _texts(source, path)]
    entry_texts = _texts(entry, "AddtlNtryInf") if is_whole and not is_charge_only else []
    end_to_end_id = find_text(part.detail, "Refs/EndToEndId") if part.detail is not None else None
    reason_code, reason_text = _read_reason(sources)
    return StatementLine(
        number=number,
        amount_minor=abs(part.signed_minor),
        is_credit=part.signed_minor > 0 if part.signed_minor else require_is_credit(entry),
        booked_on=booked_on,
        end_to_end_id=end_to_end_id[:_ID_CHARS_MAX] if end_to_end_id and is_reference(end_to_end_id) else None,
        bank_reference=_bank_reference(entry, part.detail),
        reason_code=reason_code,
        reason_text=reason_text,
        text=" ".join([*texts, *entry_texts])[:_TEXT_CHARS_MAX],
        references=_line_references(entry, sources, [*texts, *entry_texts], has_batch=not is_charge_only),
        message_id=_find_batch_id(entry, sources, "MsgId"),
        payment_information_id=_find_batch_id(entry, sources, "PmtInfId"),
        charges_minor=part.charges_minor,
        is_reversal=_is_reversal(entry, sources),
    )


def _texts(element: Element, path: str) -> list[str]:
    return [found.text.strip() for found in find_all(element, path) if found.text and found.text.strip()]


def _bank_reference(entry: Element, detail: Element | None) -> str | None:
    reference = find_text(detail, "Refs/AcctSvcrRef") if detail is not None else None
    reference = reference or find_text(entry, "AcctSvcrRef", "NtryRef") or ""
    return reference[:_BANK_REFERENCE_CHARS_MAX] or None


def _line_references(
    entry: Element, sources: Sequence[Element], texts: Sequence[str], *, has_batch: bool
) -> tuple[str, ...]:
    ids = [leaf.text for source in sources for refs in find_all(source, "Refs") for leaf in _leaves(refs)]
    ids += [text for source in sources for path in _REFERENCE_PATHS for text in _texts(source, path)]
    batch = [text for path in ("MsgId", "PmtInfId") for text in _batch_texts(entry, path)] if has_batch else []
    own = [find_text(entry, path) for path in ("AcctSvcrRef", "NtryRef")]
    return normalize_references(*batch, *own, *ids, *find_references(texts))[:_REFERENCES_MAX]


def _leaves(element: Element) -> list[Element]:
    return [leaf for leaf in element.iter() if not len(leaf) and local_name(leaf) not in _NOT_REFERENCES]


def _find_batch_id(entry: Element, sources: Sequence[Element], name: str) -> str | None:
    """Return the id of our message or payment information that a transaction or the batch has."""
    texts = [text for source in sources for text in _texts(source, f"Refs/{name}")] + _batch_texts(entry, name)
    return next((text[:_ID_CHARS_MAX] for text in texts if is_reference(text)), None)


def _read_reason(sources: Sequence[Element]) -> tuple[str | None, str | None]:
    codes = [find_text(source, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry") for source in sources]
    return parse_reason(codes, [text for source in sources for text in _texts(source, "RtrInf/AddtlInf")])


def _is_reversal(entry: Element, sources: Sequence[Element]) -> bool:
    """Tell whether the bank marks an entry as a reversal or a return of an earlier one."""
    paths = "BkTxCd/Domn/Fmly/SubFmlyCd", "BkTxCd/Prtry/Cd"
    codes = {find_text(element, path) for element in (entry, *sources) for path in paths}
    return find_text(entry, "RvslInd") in {"true", "1"} or bool(codes & _RETURN_FAMILIES)
