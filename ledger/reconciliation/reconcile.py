"""T5, reconciling: what a bank says becomes steps of payouts and transfers, a whole file in one transaction.

in_flight→paid by the bank's own date, or back to payable for what came back. A statement that was taken before
changes nothing, so a file may be imported as often as one likes, after a crash too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from ledger.accounting.journal import Step
from ledger.payouts.channels import Answer, Outcome
from ledger.payouts.sending import answered, end_to_end_id, instruction, move, move_back, must_be_untold
from ledger.reconciliation.matching import Candidate, Match, match
from ledger.reconciliation.statements import (
    FILE_BYTES_MAX,
    Statement,
    StatementLine,
    StatementRefused,
    Status,
    camt053,
    checked,
    csv_table,
    pain002,
)
from ledger.reconciliation.statements.xml import every, parse
from ledger.settlements.approvals import locked
from ledger.settlements.model import Envelope, Payout
from ledger.settlements.payout_steps import PayoutStep, State
from ledger.settlements.transitions import told
from sql import Connection, query

_LOCK_STATEMENTS = query("lock_statements")
_FIND_STATEMENT = query("find_statement")
_ADD_STATEMENT = query("add_statement")
_ADD_STATEMENT_LINE = query("add_statement_line")
_FIND_SETTLEMENTS_SENT = query("find_settlements_sent")
_FIND_SETTLEMENTS_OF_MESSAGE = query("find_settlements_of_message")


@dataclass(slots=True)
class Imported:
    """What a file did; `again` counts statements that were taken before, and statuses that say nothing new.

    Of those `statuses_unmatched` are of nothing that was told, or say another thing than what is known.
    """

    statements: int = 0
    again: int = 0
    payouts_paid: int = 0
    payouts_sent: int = 0
    payouts_returned: int = 0
    statuses_unmatched: int = 0
    unmatched: list[Match] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """Who says it: kept with every step that comes of it."""

    by: str
    at: datetime
    evidence: bytes


def read(body: bytes) -> Sequence[Statement] | Sequence[Status]:
    """Return what a file says: camt.053, pain.002 or CSV. StatementRefused: it is none, or does not add up. Pure."""
    if len(body) > FILE_BYTES_MAX:
        raise StatementRefused(f"the file is larger than {FILE_BYTES_MAX // 1024**2} MiB")
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return checked(csv_table.statements(body))
    root = parse(body)
    if next(every(root, "CstmrPmtStsRpt"), None) is not None:
        return pain002.statuses(root)
    return checked(camt053.statements(root))


async def import_file(conn: Connection, body: bytes, by: str, now: datetime, account: str | None = None) -> Imported:
    """Take in what a bank says, in the caller's transaction: all of the file or nothing.

    Where the account is known that payouts leave, no other's statement is taken: what a charity's bank says has the
    same ids, and what comes in there would be taken for money that came back. StatementRefused otherwise.
    """
    said = read(body)
    refuse_others(said, account)
    who, done = Told(by, now, sha256(body).digest()), Imported()
    await lock_statements(conn)
    for one in said:
        if isinstance(one, Statement):
            await _take_statement(conn, one, who, done)
        else:
            await _take_status(conn, one, who, done)
    return done


def refuse_others(said: Sequence[Statement] | Sequence[Status], account: str | None) -> None:
    """Raise StatementRefused where a statement is of another account than this; None: of whichever. Pure."""
    for one in said:
        if account is not None and isinstance(one, Statement) and _plain(one.account) != _plain(account):
            raise StatementRefused(
                f"statement {one.statement_id} is of the account …{one.account[-4:]}: payouts leave another one"
            )


def _plain(account: str) -> str:
    return "".join(account.split()).upper()


async def lock_statements(conn: Connection) -> None:
    """Let one at a time say what statements tell, until the caller's transaction ends."""
    await conn.execute(_LOCK_STATEMENTS)


async def _take_statement(conn: Connection, statement: Statement, who: Told, done: Imported) -> None:
    known = await conn.fetchval(_FIND_STATEMENT, statement.account, statement.statement_id)
    if known is not None:
        if known != statement.digest:
            raise StatementRefused(f"statement {statement.statement_id} was taken before and said something else")
        done.again += 1
        return
    head = statement.account, statement.statement_id, statement.currency
    balances = statement.opening_minor, statement.closing_minor
    await conn.execute(_ADD_STATEMENT, *head, *balances, statement.digest, who.evidence, who.by, who.at)
    done.statements += 1
    for line in sorted(statement.lines, key=lambda one: one.is_credit):  # what left first, then what came back
        await _take_line(conn, statement, line, who, done)


async def _take_line(conn: Connection, statement: Statement, line: StatementLine, who: Told, done: Imported) -> None:
    envelopes = await _envelopes(conn, line)
    found = match(line, statement.currency, [c for envelope in envelopes for c in candidates(envelope)])
    row = line.amount_minor, line.is_credit, line.booked_on, line.end_to_end_id, line.bank_reference, line.text
    head = statement.account, statement.statement_id, line.number
    await conn.execute(_ADD_STATEMENT_LINE, *head, *row, found.payout_id, found.how.value)
    if found.payout_id is None:
        done.unmatched.append(found)
        return
    envelope, payout = _of(envelopes, found.payout_id)
    if line.is_credit:
        await came_back(conn, envelope, payout, line, who)
        done.payouts_returned += 1
    else:
        await paid(conn, envelope, payout, line, who)
        done.payouts_paid += 1


