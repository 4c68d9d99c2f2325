"""What banks say: taking in a file of theirs, the lines that stand in it, and people's word on whose a line is."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.promise.model import SingleLine
from ledger.money import Money, to_money
from ledger.reconciliation.reconcile import import_file, lock_statements
from ledger.reconciliation.statements import FILE_BYTES_MAX
from ledger.reconciliation.statements.csv_table import COLUMNS
from ledger.reconciliation.unmatched import match_manually
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, FileBody, ReasonText
from ops.admin.core.pagination import BOOLEAN, ListEndpoint, ListQuery, parse_day, parse_name, parse_number
from ops.admin.resources.payouts import find_settlement_id
from ops.admin.resources.settlements import FINANCE, lock_with_campaign, settlement_change
from ops.payout_channels import payer_account_number
from sql import query

OCTET_STREAM = "application/octet-stream"
_LIST_STATEMENT_LINES = query("list_statement_lines")
_FIRST_PAGE = (None, None, None, None)


class LineMatch(CommandBody):
    """Which payout a line is of, and how one knows."""

    payout: Annotated[SingleLine, Field(description="its id, pay_…")]
    reason: ReasonText


async def _import(context: CommandContext, _: str, body: FileBody) -> CommandResult:
    """Nothing new in it: unchanged."""
    account = payer_account_number(context.settings)
    done = await import_file(context.conn, body.content, context.actor.name, context.now, account)
    new = {
        "statements": done.statements,
        "payouts_paid": done.payouts_paid,
        "payouts_sent": done.payouts_sent,
        "payouts_returned": done.payouts_returned,
        "lines_unmatched": len(done.unmatched),
    }
    known = {"known_before": done.duplicates, "statuses_unmatched": done.statuses_unmatched}
    return CommandResult(f"file/{sha256(body.content).hexdigest()}", dict.fromkeys(new, 0) | known, new | known)


async def _match(context: CommandContext, line_id: str, body: LineMatch) -> CommandResult:
    await lock_statements(context.conn)  # before the settlement's own lock, as whoever takes in a file does
    campaign, before = await lock_with_campaign(context, await find_settlement_id(context, body.payout))
    after = await match_manually(context.conn, line_id, body.payout, body.reason, context.actor.name, context.now)
    done = settlement_change(campaign, before, after)
    if done.before == done.after:
        return done
    return replace(done, after={**(done.after or {}), "line": line_id, "reason": body.reason})


class ManualMatchView(TypedDict):
    """A person's word on whose a line is."""

    by: str
    at: str
    reason: str


class StatementLineView(TypedDict):
    """Money that left the account or came to it; `because` says why a rule takes it for that payout's, or none's."""

    id: str
    account: str
    statement: str
    line: int
    currency: str
    amount: Money
    direction: str
    booked_on: str
    end_to_end_id: str | None
    bank_reference: str | None
    description: str
    payout: str | None
    match_rule: str
    manual_match: ManualMatchView | None


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    rows = await context.conn.fetch(
        _LIST_STATEMENT_LINES,
        *(list_query.after or _FIRST_PAGE),
        list_query.limit,
        list_query.filters.get("unmatched"),
    )
    return [_line_view(row) for row in rows]


def _line_view(row: Any) -> StatementLineView:
    said: ManualMatchView | None = None
    if row["by"] is not None:
        said = {"by": row["by"], "at": row["at"].isoformat(), "reason": row["reason"]}
    return {
        "id": row["line_id"],
        "account": row["account"],
        "statement": row["statement_id"],
        "line": row["number"],
        "currency": row["currency"],
        "amount": to_money(row["amount_minor"], row["currency"]),
        "direction": "credit" if row["is_credit"] else "debit",
        "booked_on": row["booked_on"].isoformat(),
        "end_to_end_id": row["end_to_end_id"],
        "bank_reference": row["bank_reference"],
        "description": row["description"],
        "payout": row["payout_id"],
        "match_rule": row["matched_by"],
        "manual_match": said,
    }


STATEMENT_LINES = ListEndpoint(
    "lines",
    "/statement-lines",
    "What banks' statements said, the newest booked first, and the payout that each line is of",
    frozenset({"finance", "auditor"}),
    {"unmatched": BOOLEAN},
    _list,
    lambda row: (row["booked_on"], row["account"], row["statement"], row["line"]),
    (parse_day, parse_name, parse_name, parse_number),
    StatementLineView,
)

_EXAMPLE_CSV = f"{','.join(COLUMNS)}\r\nNL41MOCK0000000001,2022-04-18,opening,2022-04-18,0.00,CNY,credit,,,,\r\n\
NL41MOCK0000000001,2022-04-18,closing,2022-04-18,0.00,CNY,credit,,,,\r\n"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "statement.import",
        "/statements",
        "Take in what a bank says, camt.053, pain.002 or CSV: all of the file or nothing; again: nothing",
        FINANCE,
        FileBody,
        _import,
        example={"content": _EXAMPLE_CSV.encode()},
        content_type=OCTET_STREAM,
        bytes_max=FILE_BYTES_MAX,
    ),
    Command(
        "line.match",
        "/statement-lines/{line}/match",
        "Say which payout a line is of, where no rule could tell; again: changes nothing",
        FINANCE,
        LineMatch,
        _match,
        example={"payout": "pay_q5t4w2xk7m3j6r8v9n0p", "reason": "the bank confirmed it by telephone"},
    ),
)
