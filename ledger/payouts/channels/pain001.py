"""Channel `pain001`: credit transfer files (ISO 20022 pain.001.001.09) in the bank's folder.

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Payments Initiation). Only
euro transfers between IBANs carry `SEPA` and `SLEV`, and texts in Latin characters. Every transfer
asks for a booking of its own, because a statement then names it. The file is named by its MsgId and its bytes
never change; banks refuse a MsgId that they know. We do not rely on that: a mark with the hash of
the file records every message written, so we know it even after the bank has taken the file away.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ledger.errors import SettlementRefused
from ledger.money import format_minor
from ledger.payouts.channels import Instruction, Message, PaymentOutcome, PaymentResult
from ledger.payouts.channels.sent_marks import read_mark, require_same_body, sync_folder, write_durably, write_mark
from ledger.payouts.channels.sepa_text import to_sepa_text

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_NAME_CHARS_MAX = 140
_SEPA_NAME_CHARS_MAX = 70
_SCHEME_CODES = {"bban": "BBAN"}  # of ISO 20022; other schemes are proprietary


@dataclass(frozen=True, slots=True)
class Payer:
    """The holder of the account that the money leaves."""

    name: str
    account: dict[str, Any]  # iban and bic, or scheme and id


@dataclass(frozen=True, slots=True)
class Pain001Channel:
    """A folder of files for a bank."""

    payer: Payer
    folder: Path
    name: str = "pain001"
    combines_payouts: bool = True

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return the content of the file."""
        return build_credit_transfers(self.payer, message_id, instructions, now)

    async def send(self, message: Message) -> PaymentResult:
        """Write the file into the folder, completely or not at all."""
        await asyncio.to_thread(_write_once, self.folder, message)
        return PaymentResult(PaymentOutcome.ACCEPTED)

    async def query_result(self, message: Message) -> PaymentResult:
        """Tell whether the file was written; the bank may have taken it away since.

        Raises SettlementRefused if another file was written under the message's id.
        """
        digest = await asyncio.to_thread(_read_written_digest, self.folder, message)
        if digest is None:
            return PaymentResult(PaymentOutcome.NOT_FOUND)
        if not digest:
            raise SettlementRefused("payout_mark_without_hash", message=message.message_id)
        require_same_body(message, digest)
        return PaymentResult(PaymentOutcome.ACCEPTED)


def _file_path(folder: Path, message: Message) -> Path:
    return folder / f"{message.message_id}.xml"


def _partial_files(folder: Path, message: Message) -> list[Path]:
    return list(folder.glob(f".{message.message_id}.*"))


def _read_written_digest(folder: Path, message: Message) -> str | None:
    """Return the digest of the file that exists or existed, None if there was none.

    It existed if it has a mark and no partial file is left. "" stands for a mark without a hash.
    """
    try:
        return sha256(_file_path(folder, message).read_bytes()).hexdigest()
    except FileNotFoundError:
        return None if _partial_files(folder, message) else read_mark(folder, message)


def _write_once(folder: Path, message: Message) -> None:
    """Write the file.

    After a crash at any point `_read_written_digest` tells whether the bank can have seen it.
    """
    path, partial = _file_path(folder, message), folder / f".{message.message_id}.{os.getpid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(partial, message.body)
    for other in _partial_files(folder, message):
        if other != partial:
            other.unlink()
    write_mark(folder, message)
    partial.replace(path)
    sync_folder(folder)


