"""Bank statuses that no rule could apply: their list, and the decision of a person."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.promise.model import SingleLine
from ledger.reconciliation.reconcile import lock_statements
from ledger.reconciliation.status_reviews import review_status
from ledger.settlements.model import list_settlements
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, ReasonText
from ops.admin.core.pagination import BOOLEAN, ListEndpoint, ListQuery, parse_instant, parse_name
from ops.admin.resources.payouts import find_settlement_id
from ops.admin.resources.settlements import FINANCE, lock_with_campaign, settlement_change
from sql import query

_LIST_PAYMENT_STATUSES = query("list_payment_statuses")


class StatusReview(CommandBody):
    """The decision about a status: the payout that it refuses, or none if it changes nothing."""

    payout: Annotated[SingleLine | None, Field(description="the payout that the bank refuses, pay_…")] = None
    reason: ReasonText


class StatusReviewView(TypedDict):
    """The decision of a person."""

    by: str
    at: str
    reason: str


class PaymentStatusView(TypedDict):
    """A status as the bank sent it; `match_rule` says why no rule could apply it."""

    id: str
    imported_at: str
    level: str
    status_code: str
    message: str | None
    references: list[str]
    reason_code: str | None
    reason_text: str | None
    match_rule: str
    payout: str | None
    review: StatusReviewView | None


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    at, status_id = list_query.after or (None, None)
    filters = list_query.limit, list_query.filters.get("unmatched")
    return [_status_view(row) for row in await context.conn.fetch(_LIST_PAYMENT_STATUSES, at, status_id, *filters)]


def _status_view(row: Any) -> PaymentStatusView:
    review: StatusReviewView | None = None
    if row["by"] is not None:
        review = {"by": row["by"], "at": row["at"].isoformat(), "reason": row["reason"]}
    return {
        "id": row["status_id"],
        "imported_at": row["imported_at"].isoformat(),
        "level": row["level"],
        "status_code": row["status_code"],
        "message": row["message_id"] or row["payment_information_id"],
        "references": row["refs"],
        "reason_code": row["reason_code"],
        "reason_text": row["reason_text"],
        "match_rule": row["unmatched_by"],
        "payout": row["payout_id"],
        "review": review,
    }


async def _review(context: CommandContext, status_id: str, body: StatusReview) -> CommandResult:
    await lock_statements(context.conn)  # before the settlement's lock: the order of an import
    name, now = context.actor.name, context.now
    if body.payout is None:
        is_new = await review_status(context.conn, status_id, None, body.reason, name, now)
        after = {"reviewed": True, "reason": body.reason} if is_new else {}
        return CommandResult(f"status/{status_id}", {}, after)
    settlement_id = await find_settlement_id(context, body.payout)
    campaign, before = await lock_with_campaign(context, settlement_id)
    await review_status(context.conn, status_id, body.payout, body.reason, name, now)
    (after_settlement,) = await list_settlements(context.conn, settlement_id=settlement_id)
    return settlement_change(campaign, before, after_settlement)


PAYMENT_STATUSES = ListEndpoint(
    "statuses",
    "/payment-statuses",
    "Bank statuses that no rule could apply, newest first, with a person's decision",
    frozenset({"finance", "auditor"}),
    {"unmatched": BOOLEAN},
    _list,
    lambda row: (row["imported_at"], row["id"]),
    (parse_instant, parse_name),
    PaymentStatusView,
)

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "status.review",
        "/payment-statuses/{status}/review",
        "Decide a bank status that no rule could apply: it refuses a payout, or changes nothing",
        FINANCE,
        StatusReview,
        _review,
        example={"reason": "the bank sent it for another message"},
    ),
)
