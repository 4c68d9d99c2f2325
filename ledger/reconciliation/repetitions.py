"""Tell a booking from its repetition: a statement repeats what reports and notifications had.

A report or a notification repeats bookings of any document; a statement repeats each booking of
theirs once. So a second debit of a payout is no repetition.
"""

from collections.abc import Container, Sequence

from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation.matching import Candidate, Match, MatchRule, match_line
from ledger.reconciliation.statements import DocumentKind, Statement, StatementLine
from ledger.settlements.payout_steps import PayoutState
from sql import Connection, query

_LIST_REPORTED_ATTEMPTS = query("list_reported_attempts")


async def list_reported(
    conn: Connection, statement: Statement, line: StatementLine, candidates: Sequence[Candidate]
) -> frozenset[str]:
    """Return the EndToEndIds of the candidates that an earlier document booked the same way."""
    payout_ids = sorted({candidate.payout_id for candidate in candidates})
    if not payout_ids:
        return frozenset()
    is_final = statement.kind is DocumentKind.STATEMENT
    rows = await conn.fetch(_LIST_REPORTED_ATTEMPTS, payout_ids, line.is_credit, is_final)
    return frozenset(end_to_end_id(row["payout_id"], row["attempt"]) for row in rows)


def match_repetition(
    line: StatementLine, currency: str, candidates: Sequence[Candidate], reported: Container[str]
) -> Match:
    """Return the match of a line; its rule is REPORTED_BEFORE if it repeats the booking. Pure.

    The line is matched against the payouts as they are, and as they were before the reports. It is
    a repetition if only the latter match; if both do, differently, a person must decide.
    """
    now = match_line(line, currency, candidates)
    before = match_line(line, currency, [_before_report(c, line, reported) for c in candidates])
    if before == now or now.rule is MatchRule.CHARGE:
        return now
    names = {c.payout_id for c in candidates if c.end_to_end_id in reported}
    if before.is_matched and not now.is_matched and names.issuperset(before.payout_ids):
        return before._replace(rule=MatchRule.REPORTED_BEFORE, charge_minor=0)
    return Match(line, (), MatchRule.AMBIGUOUS)


def _before_report(candidate: Candidate, line: StatementLine, reported: Container[str]) -> Candidate:
    if candidate.end_to_end_id not in reported:
        return candidate
    return candidate._replace(state=PayoutState.PAID if line.is_credit else PayoutState.SENT)
