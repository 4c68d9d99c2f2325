"""A bank's answer to a credit transfer file as ISO 20022 pain.002: taken or refused, as a whole or one by one.

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Payments Initiation).
"""

from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import PaymentStatus, StatementRefused
from ledger.reconciliation.statements.xml import find_all, find_text, local_name, require_text

_REFUSED_CODES = {"RJCT", "CANC"}
_DUPLICATE_CODES = {"DUPL", "AM05", "DU01", "DU02", "DU03", "DU04", "DU05"}  # the bank has it: the first one stands
_ACCEPTED_CODES = {"ACCP", "ACTC", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC"}


def parse_statuses(root: Element) -> list[PaymentStatus]:
    """Return what is said of a whole message first, then of its transactions; what is open still is left out."""
    report = next(find_all(root, "CstmrPmtStsRpt"), None)
    if report is None:
        raise StatementRefused(f"{local_name(root)} holds no status report")
    group = next(find_all(report, "OrgnlGrpInfAndSts"), report)
    message_id = require_text(group, "OrgnlMsgId")
    found = [_parse_status(group, message_id, None, "GrpSts")]
    for batch in find_all(report, "OrgnlPmtInfAndSts"):
        found.append(_parse_status(batch, message_id, None, "PmtInfSts"))
        parts = find_all(batch, "TxInfAndSts")
        found += [_parse_status(one, message_id, require_text(one, "OrgnlEndToEndId"), "TxSts") for one in parts]
    return [status for status in found if status is not None]


def _parse_status(element: Element, message_id: str, end_to_end_id: str | None, tag: str) -> PaymentStatus | None:
    said = find_text(element, tag)
    if said not in _REFUSED_CODES | _ACCEPTED_CODES:
        return None
    code = find_text(element, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")
    more = find_text(element, "StsRsnInf/AddtlInf")
    if said in _REFUSED_CODES and code in _DUPLICATE_CODES:
        return None
    reason = " ".join(filter(None, [code, more]))[:500] or None
    return PaymentStatus(message_id, end_to_end_id, said in _REFUSED_CODES, reason)
