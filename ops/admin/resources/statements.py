"""What banks say: taking in a file of theirs, the lines that stand in it, and people's word on whose a line is."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.promise.model import Line
from ledger.money import Money, show
from ledger.reconciliation.reconcile import import_file, lock_statements
from ledger.reconciliation.statements import FILE_BYTES_MAX
from ledger.reconciliation.statements.csv_table import COLUMNS
from ledger.reconciliation.unmatched import match_by_hand
from ops.admin.core.command import Asked, Command, Desk, Done, Sent, Why
from ops.admin.core.pagination import TRUTH, Listing, Query, day, name, number
from ops.admin.resources.payouts import settlement_of
from ops.admin.resources.settlements import FINANCE, changed, held
from ops.payout_channels import payer_number
from sql import query

BYTES = "application/octet-stream"
_LIST_STATEMENT_LINES = query("list_statement_lines")
_BEGINNING = (None, None, None, None)


class Matching(Asked):
    """Which payout a line is of, and how one knows."""

    payout: Annotated[Line, Field(description="its id, pay_…")]
    reason: Why


async def _import(desk: Desk, _: str, asked: Sent) -> Done:
    """Nothing new in it: unchanged."""
    account = payer_number(desk.settings)
    done = await import_file(desk.conn, asked.content, desk.actor.name, desk.now, account)
    new = {
        "statements": done.statements,
        "payouts_paid": done.payouts_paid,
        "payouts_sent": done.payouts_sent,
        "payouts_returned": done.payouts_returned,
        "lines_unmatched": len(done.unmatched),
    }
    known = {"known_before": done.again, "statuses_unmatched": done.statuses_unmatched}
    return Done(f"file/{sha256(asked.content).hexdigest()}", dict.fromkeys(new, 0) | known, new | known)


async def _match(desk: Desk, line_id: str, asked: Matching) -> Done:
    await lock_statements(desk.conn)  # before the settlement's own lock, as whoever takes in a file does
    campaign, before = await held(desk, await settlement_of(desk, asked.payout))
    after = await match_by_hand(desk.conn, line_id, asked.payout, asked.reason, desk.actor.name, desk.now)
    done = changed(campaign, before, after)
    if done.before == done.after:
        return done
    return replace(done, after={**(done.after or {}), "line": line_id, "reason": asked.reason})


class SaidOfLine(TypedDict):
    """A person's word on whose a line is."""

    by: str
    at: str
    reason: str


class ShownLine(TypedDict):
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
    text: str
    payout: str | None
    because: str
    said: SaidOfLine | None


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    rows = await desk.conn.fetch(
        _LIST_STATEMENT_LINES, *(asked.after or _BEGINNING), asked.limit, asked.filters.get("unmatched")
    )
    return [_shown(row) for row in rows]


def _shown(row: Any) -> ShownLine:
    said: SaidOfLine | None = None
    if row["by"] is not None:
        said = {"by": row["by"], "at": row["at"].isoformat(), "reason": row["reason"]}
    return {
        "id": row["line_id"],
        "account": row["account"],
        "statement": row["statement_id"],
        "line": row["number"],
        "currency": row["currency"],
        "amount": show(row["amount_minor"], row["currency"]),
        "direction": "credit" if row["is_credit"] else "debit",
        "booked_on": row["booked_on"].isoformat(),
        "end_to_end_id": row["end_to_end_id"],
        "bank_reference": row["bank_reference"],
        "text": row["description"],
        "payout": row["payout_id"],
        "because": row["matched_by"],
        "said": said,
    }


LINES = Listing(
    "lines",
    "/statement-lines",
    "What banks' statements said, the newest booked first, and the payout that each line is of",
    frozenset({"finance", "auditor"}),
    {"unmatched": TRUTH},
    _list,
    lambda row: (row["booked_on"], row["account"], row["statement"], row["line"]),
    (day, name, name, number),
    ShownLine,
)

_EXAMPLE = f"{','.join(COLUMNS)}\r\nNL41MOCK0000000001,2022-04-18,opening,2022-04-18,0.00,CNY,credit,,,,\r\n\
NL41MOCK0000000001,2022-04-18,closing,2022-04-18,0.00,CNY,credit,,,,\r\n"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "statement.import",
        "/statements",
        "Take in what a bank says, camt.053, pain.002 or CSV: all of the file or nothing; again: nothing",
        FINANCE,
        Sent,
        _import,
        example={"content": _EXAMPLE.encode()},
        content_type=BYTES,
        bytes_max=FILE_BYTES_MAX,
    ),
    Command(
        "line.match",
        "/statement-lines/{line}/match",
        "Say which payout a line is of, where no rule could tell; again: changes nothing",
        FINANCE,
        Matching,
        _match,
        example={"payout": "pay_q5t4w2xk7m3j6r8v9n0p", "reason": "the bank confirmed it by telephone"},
    ),
)
