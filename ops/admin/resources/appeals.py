"""Appeals for reviewers: the list, and the decision of each."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue import cache
from campaigns.review import appeal_decisions
from campaigns.review.appeal_decisions import Outcome
from campaigns.review.decisions import Reviewer
from campaigns.review.status import list_receipts
from ledger.money import to_money
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandHandler, CommandResult, ReasonText
from ops.admin.core.pagination import TEXT, ListEndpoint, ListQuery, choice_filter, parse_instant, parse_name
from ops.admin.resources.review import REVIEWERS
from ops.admin.resources.review_lists import READERS
from sql import query

_PATH = "/review/appeals"
_LIST_APPEALS = query("list_appeals")


class AppealDecision(CommandBody):
    """The reason of a decision about an appeal."""

    reason: Annotated[ReasonText, Field(description="kept with the appeal; the public does not see it")]


class AppealView(TypedDict):
    """An appeal, and the verdict about its like now."""

    appeal: str
    campaign: str
    platform: str
    state: str
    message: str
    opened_at: str
    content: str
    day: str | None
    like_state: str | None
    verdict: str | None
    families: list[str]
    stage: str | None
    verdict_by: str | None
    case: str | None
    receipt: str | None
    decided_by: str | None
    approved_by: str | None
    decided_at: str | None
    reason: str | None


async def _list_appeals(context: CommandContext, list_query: ListQuery) -> list[AppealView]:
    opened_at, appeal_id = list_query.after or (None, None)
    filters = list_query.filters.get("campaign"), list_query.filters.get("state")
    rows = await context.conn.fetch(_LIST_APPEALS, *filters, opened_at, appeal_id, list_query.limit)
    return [_appeal_view(row, receipt) for row, receipt in zip(rows, list_receipts(rows), strict=True)]


def _appeal_view(row: Any, receipt: str | None) -> AppealView:
    return {
        "appeal": row["appeal_id"],
        "campaign": row["slug"],
        "platform": row["platform"],
        "state": row["outcome"] or "open",
        "message": row["message"],
        "opened_at": row["opened_at"].isoformat(),
        "content": row["content"],
        "day": row["day"].isoformat() if row["day"] else None,
        "like_state": row["state"],
        "verdict": row["verdict"],
        "families": sorted(row["families"] or ()),
        "stage": row["stage"],
        "verdict_by": row["verdict_by"],
        "case": row["case_id"],
        "receipt": receipt,
        "decided_by": row["decided_by"],
        "approved_by": row["approved_by"],
        "decided_at": row["decided_at"].isoformat() if row["decided_at"] else None,
        "reason": row["reason"],
    }


def _decide_handler(outcome: Outcome) -> CommandHandler[AppealDecision]:
    async def decide(context: CommandContext, appeal_id: str, body: AppealDecision) -> CommandResult:
        await cache.lock_shared(context.conn)
        campaigns = await cache.read_campaigns(context.conn, context.keys.pseudonym)
        actor = context.actor
        reviewer = Reviewer(actor.name, context.approver, is_operator=actor.is_operator)
        decided = await appeal_decisions.decide_appeal(
            context.conn, campaigns, appeal_id, outcome, reviewer, reason=body.reason, now=context.now
        )
        currency = decided.campaign.promise.campaign.currency
        return CommandResult(
            f"appeal/{appeal_id}",
            {"outcome": None, "verdict": decided.verdict_before},
            {"outcome": outcome, "verdict": decided.verdict_after, "reason": body.reason},
            currency,
            approval_reason=decided.approval_reason,
            details={
                "likes": int(decided.verdict_before != decided.verdict_after),
                "money_moved": to_money(decided.due_after_minor - decided.due_before_minor, currency),
            },
        )

    return decide


APPEALS = ListEndpoint(
    "appeals",
    _PATH,
    "Appeals of platforms for their people, oldest first",
    READERS,
    {"campaign": TEXT, "state": choice_filter(("open", "upheld", "rejected"))},
    _list_appeals,
    lambda row: (row["opened_at"], row["appeal"]),
    (parse_instant, parse_name),
    AppealView,
)
COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "appeal.uphold",
        f"{_PATH}/{{appeal}}/uphold",
        "Uphold an appeal: its like counts by the terms of its own day",
        REVIEWERS,
        AppealDecision,
        _decide_handler("upheld"),
        approvers=REVIEWERS,
        example={"reason": "the school confirms its tablet"},
    ),
    Command(
        "appeal.reject",
        f"{_PATH}/{{appeal}}/reject",
        "Reject an appeal: the verdict about its like stays",
        REVIEWERS,
        AppealDecision,
        _decide_handler("rejected"),
        example={"reason": "sixty accounts on one phone"},
    ),
)
