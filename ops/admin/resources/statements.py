"""Bank statements: importing a file, its lines, and matching a line to a payout by hand."""

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
_FIRST_PAGE = (None, None, None, None, None)


class LineMatch(CommandBody):
    """The payout of a line, and the reason for the match."""

    payout: Annotated[SingleLine, Field(description="its id, pay_…")]
    reason: ReasonText


async def _import(context: CommandContext, _: str, body: FileBody) -> CommandResult:
    """A file without new entries changes nothing."""
    account = payer_account_number(context.settings)
    imported = await import_file(context.conn, body.content, context.actor.name, context.now, account)
    counts = {
        "statements": imported.statements,
        "payouts_paid": imported.payouts_paid,
        "payouts_sent": imported.payouts_sent,
        "payouts_returned": imported.payouts_returned,
        "lines_unmatched": len(imported.unmatched),
    }
    unchanged = {"known_before": imported.duplicates, "statuses_unmatched": imported.statuses_unmatched}
    subject = f"file/{sha256(body.content).hexdigest()}"
    return CommandResult(subject, dict.fromkeys(counts, 0) | unchanged, counts | unchanged)


async def _match(context: CommandContext, line_id: str, body: LineMatch) -> CommandResult:
    await lock_statements(context.conn)  # before the settlement's lock: the order of an import
    campaign, before = await lock_with_campaign(context, await find_settlement_id(context, body.payout))
    after = await match_manually(context.conn, line_id, body.payout, body.reason, context.actor.name, context.now)
    result = settlement_change(campaign, before, after)
    if result.before == result.after:
        return result
    return replace(result, after={**(result.after or {}), "line": line_id, "reason": body.reason})


class ManualMatchView(TypedDict):
    """A match that a person made, with the reason."""

    by: str
    at: str
    reason: str


class StatementLineView(TypedDict):
    """An entry of the account; `match_rule` says why it matches a payout, or why none matches."""

    id: str
    account: str
    statement: str
    edition: str
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
    manual_match: ManualMatchView | None = None
    if row["by"] is not None:
        manual_match = {"by": row["by"], "at": row["at"].isoformat(), "reason": row["reason"]}
    return {
        "id": row["line_id"],
        "account": row["account"],
        "statement": row["statement_id"],
        "edition": row["edition"],
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
        "manual_match": manual_match,
    }


STATEMENT_LINES = ListEndpoint(
    "lines",
    "/statement-lines",
    "Lines of bank statements, newest booking first, with the payout of each",
    frozenset({"finance", "auditor"}),
    {"unmatched": BOOLEAN},
    _list,
    lambda row: (row["booked_on"], row["account"], row["statement"], row["edition"], row["line"]),
    (parse_day, parse_name, parse_name, parse_name, parse_number),
    StatementLineView,
)

_EXAMPLE_CSV = f"{','.join(COLUMNS)}\r\nNL41MOCK0000000001,2022-04-18,opening,2022-04-18,0.00,CNY,credit,,,,\r\n\
NL41MOCK0000000001,2022-04-18,closing,2022-04-18,0.00,CNY,credit,,,,\r\n"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "statement.import",
        "/statements",
        "Import a bank's file: camt.053, pain.002 or CSV; whole or not at all, and only once",
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
        "Match a line to a payout by hand if no rule did; repeating it changes nothing",
        FINANCE,
        LineMatch,
        _match,
        example={"payout": "pay_q5t4w2xk7m3j6r8v9n0p", "reason": "the bank confirmed it by telephone"},
    ),
)
