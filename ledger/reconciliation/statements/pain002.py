"""Parse a bank's status report on a credit transfer file (ISO 20022 pain.002).

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Payments Initiation).
"""

from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import (
    PaymentStatus,
    StatusLevel,
    StatusOutcome,
    is_reference,
    normalize_references,
)
from ledger.reconciliation.statements.reasons import parse_reason
from ledger.reconciliation.statements.xml import find_all, find_text

_TRANSACTION_IDS = (
    "OrgnlEndToEndId",
    "OrgnlInstrId",
    "OrgnlTxId",
    "OrgnlUETR",
    "OrgnlTxRef/PmtId/EndToEndId",
    "OrgnlTxRef/PmtId/InstrId",
    "AcctSvcrRef",
    "ClrSysRef",
)
_CODE_CHARS_MAX = 35

_STATUS_TAGS = {
    StatusLevel.MESSAGE: "GrpSts",
    StatusLevel.PAYMENT_INFORMATION: "PmtInfSts",
    StatusLevel.TRANSACTION: "TxSts",
}


def parse_statuses(report: Element) -> list[PaymentStatus]:
    """Return every status of a report, in the order in which they are to be applied.

    Acceptance of the whole comes before its parts, and refusal of the whole after them.
    """
    group = next(find_all(report, "OrgnlGrpInfAndSts"), report)
    message_id = _find_id(group, "OrgnlMsgId")
    statuses = [_parse_status(group, StatusLevel.MESSAGE, message_id, None)]
    statuses += [_parse_status(part, StatusLevel.TRANSACTION, message_id, None) for part in _transactions(report)]
    for batch in find_all(report, "OrgnlPmtInfAndSts"):
        batch_id = _find_id(batch, "OrgnlPmtInfId")
        statuses.append(_parse_status(batch, StatusLevel.PAYMENT_INFORMATION, message_id, batch_id))
        statuses += [
            _parse_status(part, StatusLevel.TRANSACTION, message_id, batch_id) for part in _transactions(batch)
        ]
    return sorted((status for status in statuses if status is not None), key=_application_order)


def _application_order(status: PaymentStatus) -> int:
    if status.level is StatusLevel.TRANSACTION:
        return 1
    return 2 if status.outcome is StatusOutcome.REFUSED else 0


def _transactions(element: Element) -> list[Element]:
    return list(find_all(element, "TxInfAndSts"))


def _find_id(element: Element, path: str) -> str | None:
    text = find_text(element, path)
    return text if text is not None and is_reference(text) else None


def _parse_status(
    element: Element, level: StatusLevel, message_id: str | None, batch_id: str | None
) -> PaymentStatus | None:
    """Return the status of one level, None if the bank gives none there."""
    ids = [text for path in _TRANSACTION_IDS for text in _texts(element, path)]
    references = normalize_references(*ids) if level is StatusLevel.TRANSACTION else ()
    code, reason_code, reason_text = find_text(element, _STATUS_TAGS[level]), *_read_reason(element)
    if code is None and not (references and (reason_code or reason_text)):
        return None
    return PaymentStatus(
        level,
        (code or "").upper()[:_CODE_CHARS_MAX],
        _find_id(element, "OrgnlGrpInf/OrgnlMsgId") or message_id,
        batch_id,
        references,
        reason_code,
        reason_text,
    )


def _read_reason(element: Element) -> tuple[str | None, str | None]:
    codes = [*_texts(element, "StsRsnInf/Rsn/Cd"), *_texts(element, "StsRsnInf/Rsn/Prtry")]
    return parse_reason(codes, _texts(element, "StsRsnInf/AddtlInf"))


def _texts(element: Element, path: str) -> list[str]:
    return [found.text.strip() for found in find_all(element, path) if found.text and found.text.strip()]
