"""Parse a bank's status report on a credit transfer file (ISO 20022 pain.002).

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Payments Initiation).
"""

from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import PaymentStatus, StatementRefused
from ledger.reconciliation.statements.xml import find_all, find_text, local_name, require_text

_REFUSED_CODES = {"RJCT", "CANC"}
# The bank has the first message, which stands.
_DUPLICATE_CODES = {"DUPL", "AM05", "DU01", "DU02", "DU03", "DU04", "DU05"}
_ACCEPTED_CODES = {"ACCP", "ACTC", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC"}


def parse_statuses(root: Element) -> list[PaymentStatus]:
    """Return the statuses of whole messages, then of transactions, without pending ones.

    Raises StatementRefused if an id is missing.
    """
    report = next(find_all(root, "CstmrPmtStsRpt"), None)
    if report is None:
        raise StatementRefused("status_report_missing", element=local_name(root))
    group = next(find_all(report, "OrgnlGrpInfAndSts"), report)
    message_id = require_text(group, "OrgnlMsgId")
    statuses = [_parse_status(group, message_id, None, "GrpSts")]
    for batch in find_all(report, "OrgnlPmtInfAndSts"):
        statuses.append(_parse_status(batch, message_id, None, "PmtInfSts"))
        parts = find_all(batch, "TxInfAndSts")
        statuses += [
            _parse_status(part, message_id, require_text(part, "OrgnlEndToEndId"), "TxSts") for part in parts
        ]
    return [status for status in statuses if status is not None]


def _parse_status(element: Element, message_id: str, end_to_end_id: str | None, tag: str) -> PaymentStatus | None:
    status_code = find_text(element, tag)
    if status_code not in _REFUSED_CODES | _ACCEPTED_CODES:
        return None
    code = find_text(element, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")
    more = find_text(element, "StsRsnInf/AddtlInf")
    if status_code in _REFUSED_CODES and code in _DUPLICATE_CODES:
        return None
    reason = " ".join(filter(None, [code, more]))[:500] or None
    return PaymentStatus(message_id, end_to_end_id, status_code in _REFUSED_CODES, reason)
