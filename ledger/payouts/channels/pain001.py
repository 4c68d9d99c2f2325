"""The channel `pain001`: a credit transfer file in a folder that the bank reads. ISO 20022 pain.001.001.09.

https://www.iso20022.org/catalogue-messages/iso-20022-messages-archive (Payments Initiation). `SEPA` and `SLEV` are
said of euro transfers between IBANs only. A file's name is its MsgId and its bytes never change, so to write it again
is to say the same thing: the bank refuses a MsgId that it has taken already. That is not relied upon: what was put
into the folder is marked there, so it is known after the bank has taken the file away.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ledger.errors import SettlementRefused
from ledger.money import text
from ledger.payouts.channels import Answer, Instruction, Message, Outcome

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_NAME_CHARS_MAX = 140
_SEPA_NAME_CHARS_MAX = 70
_TOLD = ".told"  # in the folder: an empty file for each message that was put there


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose account the money leaves."""

    name: str
    account: dict[str, Any]  # iban and bic, or scheme and id


@dataclass(frozen=True, slots=True)
class Pain001:
    """Files for a bank, in a folder."""

    payer: Payer
    folder: Path
    name: str = "pain001"
    payouts_together: bool = True

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return the file."""
        return credit_transfers(self.payer, message_id, instructions, now)

    async def send(self, message: Message) -> Answer:
        """Put the file into the folder, whole or not at all."""
        await asyncio.to_thread(_write_once, self.folder, message)
        return Answer(Outcome.ACCEPTED)

    async def ask(self, message: Message) -> Answer:
        """Find out whether the file was put there, though the bank may have taken it away since."""
        was_put = await asyncio.to_thread(_was_put, self.folder, message)
        return Answer(Outcome.ACCEPTED if was_put else Outcome.UNSEEN)


def _path(folder: Path, message: Message) -> Path:
    return folder / f"{message.message_id}.xml"


def _mark(folder: Path, message: Message) -> Path:
    return folder / _TOLD / message.message_id


def _halves(folder: Path, message: Message) -> list[Path]:
    return list(folder.glob(f".{message.message_id}.*"))


def _was_put(folder: Path, message: Message) -> bool:
    """Tell whether the file is there or was: marked before it gets its name, and half of it is gone with that."""
    if _path(folder, message).exists():
        return True
    return _mark(folder, message).exists() and not _halves(folder, message)


def _write_once(folder: Path, message: Message) -> None:
    """Put the file there. After a crash at any point `_was_put` says whether the bank can have seen it."""
    path, half = _path(folder, message), folder / f".{message.message_id}.{os.getpid()}"
    mark = _mark(folder, message)
    mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keep(half, message.body)
    for other in _halves(folder, message):
        if other != half:
            other.unlink()
    _keep(mark, b"")
    half.replace(path)
    _sync(folder)


def _keep(path: Path, body: bytes) -> None:
    """Write a file, its name too, so that it outlives a loss of power."""
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _sync(folder: Path) -> None:
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def credit_transfers(payer: Payer, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
    """Return a pain.001.001.09 document for payouts of one currency. SettlementRefused where it cannot say one."""
    currency = instructions[0].currency
    count, total = str(len(instructions)), text(sum(one.amount_minor for one in instructions), currency)
    document = ET.Element("Document", xmlns=NAMESPACE)
    initiation = ET.SubElement(document, "CstmrCdtTrfInitn")
    _add(initiation, "GrpHdr/MsgId", message_id)
    header = initiation[0]
    _add(header, "CreDtTm", now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _add(header, "NbOfTxs", count)
    _add(header, "CtrlSum", total)
    _add(header, "InitgPty/Nm", payer.name[:_NAME_CHARS_MAX])
    batch = ET.SubElement(initiation, "PmtInf")
    for path, value in {"PmtInfId": message_id, "PmtMtd": "TRF", "NbOfTxs": count, "CtrlSum": total}.items():
        _add(batch, path, value)
    _add(batch, "ReqdExctnDt/Dt", now.astimezone(UTC).date().isoformat())
    _add(batch, "Dbtr/Nm", payer.name[:_NAME_CHARS_MAX])
    _add_account(ET.SubElement(batch, "DbtrAcct"), payer.account, currency)
    _add_agent(ET.SubElement(batch, "DbtrAgt"), payer.account, is_needed=True)
    for one in instructions:
        _add_transfer(ET.SubElement(batch, "CdtTrfTxInf"), payer, one)
    written: bytes = ET.tostring(document, encoding="utf-8", xml_declaration=True)
    return written


def is_sepa(payer: Payer, one: Instruction) -> bool:
    """Tell whether a transfer may go by SEPA: euros from an IBAN to an IBAN."""
    return one.currency == "EUR" and "iban" in payer.account and "iban" in one.account


def _add_transfer(transfer: ET.Element, payer: Payer, one: Instruction) -> None:
    sepa = is_sepa(payer, one)
    name = one.name[: _SEPA_NAME_CHARS_MAX if sepa else _NAME_CHARS_MAX]
    if not name.strip():
        raise SettlementRefused(f"{one.payout_id} names nobody to pay")
    _add(transfer, "PmtId/InstrId", one.end_to_end_id)
    _add(transfer[0], "EndToEndId", one.end_to_end_id)
    if sepa:
        _add(transfer, "PmtTpInf/SvcLvl/Cd", "SEPA")
    amount = _add(transfer, "Amt/InstdAmt", text(one.amount_minor, one.currency))
    amount.set("Ccy", one.currency)
    if sepa:
        _add(transfer, "ChrgBr", "SLEV")
    if one.account.get("bic"):
        _add_agent(ET.SubElement(transfer, "CdtrAgt"), one.account)
    _add(transfer, "Cdtr/Nm", name)
    _add_account(ET.SubElement(transfer, "CdtrAcct"), one.account)
    _add(transfer, "RmtInf/Ustrd", one.reference)


def _add_account(parent: ET.Element, account: dict[str, Any], currency: str | None = None) -> None:
    if "iban" in account:
        _add(parent, "Id/IBAN", account["iban"])
    else:
        _add(parent, "Id/Othr/Id", account["id"])
        _add(parent[0][0], "SchmeNm/Prtry", account["scheme"])
    if currency:
        _add(parent, "Ccy", currency)


def _add_agent(parent: ET.Element, account: dict[str, Any], *, is_needed: bool = False) -> None:
    if account.get("bic"):
        _add(parent, "FinInstnId/BICFI", account["bic"])
    elif is_needed:
        _add(parent, "FinInstnId/Othr/Id", "NOTPROVIDED")


def _add(parent: ET.Element, path: str, value: str) -> ET.Element:
    for tag in path.split("/"):
        parent = ET.SubElement(parent, tag)
    parent.text = value
    return parent
