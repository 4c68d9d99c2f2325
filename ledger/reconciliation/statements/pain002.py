"""Parse a bank's status report on a credit transfer file (ISO 20022 pain.002).

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Payments Initiation).
"""

from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import PaymentStatus, StatusLevel, normalize_references
from ledger.reconciliation.statements.xml import find_all, find_text

_TRANSACTION_IDS = (
    "OrgnlEndToEndId",
    "OrgnlInstrId",
    "OrgnlTxId",
    "OrgnlUETR",
    "OrgnlTxRef/PmtId/EndToEndId",
    "OrgnlTxRef/PmtId/InstrId",
    "StsId",
    "AcctSvcrRef",
    "ClrSysRef",
)
_CODE_CHARS_MAX, _TEXT_CHARS_MAX = 35, 500

_STATUS_TAGS = {
    StatusLevel.MESSAGE: "GrpSts",
    StatusLevel.PAYMENT_INFORMATION: "PmtInfSts",
    StatusLevel.TRANSACTION: "TxSts",
}


def parse_statuses(report: Element) -> list[PaymentStatus]:
    """Return every status of a report: of the message, its payment informations, transactions."""
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
    return [status for status in statuses if status is not None]


def _transactions(element: Element) -> list[Element]:
    return list(find_all(element, "TxInfAndSts"))


def _find_id(element: Element, path: str) -> str | None:
    text = find_text(element, path)
    return text if normalize_references(text) else None


def _parse_status(
    element: Element, level: StatusLevel, message_id: str | None, batch_id: str | None
) -> PaymentStatus | None:
    """Return the status of one level, None if the bank gives none there."""
    code = find_text(element, _STATUS_TAGS[level])
    if code is None:
        return None
    ids = [find_text(element, path) for path in _TRANSACTION_IDS] if level is StatusLevel.TRANSACTION else []
    return PaymentStatus(
        level,
        code.upper()[:_CODE_CHARS_MAX],
        _find_id(element, "OrgnlGrpInf/OrgnlMsgId") or message_id,
        batch_id,
        normalize_references(*ids),
        reason_code=(find_text(element, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry") or "")[:_CODE_CHARS_MAX] or None,
        reason_text=" ".join(_reason_texts(element))[:_TEXT_CHARS_MAX] or None,
    )


def _reason_texts(element: Element) -> list[str]:
    return [text.text.strip() for text in find_all(element, "StsRsnInf/AddtlInf") if text.text]