def build_credit_transfers(
    payer: Payer, message_id: str, instructions: Sequence[Instruction], now: datetime
) -> bytes:
    """Return a pain.001.001.09 document for payouts in one currency.

    The day of `now` in its own time zone is the day to execute on. Raises SettlementRefused if a
    payee has no name. Pure.
    """
    currency = instructions[0].currency
    count = str(len(instructions))
    total = format_minor(sum(instruction.amount_minor for instruction in instructions), currency)
    payer_name = _party_name(payer.name, is_sepa=any(is_sepa(payer, instruction) for instruction in instructions))
    document = ET.Element("Document", xmlns=NAMESPACE)
    initiation = ET.SubElement(document, "CstmrCdtTrfInitn")
    _add_element(initiation, "GrpHdr/MsgId", message_id)
    header = initiation[0]
    _add_element(header, "CreDtTm", now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _add_element(header, "NbOfTxs", count)
    _add_element(header, "CtrlSum", total)
    _add_element(header, "InitgPty/Nm", payer_name)
    batch = ET.SubElement(initiation, "PmtInf")
    values = {"PmtInfId": message_id, "PmtMtd": "TRF", "BtchBookg": "false", "NbOfTxs": count, "CtrlSum": total}
    for path, value in values.items():
        _add_element(batch, path, value)
    _add_element(batch, "ReqdExctnDt/Dt", now.date().isoformat())
    _add_element(batch, "Dbtr/Nm", payer_name)
    _add_account(ET.SubElement(batch, "DbtrAcct"), payer.account, currency)
    _add_agent(ET.SubElement(batch, "DbtrAgt"), payer.account, is_required=True)
    for instruction in instructions:
        _add_transfer(ET.SubElement(batch, "CdtTrfTxInf"), payer, instruction)
    content: bytes = ET.tostring(document, encoding="utf-8", xml_declaration=True)
    return content


def is_sepa(payer: Payer, instruction: Instruction) -> bool:
    """Tell whether a transfer is SEPA: euros from an IBAN to an IBAN. Pure."""
    return instruction.currency == "EUR" and "iban" in payer.account and "iban" in instruction.account


def _party_name(name: str, *, is_sepa: bool) -> str:
    return to_sepa_text(name)[:_SEPA_NAME_CHARS_MAX].rstrip("/ ") if is_sepa else name[:_NAME_CHARS_MAX]


def _add_transfer(transfer: ET.Element, payer: Payer, instruction: Instruction) -> None:
    sepa = is_sepa(payer, instruction)
    name = _party_name(instruction.name, is_sepa=sepa)
    if not name.strip():
        raise SettlementRefused("payee_name_missing", payout=instruction.payout_id)
    _add_element(transfer, "PmtId/InstrId", instruction.end_to_end_id)
    _add_element(transfer[0], "EndToEndId", instruction.end_to_end_id)
    if sepa:
        _add_element(transfer, "PmtTpInf/SvcLvl/Cd", "SEPA")
    amount = _add_element(transfer, "Amt/InstdAmt", format_minor(instruction.amount_minor, instruction.currency))
    amount.set("Ccy", instruction.currency)
    if sepa:
        _add_element(transfer, "ChrgBr", "SLEV")
    if instruction.account.get("bic"):
        _add_agent(ET.SubElement(transfer, "CdtrAgt"), instruction.account)
    _add_element(transfer, "Cdtr/Nm", name)
    _add_account(ET.SubElement(transfer, "CdtrAcct"), instruction.account)
    _add_element(transfer, "RmtInf/Ustrd", to_sepa_text(instruction.reference) if sepa else instruction.reference)


def _add_account(parent: ET.Element, account: dict[str, Any], currency: str | None = None) -> None:
    if "iban" in account:
        _add_element(parent, "Id/IBAN", account["iban"])
    else:
        _add_element(parent, "Id/Othr/Id", account["id"])
        code = _SCHEME_CODES.get(account["scheme"])
        _add_element(parent[0][0], "SchmeNm/Cd" if code else "SchmeNm/Prtry", code or account["scheme"])
    if currency:
        _add_element(parent, "Ccy", currency)


def _add_agent(parent: ET.Element, account: dict[str, Any], *, is_required: bool = False) -> None:
    if account.get("bic"):
        _add_element(parent, "FinInstnId/BICFI", account["bic"])
    elif is_required:
        _add_element(parent, "FinInstnId/Othr/Id", "NOTPROVIDED")


def _add_element(parent: ET.Element, path: str, value: str) -> ET.Element:
    for tag in path.split("/"):
        parent = ET.SubElement(parent, tag)
    parent.text = value
    return parent
