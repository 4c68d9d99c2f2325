"""Status reports for tests: pain.002 as banks send it."""

from collections.abc import Sequence


def status_report(message_id: str | None, *parts: str, group: str = "", batch: str = "") -> bytes:
    """Return a report on a message: `group` and `batch` are the elements of their statuses."""
    message = f"<OrgnlMsgId>{message_id}</OrgnlMsgId>" if message_id else ""
    body = (
        f"<OrgnlGrpInfAndSts>{message}<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{group}</OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message_id or 'NOTPROVIDED'}</OrgnlPmtInfId>{batch}{''.join(parts)}"
        "</OrgnlPmtInfAndSts>"
    )
    head = "<GrpHdr><MsgId>R</MsgId><CreDtTm>2026-11-11T10:00:00</CreDtTm></GrpHdr>"
    namespace = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
    return f'<Document xmlns="{namespace}"><CstmrPmtStsRpt>{head}{body}</CstmrPmtStsRpt></Document>'.encode()


def group_status(code: str, reason: str = "") -> str:
    """Return the status of a whole message."""
    return f"<GrpSts>{code}</GrpSts>{_reason(reason)}"


def batch_status(code: str, reason: str = "") -> str:
    """Return the status of a payment information."""
    return f"<PmtInfSts>{code}</PmtInfSts>{_reason(reason)}"


def transfer_status(end_to_end_id: str, code: str, reason: str = "", *, words: str = "", tag: str = "") -> str:
    """Return the status of a transfer; `tag` names the element of its id."""
    element = tag or "OrgnlEndToEndId"
    name = f"<{element}>{end_to_end_id}</{element}>" if end_to_end_id else ""
    return f"<TxInfAndSts>{name}<TxSts>{code}</TxSts>{_reason(reason, [words] if words else [])}</TxInfAndSts>"


def _reason(code: str, words: Sequence[str] = ()) -> str:
    texts = "".join(f"<AddtlInf>{text}</AddtlInf>" for text in words)
    return f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn>{texts}</StsRsnInf>" if code else ""
