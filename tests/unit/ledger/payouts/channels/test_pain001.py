"""Credit transfer files: valid against ISO 20022's own schema, unique, and exact, in CNY and EUR, by IBAN or not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ledger.errors import SettlementRefused
from ledger.payouts.channels import Instruction, Message, PaymentOutcome, pain001
from ledger.payouts.channels.pain001 import NAMESPACE, Pain001Channel, Payer, build_credit_transfers

NOW = datetime(2026, 11, 23, 8, 0, 0, 123_456, tzinfo=UTC)
SCHEMA = etree.XMLSchema(etree.fromstring(files("sepaxml").joinpath("schemas/pain.001.001.09.xsd").read_bytes()))
NS = {"p": NAMESPACE}
IBAN = {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}
BARE_IBAN = {"iban": "FR1420041010050500013M02606"}
OTHER = {"scheme": "other", "id": "6222020200112233445"}


def instruction(account: dict[str, Any], currency: str = "EUR", minor: int = 2450, **changed: Any) -> Instruction:
    known = {"payout_id": "pay_a", "end_to_end_id": "PAYA-1", "name": "乡村小学基金", "reference": "rural 2022-04-18"}
    return Instruction(**{**known, **changed, "account": account, "currency": currency, "amount_minor": minor})


def document(payer: dict[str, Any], *instructions: Instruction) -> etree._Element:
    written = build_credit_transfers(Payer("Example Foundation", payer), "STLA-1", instructions, NOW)
    found = etree.fromstring(written)
    SCHEMA.assertValid(found)
    return found


@pytest.mark.parametrize("payer", [IBAN, BARE_IBAN, OTHER])
@pytest.mark.parametrize("account", [IBAN, BARE_IBAN, OTHER])
@pytest.mark.parametrize("currency", ["EUR", "CNY", "JPY", "KWD"])
def test_a_file_is_valid_and_says_sepa_of_euros_between_ibans_only(
    payer: dict[str, Any], account: dict[str, Any], currency: str
):
    found = document(payer, instruction(account, currency), instruction(OTHER, currency, 1, end_to_end_id="PAYB-1"))
    sepa = currency == "EUR" and "iban" in payer and "iban" in account
    assert found.xpath("//p:SvcLvl/p:Cd/text()", namespaces=NS) == (["SEPA"] if sepa else [])
    assert found.xpath("//p:ChrgBr/text()", namespaces=NS) == (["SLEV"] if sepa else [])
    assert found.xpath("//p:EndToEndId/text()", namespaces=NS) == ["PAYA-1", "PAYB-1"]


@pytest.mark.parametrize(
    ("currency", "minor", "amount", "total"),
    [
        ("CNY", 2450, "24.50", "24.51"),
        ("JPY", 2450, "2450", "2451"),
        ("KWD", 2450, "2.450", "2.451"),
        ("CNY", 1, "0.01", "0.02"),
    ],
)
def test_amounts_are_exact_and_add_up(currency: str, minor: int, amount: str, total: str):
    found = document(OTHER, instruction(OTHER, currency, minor), instruction(OTHER, currency, 1))
    assert found.xpath("//p:InstdAmt/text()", namespaces=NS)[0] == amount
    assert found.xpath("//p:InstdAmt/@Ccy", namespaces=NS) == [currency] * 2
    assert found.xpath("//p:CtrlSum/text()", namespaces=NS) == [total] * 2
    assert found.xpath("//p:NbOfTxs/text()", namespaces=NS) == ["2", "2"]


@pytest.mark.parametrize("name", ["乡村小学基金 & <朋友>", 'a "quoted" name', "é" * 200, "学" * 140])
def test_names_of_any_writing_are_kept_and_bounded(name: str):
    found = document(IBAN, instruction(OTHER, name=name))
    assert found.xpath("//p:Cdtr/p:Nm/text()", namespaces=NS) == [name[:140]]
    assert document(IBAN, instruction(IBAN, name=name)).xpath("//p:Cdtr/p:Nm/text()", namespaces=NS) == [name[:70]]


def test_nobody_is_not_paid():
    with pytest.raises(SettlementRefused, match="names nobody"):
        document(IBAN, instruction(IBAN, name="  "))


def shown(folder: Path) -> list[str]:
    """Return what is in a folder for who does not look for hidden files."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


async def test_a_file_is_there_whole_or_not_at_all_and_the_same_again_is_the_same(tmp_path: Path):
    folder = tmp_path / "outbox"
    bank = Pain001Channel(Payer("Example Foundation", IBAN), folder)
    message = Message("STLA-1", bank.compose("STLA-1", [instruction(OTHER)], NOW))
    assert (await bank.query_result(message)).outcome is PaymentOutcome.NOT_FOUND
    for _ in range(2):
        assert (await bank.send(message)).outcome is PaymentOutcome.ACCEPTED
        assert shown(folder) == ["STLA-1.xml"]
        assert (folder / "STLA-1.xml").read_bytes() == message.body
    assert (await bank.query_result(message)).outcome is PaymentOutcome.ACCEPTED


async def test_what_the_bank_has_taken_away_was_put_there(tmp_path: Path):
    bank, message = Pain001Channel(Payer("Example Foundation", IBAN), tmp_path), Message("STLA-1", b"<Document/>")
    await bank.send(message)
    (tmp_path / "STLA-1.xml").unlink()
    assert (await bank.query_result(message)).outcome is PaymentOutcome.ACCEPTED
    assert (await bank.query_result(Message("STLA-10", b""))).outcome is PaymentOutcome.NOT_FOUND


@dataclass
class Disk:
    """A disk on which the process ends at one of its steps: before it, or once it was done."""

    ends_at: int
    kept: bool
    steps: int = 0

    def step(self, real: Callable[..., Any], *given: Any) -> Any:
        self.steps += 1
        is_the_end = self.steps == self.ends_at
        if is_the_end and not self.kept:
            raise OSError("the process ends here")
        done = real(*given)
        if is_the_end:
            raise OSError("the process ends here")
        return done

    def under(self, broken: pytest.MonkeyPatch) -> None:
        """Let every step of writing a file come here."""
        for at, name in ((pain001, "_write_durably"), (pain001, "_sync_folder"), (Path, "unlink"), (Path, "replace")):
            real = getattr(at, name)
            broken.setattr(at, name, lambda *given, real=real: self.step(real, *given))


def taken(folder: Path) -> int:
    """Take away what the bank finds in the folder; return how much that is."""
    found = list(folder.glob("*.xml"))
    for file in found:
        file.unlink()
    return len(found)


@pytest.mark.parametrize("kept", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("write", range(1, 8))
async def test_after_a_crash_at_any_write_it_is_known_whether_the_bank_can_have_seen_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int, kept: bool
):
    """Each step on the disk once lost and once done, after which the process ends; the bank gets it once."""
    bank, message = Pain001Channel(Payer("Example Foundation", IBAN), tmp_path), Message("STLA-1", b"<Document/>")
    (tmp_path / ".STLA-1.1").write_bytes(b"half")  # of a process that crashed before
    disk = Disk(write, kept)
    with monkeypatch.context() as broken:
        disk.under(broken)
        with pytest.raises(OSError, match="ends here"):
            await bank.send(message)
    seen = taken(tmp_path)
    for _ in range(2):
        if (await bank.query_result(message)).outcome is PaymentOutcome.NOT_FOUND:
            await bank.send(message)
        seen += taken(tmp_path)
    assert seen == 1
