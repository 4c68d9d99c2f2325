"""Commands about campaigns: promise, new terms, funding, close."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from campaigns.catalogue import apply_promise, cache
from campaigns.catalogue.apply_promise import Action, Plan
from campaigns.catalogue.cache import Campaign
from campaigns.errors import Fault, NotFound, PromiseRefused
from campaigns.pledging import budget
from campaigns.promise.model import Line, Promise, Terms
from ledger.accounting.balances import balances
from ledger.money import MINOR_MAX
from ops.admin.core.actor import Role
from ops.admin.core.command import Asked, Command, Desk, Done, Why

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_FINANCE: frozenset[Role] = frozenset({"finance"})
_BOTH: frozenset[Role] = _CAMPAIGNS | _FINANCE


class NewTerms(Asked):
    """A new version of a promise's terms, in force from the start of a campaign day that no like can be of yet."""

    terms: Terms
    based_on: Annotated[
        int | None, Field(ge=1, description="the version that was looked at: refused where it is not the newest")
    ] = None
    from_day: Annotated[
        date | None, Field(description="the first campaign day of theirs; left out: the first day that they can hold")
    ] = None


class Funding(Asked):
    """What the sponsor paid in."""

    amount_minor: Annotated[int, Field(ge=1, le=MINOR_MAX)]
    reference: Annotated[Line, Field(description="names it, such as the bank's; public in the log")]


class Closing(Asked):
    """Why a campaign ends."""

    reason: Annotated[Why, Field(description="public in the log")]


async def find(desk: Desk, slug: str) -> Campaign:
    """Return a campaign as it is, and stays until the transaction ends. NotFound: there is none."""
    await cache.hold(desk.conn)
    found = (await cache.campaigns(desk.conn, desk.keys.pseudonym)).get(slug)
    if found is None:
        raise NotFound(f"there is no campaign {slug!r}")
    return found


def _said(part: Any) -> dict[str, Any]:
    said: dict[str, Any] = part.model_dump(mode="json", exclude_none=True)
    return said


async def _create(desk: Desk, _: str, asked: Promise) -> Done:
    await cache.change(desk.conn)
    slug = asked.campaign.slug
    if slug in await cache.campaigns(desk.conn, desk.keys.pseudonym):
        raise PromiseRefused([Fault("campaign.slug", "there is a campaign of that name already: give it new terms")])
    applied = await apply_promise.apply(desk.conn, asked, desk.now, pseudonym_key=desk.keys.pseudonym)
    return Done(
        f"campaign/{slug}",
        None,
        _said(asked),
        asked.campaign.currency,
        second="a new promise",
        besides=_planned(applied.plan),
    )


def _planned(plan: Plan) -> dict[str, Any]:
    return {"terms_version": plan.version, "from_day": plan.from_day.isoformat()}


async def _give_terms(desk: Desk, slug: str, asked: NewTerms) -> Done:
    await cache.change(desk.conn)
    existing = await find(desk, slug)
    newest = existing.terms[-1].version
    if asked.based_on not in (None, newest):
        raise PromiseRefused([Fault("based_on", f"the newest terms are version {newest}: look at them first")])
    before = apply_promise.promised(existing)
    wanted = before.model_copy(update={"terms": asked.terms})
    applied = await apply_promise.apply(
        desk.conn, wanted, desk.now, pseudonym_key=desk.keys.pseudonym, from_day=asked.from_day
    )
    was, becomes = _said(before.terms), _said(asked.terms)
    if asked.from_day is not None and applied.plan.action is not Action.NOTHING:
        was |= {"from_day": existing.terms[-1].from_day.isoformat()}
        becomes |= {"from_day": asked.from_day.isoformat()}
    return Done(
        f"campaign/{slug}",
        was,
        becomes,
        before.campaign.currency,
        second=apply_promise.why_second(before.terms, asked.terms),
        besides=_planned(applied.plan),
    )


async def _fund(desk: Desk, slug: str, asked: Funding) -> Done:
    campaign = await find(desk, slug)
    before = (await balances(desk.conn, slug)).funded_minor
    done = await budget.fund(desk.conn, campaign, asked.amount_minor, asked.reference)
    after = before + asked.amount_minor if done.is_new else before
    second = "more to be paid by the sponsor" if done.is_new else None
    currency = campaign.promise.campaign.currency
    told = {"funded_minor": after} | ({"reference": asked.reference} if done.is_new else {})
    besides = {"pledged_minor": done.pledged_minor}
    return Done(f"campaign/{slug}", {"funded_minor": before}, told, currency, second=second, besides=besides)


async def _close(desk: Desk, slug: str, asked: Closing) -> Done:
    await cache.change(desk.conn)
    campaign = await find(desk, slug)
    if campaign.closed_at is not None:
        was = {"closed_at": campaign.closed_at.isoformat()}
        return Done(f"campaign/{slug}", was, was)
    done = await budget.close(desk.conn, campaign, desk.now, asked.reason)
    after = {
        "closed_at": done.closed_at.isoformat(),
        "reason": asked.reason,
        "pledged_at_last_minor": done.pledged_minor,
        "topped_up_minor": done.floor_minor,
        "returned_minor": done.returned_minor,
    }
    return Done(f"campaign/{slug}", {"closed_at": None}, after, campaign.promise.campaign.currency)


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
        _give_terms,
        approvers=_BOTH,
    ),
    Command(
        "campaign.fund",
        "/campaigns/{slug}/funding",
        "Take the sponsor's money into the budget; the same reference again changes nothing",
        _FINANCE,
        Funding,
        _fund,
        approvers=_BOTH,
        example={"amount_minor": 700000, "reference": "bank 2026-11-23/1"},
    ),
    Command(
        "campaign.close",
        "/campaigns/{slug}/close",
        "Close a campaign for ever: top up to its floor, give the rest of the budget back",
        _CAMPAIGNS,
        Closing,
        _close,
        example={"reason": "the project is complete"},
    ),
)
