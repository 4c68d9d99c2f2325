"""T5: reconcile bank files with payouts, a whole file in one transaction.

A debit moves money in_flight→paid on the bank's date; a return moves it back to payable. Importing
a statement again changes nothing, so an import can be repeated after a crash.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation.bookings import (
    DifferenceKind,
    LineKey,
    StatementSource,
    list_candidates,
    record_booking,
    record_difference,
    record_mention,
)
from ledger.reconciliation.matching import Match, MatchRule, line_texts, list_own_ids
from ledger.reconciliation.repetitions import list_reported, match_repetition
from ledger.reconciliation.statements import (
    DocumentKind,
    PaymentStatus,
    Skipped,
    Statement,
    StatementLine,
    StatementRefused,
)
from ledger.reconciliation.statements.bank_file import parse_bank_file
from ledger.reconciliation.statuses import StatusEffect, apply_statuses
from ledger.settlements.approvals import lock_settlement
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_steps import PayoutState
from sql import Connection, query

_LOCK_STATEMENTS = query("lock_statements")
_LIST_STATEMENT_EDITIONS = query("list_statement_editions")
_ADD_STATEMENT = query("add_statement")
_ADD_STATEMENT_LINE = query("add_statement_line")
_FIND_SETTLEMENTS_SENT = query("find_settlements_sent")
_HAS_UNEXPLAINED_DEBIT = query("has_unexplained_debit")


@dataclass(slots=True)
class ImportResult:
    """The effect of a file.

    `duplicates` counts statements imported before, and statuses that change nothing.
    `lines_repeated` counts entries that a report, a notification or a statement had before.
    `statuses_unmatched` counts statuses that a person must review: of no payout that was sent, or
    against its state. `charges_minor` sums the charges that the bank states beside payouts.
    `skipped` lists the parts that concern no payout, with the reason.
    """

    statements: int = 0
    lines: int = 0
    lines_repeated: int = 0
    duplicates: int = 0
    payouts_paid: int = 0
    payouts_sent: int = 0
    payouts_returned: int = 0
    statuses: int = 0
    statuses_pending: int = 0
    statuses_unmatched: int = 0
    charges_minor: int = 0
    unmatched: list[Match] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


async def import_file(
    conn: Connection, body: bytes, by: str, now: datetime, account: str | None = None
) -> ImportResult:
    """Import a bank file, all of it or nothing; return its effect.

    Statements of another account than `account`, the account that payouts leave, are skipped: a
    charity's statement has the same ids, and its credits would look like returns. None accepts any
    account. Raises StatementRefused if the file is invalid or has nothing of ours. Joins the
    caller's transaction.
    """
    file = await asyncio.to_thread(parse_bank_file, body, account)
    source = StatementSource(by, now, sha256(body).digest())
    result = ImportResult(statuses=len(file.statuses), skipped=list(file.skipped))
    await lock_statements(conn)
    for statement in file.statements:
        await _import_statement(conn, statement, source, result)
    await _import_statuses(conn, file.statuses, source, result)
    return result


async def lock_statements(conn: Connection) -> None:
    """Serialize imports and manual matches until the caller's transaction ends."""
    await conn.execute(_LOCK_STATEMENTS)


async def _import_statement(
    conn: Connection, statement: Statement, source: StatementSource, result: ImportResult
) -> None:
    if await _is_known(conn, statement):
        result.duplicates += 1
        return
    if statement.kind is DocumentKind.STATEMENT or statement.lines:
        await _add_statement(conn, statement, source)
        result.statements += 1
    for line in sorted(statement.lines, key=lambda line: line.is_credit):  # debits first, then returns
        await _import_line(conn, statement, line, source, result)


async def _is_known(conn: Connection, statement: Statement) -> bool:
    """Tell whether a statement was imported before.

    Raises StatementRefused if the same edition had other content.
    """
    rows = await conn.fetch(_LIST_STATEMENT_EDITIONS, statement.account, statement.statement_id)
    digests = {row["edition"]: row["digest"] for row in rows}
    if statement.digest in digests.values():
        return True
    if statement.edition in digests:
        raise StatementRefused("statement_changed", statement=statement.statement_id)
    return False


async def _add_statement(conn: Connection, statement: Statement, source: StatementSource) -> None:
    head = statement.account, statement.statement_id, statement.edition, statement.kind.value, statement.currency
    balances = statement.opening_minor, statement.closing_minor, statement.skipped_minor
    await conn.execute(_ADD_STATEMENT, *head, *balances, statement.digest, source.evidence, source.by, source.at)


