"""T5, reconciling: what a bank says becomes steps of payouts and transfers, a whole file in one transaction.

in_flight→paid by the bank's own date, or back to payable for what came back. A statement that was taken before
changes nothing, so a file may be imported as often as one likes, after a crash too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from ledger.accounting.journal import TransferStep
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.sending import (
    build_instruction,
    end_to_end_id,
    ensure_not_being_sent,
    move_money,
    move_money_back,
    record_results,
)
from ledger.reconciliation.matching import Candidate, Match, match_line
from ledger.reconciliation.statements import (
    FILE_BYTES_MAX,
    PaymentStatus,
    Statement,
    StatementLine,
    StatementRefused,
    camt053,
    csv_table,
    pain002,
    validate_statements,
)
from ledger.reconciliation.statements.xml import find_all, parse_xml
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState, PayoutStep
from ledger.settlements.transitions import record_step
from sql import Connection, query

_LOCK_STATEMENTS = query("lock_statements")
_FIND_STATEMENT = query("find_statement")
_ADD_STATEMENT = query("add_statement")
_ADD_STATEMENT_LINE = query("add_statement_line")
_FIND_SETTLEMENTS_SENT = query("find_settlements_sent")
_FIND_SETTLEMENTS_OF_MESSAGE = query("find_settlements_of_message")


@dataclass(slots=True)
class ImportResult:
    """What a file did; `again` counts statements that were taken before, and statuses that say nothing new.

    Of those `statuses_unmatched` are of nothing that was told, or say another thing than what is known.
    """

    statements: int = 0
    duplicates: int = 0
    payouts_paid: int = 0
    payouts_sent: int = 0
    payouts_returned: int = 0
    statuses_unmatched: int = 0
    unmatched: list[Match] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StatementSource:
    """Who says it: kept with every step that comes of it."""

    by: str
    at: datetime
    evidence: bytes


def parse_bank_file(body: bytes) -> Sequence[Statement] | Sequence[PaymentStatus]:
    """Return what a file says: camt.053, pain.002 or CSV. StatementRefused: it is none, or does not add up. Pure."""
    if len(body) > FILE_BYTES_MAX:
        raise StatementRefused(f"the file is larger than {FILE_BYTES_MAX // 1024**2} MiB")
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return validate_statements(csv_table.parse_statements(body))
    root = parse_xml(body)
    if next(find_all(root, "CstmrPmtStsRpt"), None) is not None:
        return pain002.parse_statuses(root)
    return validate_statements(camt053.parse_statements(root))


async def import_file(
    conn: Connection, body: bytes, by: str, now: datetime, account: str | None = None
) -> ImportResult:
    """Take in what a bank says, in the caller's transaction: all of the file or nothing.

    Where the account is known that payouts leave, no other's statement is taken: what a charity's bank says has the
    same ids, and what comes in there would be taken for money that came back. StatementRefused otherwise.
    """
    said = parse_bank_file(body)
    require_payer_account(said, account)
    who, done = StatementSource(by, now, sha256(body).digest()), ImportResult()
    await lock_statements(conn)
    for one in said:
        if isinstance(one, Statement):
            await _import_statement(conn, one, who, done)
        else:
            await _import_status(conn, one, who, done)
    return done


def require_payer_account(statements: Sequence[Statement] | Sequence[PaymentStatus], account: str | None) -> None:
    """Raise StatementRefused where a statement is of another account than this; None: of whichever. Pure."""
    for one in statements:
        if (
            account is not None
            and isinstance(one, Statement)
            and _normalize_account(one.account) != _normalize_account(account)
        ):
            raise StatementRefused(
                f"statement {one.statement_id} is of the account …{one.account[-4:]}: payouts leave another one"
            )


def _normalize_account(account: str) -> str:
    return "".join(account.split()).upper()


async def lock_statements(conn: Connection) -> None:
    """Let one at a time say what statements tell, until the caller's transaction ends."""
    await conn.execute(_LOCK_STATEMENTS)


async def _import_statement(
    conn: Connection, statement: Statement, source: StatementSource, result: ImportResult
) -> None:
    known = await conn.fetchval(_FIND_STATEMENT, statement.account, statement.statement_id)
    if known is not None:
        if known != statement.digest:
            raise StatementRefused(f"statement {statement.statement_id} was taken before and said something else")
        result.duplicates += 1
        return
    head = statement.account, statement.statement_id, statement.currency
    balances = statement.opening_minor, statement.closing_minor
    await conn.execute(_ADD_STATEMENT, *head, *balances, statement.digest, source.evidence, source.by, source.at)
    result.statements += 1
    for line in sorted(statement.lines, key=lambda one: one.is_credit):  # what left first, then what came back
        await _import_line(conn, statement, line, source, result)


async def _import_line(
    conn: Connection, statement: Statement, line: StatementLine, source: StatementSource, result: ImportResult
) -> None:
    envelopes = await _lock_matching_settlements(conn, line)
    found = match_line(line, statement.currency, [c for envelope in envelopes for c in list_candidates(envelope)])
    row = line.amount_minor, line.is_credit, line.booked_on, line.end_to_end_id, line.bank_reference, line.text
    head = statement.account, statement.statement_id, line.number
    await conn.execute(_ADD_STATEMENT_LINE, *head, *row, found.payout_id, found.rule.value)
    if found.payout_id is None:
        result.unmatched.append(found)
        return
    envelope, payout = _find_payout(envelopes, found.payout_id)
    if line.is_credit:
        await record_returned(conn, envelope, payout, line, source)
        result.payouts_returned += 1
    else:
        await record_paid(conn, envelope, payout, line, source)
        result.payouts_paid += 1