async def _envelopes(conn: Connection, line: StatementLine) -> list[Envelope]:
    """Return the envelopes that a line may be of, locked, in order of their ids."""
    rows = await conn.fetch(_FIND_SETTLEMENTS_SENT, line.amount_minor, line.end_to_end_id)
    return [await locked(conn, row["settlement_id"]) for row in rows]


def candidates(envelope: Envelope) -> list[Candidate]:
    """Return every attempt of an envelope's payouts that a bank was told of. Pure."""
    return [
        Candidate(
            payout.payout_id,
            end_to_end_id(payout.payout_id, attempt),
            payout.amount_minor,
            envelope.currency,
            payout.state if attempt == payout.now.attempt else State.CANCELLED,
            _references(envelope, payout),
            told_at.astimezone(UTC).date(),
        )
        for payout in envelope.payouts
        for attempt, told_at in {s.attempt: s.at for s in payout.steps if s.state is State.SENDING}.items()
    ]


def _references(envelope: Envelope, payout: Payout) -> tuple[str, ...]:
    own = payout.now.bank_reference, instruction(envelope, payout).reference
    return tuple(reference for reference in own if reference)


def _of(envelopes: Sequence[Envelope], payout_id: str) -> tuple[Envelope, Payout]:
    return next((e, p) for e in envelopes for p in e.payouts if p.payout_id == payout_id)


async def paid(conn: Connection, envelope: Envelope, payout: Payout, line: StatementLine, who: Told) -> None:
    """Move a payout's money to `paid`, for the bank says that it left."""
    reference = line.bank_reference or payout.now.bank_reference
    await move(conn, envelope, payout, Step.CONFIRM, reference or payout.payout_id)
    step = payout.now.follow(
        State.PAID, who.by, who.at, bank_reference=reference, bank_day=line.booked_on, evidence=who.evidence
    )
    await told(conn, envelope, payout, step)


async def came_back(conn: Connection, envelope: Envelope, payout: Payout, line: StatementLine, who: Told) -> None:
    """Move a payout's money back to `payable`, for the bank says that it came back."""
    reason = line.reason or "came back without a reason"
    await must_be_untold(conn, payout)
    if payout.state is State.PAID:
        await move_back(conn, envelope, payout, Step.CONFIRM)
    await move_back(conn, envelope, payout, Step.SEND)
    known = {"reason": reason, "bank_day": line.booked_on, "evidence": who.evidence}
    await told(conn, envelope, payout, payout.now.follow(State.RETURNED, who.by, who.at, **known))


async def _take_status(conn: Connection, status: Status, who: Told, done: Imported) -> None:
    rows = await conn.fetch(_FIND_SETTLEMENTS_OF_MESSAGE, status.message_id)
    told_of = [
        (envelope, payout)
        for envelope in [await locked(conn, row["settlement_id"]) for row in rows]
        for payout in envelope.payouts
        if speaks_of(status, payout)
    ]
    meant = [(envelope, payout) for envelope, payout in told_of if is_news(status, payout)]
    done.again += not meant
    done.statuses_unmatched += not told_of or any(contradicts(status, payout) for _, payout in told_of)
    outcome = Outcome.REFUSED if status.is_refused else Outcome.ACCEPTED
    for envelope, payout in meant:
        said = Answer(outcome, reason=status.reason)
        if status.is_refused:
            await must_be_untold(conn, payout)
        await answered(conn, envelope, [payout], said, who.by, who.at, who.evidence)
        done.payouts_returned += status.is_refused
        done.payouts_sent += not status.is_refused


def _steps(status: Status, payout: Payout) -> list[PayoutStep]:
    """Return what became of a payout once it was told in the message that a status speaks of."""
    return [step for step in payout.steps if step.message_id == status.message_id]


def speaks_of(status: Status, payout: Payout) -> bool:
    """Tell whether a status is of an attempt of a payout, this one or an earlier one. Pure."""
    attempts = {step.attempt for step in _steps(status, payout)}
    return any(status.end_to_end_id in {None, end_to_end_id(payout.payout_id, attempt)} for attempt in attempts)


def is_news(status: Status, payout: Payout) -> bool:
    """Tell whether a status says something new of the attempt that a payout is at. Pure."""
    waiting_for = {State.SENDING, State.SENT} if status.is_refused else {State.SENDING}
    return payout.now.message_id == status.message_id and payout.state in waiting_for


def contradicts(status: Status, payout: Payout) -> bool:
    """Tell whether a bank refuses what it paid, or takes what it had refused: a person must look at it. Pure."""
    known = {step.state for step in _steps(status, payout)}
    if status.is_refused:
        return State.PAID in known and State.RETURNED not in known
    return State.RETURNED in known and not known & {State.SENT, State.PAID}
