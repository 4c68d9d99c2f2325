"""Commands about campaigns: promise, new terms, funding, close."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from campaigns.catalogue import apply_promise, cache
from campaigns.catalogue.apply_promise import Plan, PromiseAction
from campaigns.catalogue.cache import Campaign
from campaigns.errors import FieldError, NotFound, PromiseRefused
from campaigns.pledging import budget
from campaigns.promise.model import Promise, PromiseTerms, SingleLine
from ledger.accounting.balances import campaign_balances
from ledger.money import MINOR_MAX
from ops.admin.core.actor import Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, ReasonText

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_FINANCE: frozenset[Role] = frozenset({"finance"})
_BOTH: frozenset[Role] = _CAMPAIGNS | _FINANCE


class NewTerms(CommandBody):
    """A new version of a promise's terms, in force from the start of a campaign day that no like can be of yet."""

    terms: PromiseTerms
    based_on: Annotated[
        int | None, Field(ge=1, description="the version that was looked at: refused where it is not the newest")
    ] = None
    from_day: Annotated[
        date | None, Field(description="the first campaign day of theirs; left out: the first day that they can hold")
    ] = None


class NewFunding(CommandBody):
    """What the sponsor paid in."""

    amount_minor: Annotated[int, Field(ge=1, le=MINOR_MAX)]
    reference: Annotated[SingleLine, Field(description="names it, such as the bank's; public in the log")]


class CloseRequest(CommandBody):
    """Why a campaign ends."""

    reason: Annotated[ReasonText, Field(description="public in the log")]


async def find_campaign(context: CommandContext, slug: str) -> Campaign:
    """Return a campaign as it is, and stays until the transaction ends. NotFound: there is none."""
    await cache.lock_shared(context.conn)
    found = (await cache.read_campaigns(context.conn, context.keys.pseudonym)).get(slug)
    if found is None:
        raise NotFound(f"there is no campaign {slug!r}")
    return found


def _to_json(part: Any) -> dict[str, Any]:
    said: dict[str, Any] = part.model_dump(mode="json", exclude_none=True)
    return said


async def _create(context: CommandContext, _: str, body: Promise) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    slug = body.campaign.slug
    if slug in await cache.read_campaigns(context.conn, context.keys.pseudonym):
        raise PromiseRefused(
            [FieldError("campaign.slug", "there is a campaign of that name already: give it new terms")]
        )
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
        raise PromiseRefused([FieldError("based_on", f"the newest terms are version {newest}: look at them first")])
    before = apply_promise.current_promise(existing)
    wanted = before.model_copy(update={"terms": body.terms})
    applied = await apply_promise.apply_promise(
        context.conn, wanted, context.now, pseudonym_key=context.keys.pseudonym, from_day=body.from_day
    )
    was, becomes = _to_json(before.terms), _to_json(body.terms)
    if body.from_day is not None and applied.plan.action is not PromiseAction.NOTHING:
        was |= {"from_day": existing.terms[-1].from_day.isoformat()}
        becomes |= {"from_day": body.from_day.isoformat()}
    return CommandResult(
        f"campaign/{slug}",
        was,
        becomes,
        before.campaign.currency,
        approval_reason=apply_promise.needs_approval_because(before.terms, body.terms),
        details=_plan_details(applied.plan),
    )


async def _fund(context: CommandContext, slug: str, body: NewFunding) -> CommandResult:
    campaign = await find_campaign(context, slug)
    before = (await campaign_balances(context.conn, slug)).funded_minor
    done = await budget.fund_budget(context.conn, campaign, body.amount_minor, body.reference)
    after = before + body.amount_minor if done.is_new else before
    second = "more to be paid by the sponsor" if done.is_new else None
    currency = campaign.promise.campaign.currency
    told = {"funded_minor": after} | ({"reference": body.reference} if done.is_new else {})
    besides = {"pledged_minor": done.pledged_minor}
    return CommandResult(
        f"campaign/{slug}", {"funded_minor": before}, told, currency, approval_reason=second, details=besides
    )


async def _close(context: CommandContext, slug: str, body: CloseRequest) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    campaign = await find_campaign(context, slug)
    if campaign.closed_at is not None:
        was = {"closed_at": campaign.closed_at.isoformat()}
        return CommandResult(f"campaign/{slug}", was, was)
    done = await budget.close_campaign(context.conn, campaign, context.now, body.reason)
    after = {
        "closed_at": done.closed_at.isoformat(),
        "reason": body.reason,
        "pledged_at_last_minor": done.pledged_minor,
        "topped_up_minor": done.top_up_minor,
        "returned_minor": done.returned_minor,
    }
    return CommandResult(f"campaign/{slug}", {"closed_at": None}, after, campaign.promise.campaign.currency)


COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "campaign.create",
        "/campaigns",
        "Make a campaign of a promise",
        _CAMPAIGNS,
        Promise,
        _create,
        approvers=_BOTH,
    ),
    Command(
        "campaign.terms",
        "/campaigns/{slug}/terms",
        "Give a campaign new terms",
        _CAMPAIGNS,
        NewTerms,
        _add_terms,
        approvers=_BOTH,
    ),
    Command(
        "campaign.fund",
        "/campaigns/{slug}/funding",
        "Take the sponsor's money into the budget; the same reference again changes nothing",
        _FINANCE,
        NewFunding,
        _fund,
        approvers=_BOTH,
        example={"amount_minor": 700000, "reference": "bank 2026-11-23/1"},
    ),
    Command(
        "campaign.close",
        "/campaigns/{slug}/close",
        "Close a campaign for ever: top up to its floor, give the rest of the budget back",
        _CAMPAIGNS,
        CloseRequest,
        _close,
        example={"reason": "the project is complete"},
    ),
)