async def _lock_matching_settlements(conn: Connection, line: StatementLine) -> list[Settlement]:
    """Return the envelopes that a line may be of, locked, in order of their ids."""
    rows = await conn.fetch(_FIND_SETTLEMENTS_SENT, line.amount_minor, line.end_to_end_id)
    return [await lock_settlement(conn, row["settlement_id"]) for row in rows]


def list_candidates(settlement: Settlement) -> list[Candidate]:
    """Return every attempt of an envelope's payouts that a bank was told of. Pure."""
    return [
        Candidate(
            payout.payout_id,
            end_to_end_id(payout.payout_id, attempt),
            payout.amount_minor,
            settlement.currency,
            payout.state if attempt == payout.latest_step.attempt else PayoutState.CANCELLED,
            _payout_references(settlement, payout),
            told_at.astimezone(UTC).date(),
        )
        for payout in settlement.payouts
        for attempt, told_at in {s.attempt: s.at for s in payout.steps if s.state is PayoutState.SENDING}.items()
    ]


def _payout_references(settlement: Settlement, payout: Payout) -> tuple[str, ...]:
    own = payout.latest_step.bank_reference, build_instruction(settlement, payout).reference
    return tuple(reference for reference in own if reference)


def _find_payout(settlements: Sequence[Settlement], payout_id: str) -> tuple[Settlement, Payout]:
    return next((e, p) for e in settlements for p in e.payouts if p.payout_id == payout_id)


async def record_paid(
    conn: Connection, settlement: Settlement, payout: Payout, line: StatementLine, source: StatementSource
) -> None:
    """Move a payout's money to `paid`, for the bank says that it left."""
    reference = line.bank_reference or payout.latest_step.bank_reference
    await move_money(conn, settlement, payout, TransferStep.CONFIRM, reference or payout.payout_id)
    step = payout.latest_step.next_step(
        PayoutState.PAID,
        source.by,
        source.at,
        bank_reference=reference,
        bank_day=line.booked_on,
        evidence=source.evidence,
    )
    await record_step(conn, settlement, payout, step)


async def record_returned(
    conn: Connection, settlement: Settlement, payout: Payout, line: StatementLine, source: StatementSource
) -> None:
    """Move a payout's money back to `payable`, for the bank says that it came back."""
    reason = line.reason or "came back without a reason"
    await ensure_not_being_sent(conn, payout)
    if payout.state is PayoutState.PAID:
        await move_money_back(conn, settlement, payout, TransferStep.CONFIRM)
    await move_money_back(conn, settlement, payout, TransferStep.SEND)
    known = {"reason": reason, "bank_day": line.booked_on, "evidence": source.evidence}
    await record_step(
        conn, settlement, payout, payout.latest_step.next_step(PayoutState.RETURNED, source.by, source.at, **known)
    )


async def _import_status(
    conn: Connection, status: PaymentStatus, source: StatementSource, result: ImportResult
) -> None:
    rows = await conn.fetch(_FIND_SETTLEMENTS_OF_MESSAGE, status.message_id)
    told_of = [
        (envelope, payout)
        for envelope in [await lock_settlement(conn, row["settlement_id"]) for row in rows]
        for payout in envelope.payouts
        if concerns_payout(status, payout)
    ]
    meant = [(envelope, payout) for envelope, payout in told_of if is_new(status, payout)]
    result.duplicates += not meant
    result.statuses_unmatched += not told_of or any(is_conflict(status, payout) for _, payout in told_of)
    outcome = PaymentOutcome.REFUSED if status.is_refused else PaymentOutcome.ACCEPTED
    for envelope, payout in meant:
        said = PaymentResult(outcome, reason=status.reason)
        if status.is_refused:
            await ensure_not_being_sent(conn, payout)
        await record_results(conn, envelope, [payout], said, source.by, source.at, source.evidence)
        result.payouts_returned += status.is_refused
        result.payouts_sent += not status.is_refused


def _steps_in_message(status: PaymentStatus, payout: Payout) -> list[PayoutStep]:
    """Return what became of a payout once it was told in the message that a status speaks of."""
    return [step for step in payout.steps if step.message_id == status.message_id]


def concerns_payout(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a status is of an attempt of a payout, this one or an earlier one. Pure."""
    attempts = {step.attempt for step in _steps_in_message(status, payout)}
    return any(status.end_to_end_id in {None, end_to_end_id(payout.payout_id, attempt)} for attempt in attempts)


def is_new(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a status says something new of the attempt that a payout is at. Pure."""
    waiting_for = {PayoutState.SENDING, PayoutState.SENT} if status.is_refused else {PayoutState.SENDING}
    return payout.latest_step.message_id == status.message_id and payout.state in waiting_for


def is_conflict(status: PaymentStatus, payout: Payout) -> bool:
    """Tell whether a bank refuses what it paid, or takes what it had refused: a person must look at it. Pure."""
    known = {step.state for step in _steps_in_message(status, payout)}
    if status.is_refused:
        return PayoutState.PAID in known and PayoutState.RETURNED not in known
    return PayoutState.RETURNED in known and not known & {PayoutState.SENT, PayoutState.PAID}
