"""Commands that create, change, fund and close campaigns."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from campaigns.catalogue import apply_promise, cache
from campaigns.catalogue.apply_promise import Plan, PromiseAction
from campaigns.catalogue.cache import Campaign
from campaigns.catalogue.charities import complete_accounts
from campaigns.errors import FieldError, NotFound, PromiseRefused, printable
from campaigns.pledging import budget, closing_days
from campaigns.promise.model import Promise, PromiseTerms, SingleLine
from ledger.accounting.balances import campaign_balances
from ledger.money import MINOR_MAX
from ops.admin.core.actor import Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, ReasonText

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_FINANCE: frozenset[Role] = frozenset({"finance"})
_BOTH: frozenset[Role] = _CAMPAIGNS | _FINANCE


class NewTerms(CommandBody):
    """New terms of a promise, in force from the start of a campaign day without likes."""

    terms: PromiseTerms
    based_on: Annotated[
        int | None, Field(ge=1, description="the version that was edited; refused if it is not the newest")
    ] = None
    from_day: Annotated[
        date | None, Field(description="first campaign day under these terms; by default the earliest possible day")
    ] = None


class NewFunding(CommandBody):
    """An amount that the sponsor paid in."""

    amount_minor: Annotated[int, Field(ge=1, le=MINOR_MAX)]
    reference: Annotated[
        SingleLine, Field(description="reference of the payment, such as the bank's; public in the log")
    ]


class CloseRequest(CommandBody):
    """The reason to close a campaign."""

    reason: Annotated[ReasonText, Field(description="public in the log")]


async def find_campaign(context: CommandContext, slug: str) -> Campaign:
    """Return a campaign, locked against changes until the transaction ends. Raises NotFound."""
    await cache.lock_shared(context.conn)
    campaign = (await cache.read_campaigns(context.conn, context.keys.pseudonym)).get(slug)
    if campaign is None:
        raise NotFound("campaign_not_found", slug=printable(slug))
    return campaign


def _to_json(part: Any) -> dict[str, Any]:
    fields: dict[str, Any] = part.model_dump(mode="json", exclude_none=True)
    return fields


async def _create(context: CommandContext, _: str, body: Promise) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    slug = body.campaign.slug
    if slug in await cache.read_campaigns(context.conn, context.keys.pseudonym):
        raise PromiseRefused([FieldError("campaign.slug", "campaign_exists", {"slug": slug})])
    body = body.model_copy(update={"terms": await complete_accounts(context.conn, body.terms)})
    applied = await apply_promise.apply_promise(context.conn, body, context.now, pseudonym_key=context.keys.pseudonym)
    return CommandResult(
        f"campaign/{slug}",
        None,
        _to_json(body),
        body.campaign.currency,
        approval_reason="a new promise",
        details=_plan_details(applied.plan),
    )


def _plan_details(plan: Plan) -> dict[str, Any]:
    return {"terms_version": plan.version, "from_day": plan.from_day.isoformat()}


async def _add_terms(context: CommandContext, slug: str, body: NewTerms) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    existing = await find_campaign(context, slug)
    newest = existing.terms[-1].version
    if body.based_on not in (None, newest):
        raise PromiseRefused([FieldError("based_on", "terms_not_newest", {"version_number": newest})])
    current, terms = apply_promise.current_promise(existing), await complete_accounts(context.conn, body.terms)
    changed = current.model_copy(update={"terms": terms})
    applied = await apply_promise.apply_promise(
        context.conn, changed, context.now, pseudonym_key=context.keys.pseudonym, from_day=body.from_day
    )
    before, after = _to_json(current.terms), _to_json(terms)
    if body.from_day is not None and applied.plan.action is not PromiseAction.NOTHING:
        before |= {"from_day": existing.terms[-1].from_day.isoformat()}
        after |= {"from_day": body.from_day.isoformat()}
    return CommandResult(
        f"campaign/{slug}",
        before,
        after,
        current.campaign.currency,
        approval_reason=apply_promise.needs_approval_because(current.terms, terms),
        details=_plan_details(applied.plan),
    )


async def _fund(context: CommandContext, slug: str, body: NewFunding) -> CommandResult:
    campaign = await find_campaign(context, slug)
    funded_minor = (await campaign_balances(context.conn, slug)).funded_minor
    funding = await budget.fund_budget(context.conn, campaign, body.amount_minor, body.reference)
    before: dict[str, Any] = {"funded_minor": funded_minor}
    after, reason = before, None
    if funding.is_new:
        after = {"funded_minor": funded_minor + body.amount_minor, "reference": body.reference}
        reason = "more to be paid by the sponsor"
    currency = campaign.promise.campaign.currency
    details = {"pledged_minor": funding.pledged_minor}
    return CommandResult(f"campaign/{slug}", before, after, currency, approval_reason=reason, details=details)


async def _judge_before_close(context: CommandContext, slug: str, _: CloseRequest) -> None:
    """Judge every like: its cases must be decided before the budget returns to the sponsor."""
    campaign = await find_campaign(context, slug)
    if campaign.closed_at is None:
        await closing_days.judge_all_days(context.conn, campaign, context.now)


async def _close(context: CommandContext, slug: str, body: CloseRequest) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    campaign = await find_campaign(context, slug)
    if campaign.closed_at is not None:
        closed = {"closed_at": campaign.closed_at.isoformat()}
        return CommandResult(f"campaign/{slug}", closed, closed)
    closing = await budget.close_campaign(context.conn, campaign, context.now, body.reason)
    after = {
        "closed_at": closing.closed_at.isoformat(),
        "reason": body.reason,
        "pledged_at_last_minor": closing.pledged_minor,
        "topped_up_minor": closing.top_up_minor,
        "returned_minor": closing.returned_minor,
    }
    return CommandResult(f"campaign/{slug}", {"closed_at": None}, after, campaign.promise.campaign.currency)


COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "campaign.create",
        "/campaigns",
        "Create a campaign from a promise",
        _CAMPAIGNS,
        Promise,
        _create,
        approvers=_BOTH,
    ),
    Command(
        "campaign.terms",
        "/campaigns/{slug}/terms",
        "Set new terms of a campaign",
        _CAMPAIGNS,
        NewTerms,
        _add_terms,
        approvers=_BOTH,
    ),
    Command(
        "campaign.fund",
        "/campaigns/{slug}/funding",
        "Add a sponsor's payment to the budget; a repeated reference changes nothing",
        _FINANCE,
        NewFunding,
        _fund,
        approvers=_BOTH,
        example={"amount_minor": 700000, "reference": "bank 2026-11-23/1"},
    ),
    Command(
        "campaign.close",
        "/campaigns/{slug}/close",
        "Close a campaign for good: top up to its floor, return the rest of the budget",
        _CAMPAIGNS,
        CloseRequest,
        _close,
        prepare=_judge_before_close,
        example={"reason": "the project is complete"},
    ),
)
