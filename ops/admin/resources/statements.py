"""Bank statements: importing a file, its lines, and matching a line to a payout by hand."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.promise.model import SingleLine
from campaigns.reporting.settlements import approval_rules
from ledger.money import Money, to_money
from ledger.reconciliation.reconcile import import_file, lock_statements
from ledger.reconciliation.statements import FILE_BYTES_MAX, Skipped
from ledger.reconciliation.statements.csv_table import COLUMNS
from ledger.reconciliation.unmatched import match_manually
from ledger.settlements.model import list_settlements
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, FileBody, ReasonText
from ops.admin.core.pagination import BOOLEAN, ListEndpoint, ListQuery, parse_day, parse_name, parse_number
from ops.admin.resources.payouts import find_settlement_id
from ops.admin.resources.settlements import FINANCE, lock_with_campaign, settlement_change
from ops.i18n.refusals import json_params
from ops.payout_channels import payer_account_number
from sql import query

OCTET_STREAM = "application/octet-stream"
_SKIPPED_MAX = 100
_LIST_STATEMENT_LINES = query("list_statement_lines")
_FIRST_PAGE = (None, None, None, None, None)
LARGE_DIFFERENCE = "the difference is above the threshold"


class LineMatch(CommandBody):
    """The payouts of a line, and the reason for the match.

    What the line holds beyond them is recorded as a difference.
    """

    payout: Annotated[SingleLine, Field(description="its id, pay_…")]
    reason: ReasonText
    more_payouts: Annotated[
        list[SingleLine], Field(max_length=100, description="further payouts, if the line is their sum")
    ] = []  # noqa: RUF012 - the model copies it


async def _import(context: CommandContext, _: str, body: FileBody) -> CommandResult:
    """A file without new entries changes nothing."""
    account = payer_account_number(context.settings)
    imported = await import_file(context.conn, body.content, context.actor.name, context.now, account)
    counts = {
        "statements": imported.statements,
        "lines": imported.lines,
        "payouts_paid": imported.payouts_paid,
        "payouts_sent": imported.payouts_sent,
        "payouts_returned": imported.payouts_returned,
        "lines_unmatched": len(imported.unmatched),
        "charges_minor": imported.charges_minor,
    }
    unchanged = {
        "known_before": imported.duplicates,
        "lines_repeated": imported.lines_repeated,
        "statuses": imported.statuses,
        "statuses_pending": imported.statuses_pending,
        "statuses_unmatched": imported.statuses_unmatched,
        "skipped": len(imported.skipped),
    }
    subject = f"file/{sha256(body.content).hexdigest()}"
    before = dict.fromkeys(counts, 0) | unchanged
    return CommandResult(subject, before, counts | unchanged, details={"skipped": _skipped_json(imported.skipped)})


def _skipped_json(skipped: Sequence[Skipped]) -> list[dict[str, Any]]:
    """Return the first skipped parts of a file, each as the code of the reason and its values."""
    return [{"code": part.code, "params": json_params(part.params)} for part in skipped[:_SKIPPED_MAX]]


async def _match(context: CommandContext, line_id: str, body: LineMatch) -> CommandResult:
    """Above the threshold of a campaign a second person must approve the difference."""
    await lock_statements(context.conn)  # before the settlements' locks: the order of an import
    payout_ids = list(dict.fromkeys([body.payout, *body.more_payouts]))
    ids = sorted({await find_settlement_id(context, payout_id) for payout_id in payout_ids})
    locked = [await lock_with_campaign(context, settlement_id) for settlement_id in ids]
    name, now = context.actor.name, context.now
    parts = await match_manually(context.conn, line_id, payout_ids, body.reason, name, now)
    after = await list_settlements(context.conn, settlement_ids=ids)
    by_id = {settlement.settlement_id: settlement for settlement in after}
    results = [settlement_change(campaign, s, by_id[s.settlement_id]) for campaign, s in locked]
    main = await find_settlement_id(context, body.payout)
    before_view, after_view = _join_changes(results, main)
    if before_view != after_view:
        details = {"line": line_id, "reason": body.reason, "charge_minor": parts.charge_minor}
        after_view |= {**details, "difference_minor": parts.difference_minor}
    threshold_minor = min(approval_rules(campaign).threshold_minor for campaign, _ in locked)
    is_large = before_view != after_view and abs(parts.difference_minor) > threshold_minor
    return CommandResult(
        f"settlement/{main}",
        before_view,
        after_view,
        locked[0][1].currency,
        approval_reason=LARGE_DIFFERENCE if is_large else None,
    )


def _join_changes(results: Sequence[CommandResult], main: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the change of a settlement, with the payouts of the others that the line is of."""
    (first,) = (result for result in results if result.subject == f"settlement/{main}")
    before, after = dict(first.before or {}), dict(first.after or {})
    for side, name in ((before, "before"), (after, "after")):
        payouts = [getattr(result, name)["payouts"] for result in results]
        side["payouts"] = {payout_id: view for views in payouts for payout_id, view in views.items()}
    return before, after


class ManualMatchView(TypedDict):
    """A match that a person made, with the reason."""

    by: str
    at: str
    reason: str


class StatementLineView(TypedDict):
    """An entry of the account; `match_rule` says why it matches a payout, or why none matches.

    `payout` is the first of `payouts`. `charge` is what the bank states beside them, and
    `difference` the rest that a person accepted: the account lost it, or gained it if negative.
    """

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
    payouts: list[str]
    charge: Money
    difference: Money


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
        "payout": next(iter(row["payout_ids"]), None),
        "match_rule": row["matched_by"],
        "manual_match": manual_match,
        "payouts": row["payout_ids"],
        "charge": to_money(row["charge_minor"], row["currency"]),
        "difference": to_money(row["difference_minor"], row["currency"]),
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
        "Import a bank's file: camt.052, .053, .054, pain.002 or CSV, also as ZIP; whole or not at all, and once",
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
        "Match a line to payouts by hand if no rule did; a difference above the threshold needs a second person",
        FINANCE,
        LineMatch,
        _match,
        approvers=FINANCE,
        example={"payout": "pay_q5t4w2xk7m3j6r8v9n0p", "reason": "the bank confirmed it by telephone"},
    ),
)
