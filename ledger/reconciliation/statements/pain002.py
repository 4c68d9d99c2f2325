"""A bank's answer to a credit transfer file as ISO 20022 pain.002: taken or refused, as a whole or one by one.

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Payments Initiation).
"""

from xml.etree.ElementTree import Element

from ledger.reconciliation.statements import StatementRefused, Status
from ledger.reconciliation.statements.xml import every, local, needed, word

_REFUSED = {"RJCT", "CANC"}
_SAID_BEFORE = {"DUPL", "AM05", "DU01", "DU02", "DU03", "DU04", "DU05"}  # the bank has it: the first one stands
_TAKEN = {"ACCP", "ACTC", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC"}


def statuses(root: Element) -> list[Status]:
    """Return what is said of a whole message first, then of its transactions; what is open still is left out."""
    report = next(every(root, "CstmrPmtStsRpt"), None)
    if report is None:
        raise StatementRefused(f"{local(root)} holds no status report")
    group = next(every(report, "OrgnlGrpInfAndSts"), report)
    message_id = needed(group, "OrgnlMsgId")
    found = [_status(group, message_id, None, "GrpSts")]
    for batch in every(report, "OrgnlPmtInfAndSts"):
        found.append(_status(batch, message_id, None, "PmtInfSts"))
        parts = every(batch, "TxInfAndSts")
        found += [_status(one, message_id, needed(one, "OrgnlEndToEndId"), "TxSts") for one in parts]
    return [status for status in found if status is not None]


def _status(element: Element, message_id: str, end_to_end_id: str | None, name: str) -> Status | None:
    said = word(element, name)
    if said not in _REFUSED | _TAKEN:
        return None
    code = word(element, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")
    more = word(element, "StsRsnInf/AddtlInf")
    if said in _REFUSED and code in _SAID_BEFORE:
        return None
    reason = " ".join(filter(None, [code, more]))[:500] or None
    return Status(message_id, end_to_end_id, said in _REFUSED, reason)
