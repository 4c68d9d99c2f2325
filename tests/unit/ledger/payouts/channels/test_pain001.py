"""Credit transfer files: valid against the ISO 20022 schema, unique and exact."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from ledger.errors import SettlementRefused
from ledger.payouts.channels import Instruction, Message, PaymentOutcome, pain001, sent_marks
from ledger.payouts.channels.pain001 import NAMESPACE, Pain001Channel, Payer, build_credit_transfers
from payouts import visible_files

NOW = datetime(2026, 11, 23, 8, 0, 0, 123_456, tzinfo=UTC)
SCHEMA = etree.XMLSchema(etree.fromstring(files("sepaxml").joinpath("schemas/pain.001.001.09.xsd").read_bytes()))
NS = {"p": NAMESPACE}
IBAN = {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}
BARE_IBAN = {"iban": "FR1420041010050500013M02606"}
OTHER = {"scheme": "other", "id": "6222020200112233445"}


def instruction(account: dict[str, Any], currency: str = "EUR", minor: int = 2450, **changed: Any) -> Instruction:
    fields = {
        "payout_id": "pay_a",
        "end_to_end_id": "PAYA-1",
        "name": "乡村小学基金",
        "reference": "rural 2022-04-18",
    }
    return Instruction(**{**fields, **changed, "account": account, "currency": currency, "amount_minor": minor})


def document(payer: dict[str, Any], *instructions: Instruction) -> etree._Element:
    content = build_credit_transfers(Payer("Example Foundation", payer), "STLA-1", instructions, NOW)
    root = etree.fromstring(content)
    SCHEMA.assertValid(root)
    return root


@pytest.mark.parametrize("payer", [IBAN, BARE_IBAN, OTHER])
@pytest.mark.parametrize("account", [IBAN, BARE_IBAN, OTHER])
@pytest.mark.parametrize("currency", ["EUR", "CNY", "JPY", "KWD"])
def test_a_file_is_valid_and_marks_only_euros_between_ibans_as_sepa(
    payer: dict[str, Any], account: dict[str, Any], currency: str
):
    root = document(payer, instruction(account, currency), instruction(OTHER, currency, 1, end_to_end_id="PAYB-1"))
    sepa = currency == "EUR" and "iban" in payer and "iban" in account
    assert root.xpath("//p:SvcLvl/p:Cd/text()", namespaces=NS) == (["SEPA"] if sepa else [])
    assert root.xpath("//p:ChrgBr/text()", namespaces=NS) == (["SLEV"] if sepa else [])
    assert root.xpath("//p:EndToEndId/text()", namespaces=NS) == ["PAYA-1", "PAYB-1"]


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
    root = document(OTHER, instruction(OTHER, currency, minor), instruction(OTHER, currency, 1))
    assert root.xpath("//p:InstdAmt/text()", namespaces=NS)[0] == amount
    assert root.xpath("//p:InstdAmt/@Ccy", namespaces=NS) == [currency] * 2
    assert root.xpath("//p:CtrlSum/text()", namespaces=NS) == [total] * 2
    assert root.xpath("//p:NbOfTxs/text()", namespaces=NS) == ["2", "2"]


@pytest.mark.parametrize("name", ["乡村小学基金 & <朋友>", 'a "quoted" name', "é" * 200, "学" * 140])
@pytest.mark.parametrize(("payer", "account", "currency"), [(IBAN, OTHER, "EUR"), (OTHER, OTHER, "CNY")])
def test_names_of_other_transfers_keep_any_script(
    payer: dict[str, Any], account: dict[str, Any], currency: str, name: str
):
    root = document(payer, instruction(account, currency, name=name))
    assert root.xpath("//p:Cdtr/p:Nm/text()", namespaces=NS) == [name[:140]]


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("Société Générale – Œuvres", "Societe Generale - Oeuvres"),
        ("Straße & Łódź", "Strasse + Lodz"),
        ("Ευχαριστώ Θεσσαλονίκη", "Eycharisto Thessaloniki"),
        ("Помощ на децата", "Pomosht na detsata"),
        ("ﬁnance №5", "finance No5"),
        ("school#1;tab\there", "school.1.tab here"),
        ("//a//b/", "a/b"),
        ("基金", ".."),
        ("O’Neill “friends” @ café", "O'Neill 'friends' (at) cafe"),
    ],
)
def test_sepa_texts_are_latin(text: str, latin: str):
    root = document(IBAN, instruction(BARE_IBAN, name=text, reference=text))
    assert root.xpath("//p:Cdtr/p:Nm/text()", namespaces=NS) == [latin]
    assert root.xpath("//p:RmtInf/p:Ustrd/text()", namespaces=NS) == [latin]


def test_a_sepa_name_has_at_most_70_characters():
    root = document(IBAN, instruction(IBAN, name="é" * 200))
    assert root.xpath("//p:Cdtr/p:Nm/text()", namespaces=NS) == ["e" * 70]


def test_the_payer_of_a_sepa_transfer_is_latin_too():
    payer = Payer("Stiftung für Kinder", IBAN)
    for account, name in ((BARE_IBAN, "Stiftung fur Kinder"), (OTHER, "Stiftung für Kinder")):
        root = etree.fromstring(build_credit_transfers(payer, "STLA-1", [instruction(account)], NOW))
        assert root.xpath("//p:Dbtr/p:Nm/text() | //p:InitgPty/p:Nm/text()", namespaces=NS) == [name] * 2


def test_a_file_asks_for_a_booking_of_every_transfer():
    assert document(IBAN, instruction(IBAN)).xpath("//p:PmtInf/p:BtchBookg/text()", namespaces=NS) == ["false"]


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Asia/Shanghai", datetime(2026, 11, 22, 19, tzinfo=UTC), "2026-11-23"),
        ("America/Los_Angeles", datetime(2026, 11, 23, 3, tzinfo=UTC), "2026-11-22"),
        ("UTC", NOW, "2026-11-23"),
    ],
)
def test_the_day_to_execute_on_is_the_campaigns(zone: str, moment: datetime, day: str):
    now = moment.astimezone(ZoneInfo(zone))
    root = etree.fromstring(build_credit_transfers(Payer("A", IBAN), "STLA-1", [instruction(IBAN)], now))
    assert root.xpath("//p:ReqdExctnDt/p:Dt/text()", namespaces=NS) == [day]


@pytest.mark.parametrize(
    ("scheme", "names"), [("bban", {"Cd": "BBAN"}), ("other", {"Prtry": "other"}), ("cnaps", {"Prtry": "cnaps"})]
)
def test_an_account_without_an_iban_names_its_scheme(scheme: str, names: dict[str, str]):
    root = document(IBAN, instruction({"scheme": scheme, "id": "37040044"}))
    (scheme_name,) = root.xpath("//p:CdtrAcct/p:Id/p:Othr/p:SchmeNm", namespaces=NS)
    assert {etree.QName(child).localname: child.text for child in scheme_name} == names


def test_a_payee_without_a_name_is_refused():
    with pytest.raises(SettlementRefused, match=r"^payee_name_missing: payout=pay_a$"):
        document(IBAN, instruction(IBAN, name="  "))


def visible_names(folder: Path) -> list[str]:
    """Return the names of the files in a folder that are not hidden."""
    return sorted(path.name for path in visible_files(folder))


async def test_a_file_is_written_whole_and_a_repeat_changes_nothing(tmp_path: Path):
    folder = tmp_path / "outbox"
    bank = Pain001Channel(Payer("Example Foundation", IBAN), folder)
    message = Message("STLA-1", bank.compose("STLA-1", [instruction(OTHER)], NOW))
    assert (await bank.query_result(message)).outcome is PaymentOutcome.NOT_FOUND
    for _ in range(2):
        assert (await bank.send(message)).outcome is PaymentOutcome.ACCEPTED
        assert visible_names(folder) == ["STLA-1.xml"]
        assert (folder / "STLA-1.xml").read_bytes() == message.body
    assert (await bank.query_result(message)).outcome is PaymentOutcome.ACCEPTED


async def test_a_file_that_the_bank_took_away_counts_as_written(tmp_path: Path):
    bank, message = Pain001Channel(Payer("Example Foundation", IBAN), tmp_path), Message("STLA-1", b"<Document/>")
    await bank.send(message)
    (tmp_path / "STLA-1.xml").unlink()
    assert (await bank.query_result(message)).outcome is PaymentOutcome.ACCEPTED
    assert (await bank.query_result(Message("STLA-10", b""))).outcome is PaymentOutcome.NOT_FOUND


@dataclass
class Disk:
    """A disk on which the process crashes at a step: before it, or after it was done."""

    crash_step: int
    is_done: bool
    steps: int = 0

    def step(self, real: Callable[..., Any], *arguments: Any) -> Any:
        self.steps += 1
        is_crash = self.steps == self.crash_step
        if is_crash and not self.is_done:
            raise OSError("the process ends here")
        result = real(*arguments)
        if is_crash:
            raise OSError("the process ends here")
        return result

    def install(self, broken: pytest.MonkeyPatch) -> None:
        """Route every step of writing a file through this disk."""
        modules = [(at, name) for at in (pain001, sent_marks) for name in ("write_durably", "sync_folder")]
        for at, name in (*modules, (Path, "unlink"), (Path, "replace")):
            real = getattr(at, name)
            broken.setattr(at, name, lambda *arguments, real=real: self.step(real, *arguments))


def collect(folder: Path) -> int:
    """Take away the files as the bank does; return their number."""
    files = list(folder.glob("*.xml"))
    for file in files:
        file.unlink()
    return len(files)


@pytest.mark.parametrize("kept", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("write", range(1, 8))
async def test_after_a_crash_at_any_write_the_bank_gets_the_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int, kept: bool
):
    """Every step on the disk once lost and once done before the process ends."""
    bank, message = Pain001Channel(Payer("Example Foundation", IBAN), tmp_path), Message("STLA-1", b"<Document/>")
    (tmp_path / ".STLA-1.1").write_bytes(b"half")  # of a process that crashed before
    disk = Disk(write, kept)
    with monkeypatch.context() as broken:
        disk.install(broken)
        with pytest.raises(OSError, match="ends here"):
            await bank.send(message)
    collected = collect(tmp_path)
    for _ in range(2):
        if (await bank.query_result(message)).outcome is PaymentOutcome.NOT_FOUND:
            await bank.send(message)
        collected += collect(tmp_path)
    assert collected == 1