async def _import_line(
    conn: Connection, statement: Statement, line: StatementLine, source: StatementSource, result: ImportResult
) -> None:
    settlements = await _lock_matching_settlements(conn, line)
    candidates = [c for settlement in settlements for c in list_candidates(settlement)]
    reported = await list_reported(conn, statement, line, candidates)
    match = match_repetition(line, statement.currency, candidates, reported)
    is_final = statement.kind is DocumentKind.STATEMENT
    if match.rule is MatchRule.REPORTED_BEFORE:
        await _repeat_line(conn, statement, match, result)
        return
    pairs = [_find_payout(settlements, payout_id) for payout_id in match.payout_ids]
    if line.is_credit and await _has_unexplained_debit(conn, [payout for _, payout in pairs]):
        match, pairs = Match(line, (), MatchRule.AMBIGUOUS), []
    if not is_final and (not match.is_matched or match.rule is MatchRule.CHARGE):
        result.skipped.append(Skipped("entry_awaits_statement", entry_number=line.number, day=line.booked_on))
        return
    result.lines += 1
    await _add_line(conn, statement, line, match.rule)
    if not match.is_matched:
        result.unmatched.append(match)
        return
    key = _line_key(statement, line)
    await record_difference(conn, key, DifferenceKind.CHARGE, match.charge_minor, source)
    result.charges_minor += match.charge_minor
    if match.rule is MatchRule.CHARGE:
        await record_mention(conn, match.payout_ids, key)
        return
    for settlement, payout in pairs:
        await record_booking(conn, settlement, payout, line, key, source)
    result.payouts_returned += len(pairs) * line.is_credit
    result.payouts_paid += len(pairs) * (not line.is_credit)


async def _repeat_line(conn: Connection, statement: Statement, match: Match, result: ImportResult) -> None:
    """Store a statement's line that repeats a booking; a report's repetition is not stored."""
    result.lines_repeated += 1
    if statement.kind is DocumentKind.STATEMENT:
        result.lines += 1
        await _add_line(conn, statement, match.line, MatchRule.REPORTED_BEFORE)
        await record_mention(conn, match.payout_ids, _line_key(statement, match.line))


def _line_key(statement: Statement, line: StatementLine) -> LineKey:
    return LineKey(statement.account, statement.statement_id, statement.edition, line.number)


async def _add_line(conn: Connection, statement: Statement, line: StatementLine, rule: MatchRule) -> None:
    row = line.amount_minor, line.is_credit, line.booked_on, line.end_to_end_id, line.bank_reference, line.text
    more = list(line.references), line.charges_minor, line.reason_code
    await conn.execute(_ADD_STATEMENT_LINE, *_line_key(statement, line), *row, *more, rule.value)


async def _lock_matching_settlements(conn: Connection, line: StatementLine) -> list[Settlement]:
    """Return the settlements that a line may belong to, locked in the order of their ids."""
    amounts = [line.amount_minor, line.principal_minor]
    rows = await conn.fetch(_FIND_SETTLEMENTS_SENT, amounts, list_own_ids(line_texts(line)))
    return [await lock_settlement(conn, row["settlement_id"]) for row in rows]


async def _has_unexplained_debit(conn: Connection, payouts: Sequence[Payout]) -> bool:
    """Tell whether the bank debited a paid payout twice: a credit may return either debit."""
    ids = [end_to_end_id(p.payout_id, p.latest_step.attempt) for p in payouts if p.state is PayoutState.PAID]
    return bool(ids) and bool(await conn.fetchval(_HAS_UNEXPLAINED_DEBIT, ids))


def _find_payout(settlements: Sequence[Settlement], payout_id: str) -> tuple[Settlement, Payout]:
    return next((s, p) for s in settlements for p in s.payouts if p.payout_id == payout_id)


async def _import_statuses(
    conn: Connection, statuses: Sequence[PaymentStatus], source: StatementSource, result: ImportResult
) -> None:
    report = await apply_statuses(conn, statuses, source)
    result.payouts_sent += report.sent_count
    result.payouts_returned += report.returned_count
    for effect in report.effects:
        if effect is StatusEffect.UNCHANGED:
            result.duplicates += 1
        elif effect is StatusEffect.PENDING:
            result.statuses_pending += 1
        elif effect is not StatusEffect.APPLIED:
            result.statuses_unmatched += 1
