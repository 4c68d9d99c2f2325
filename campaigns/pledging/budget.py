"""Fund and close a campaign.

The sponsor funds the budget, and closing returns the part that no like earned. Both join the
caller's transaction and lock the campaign, so that no tick posts in between.
"""

from datetime import datetime
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign, lock_and_bump_version
from campaigns.errors import CampaignClosed, FundingRefused
from campaigns.pledging.arithmetic import floor_top_up
from campaigns.pledging.closing_days import require_no_open_case
from campaigns.pledging.pledge import fold_and_pledge, refund_budget
from ledger.accounting.balances import campaign_balances
from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from ledger.money import MINOR_MAX
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, query

REFERENCE_CHARS_MAX = 200

_LOCK_CAMPAIGN = query("lock_campaign")
_FIND_FUNDING = query("find_funding")
_CLOSE_CAMPAIGN = query("close_campaign")


class Funding(NamedTuple):
    """The result of funding; not new: it was recorded before, and nothing changed."""

    is_new: bool
    pledged_minor: int  # earned before, beyond the budget of that time


class Closing(NamedTuple):
    """The result of closing; not new: the campaign was closed before, and nothing changed."""

    is_new: bool
    closed_at: datetime
    pledged_minor: int = 0  # for the last likes
    top_up_minor: int = 0  # added to reach the promise's floor
    returned_minor: int = 0  # from the budget to the sponsor


async def fund_budget(conn: Connection, campaign: Campaign, amount_minor: int, reference: str) -> Funding:
    """Add the sponsor's money to the budget, once for each reference; pledge the new amount due.

    Raises FundingRefused if amount or reference are not valid, or if the reference came before with
    another amount. Raises CampaignClosed. Joins the caller's transaction.
    """
    currency = campaign.promise.campaign.currency
    reference = _validate_funding(amount_minor, reference, currency)
    closed_at = await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    key = f"fund/{campaign.slug}/{reference}"
    if (recorded_minor := await conn.fetchval(_FIND_FUNDING, key)) is not None:
        if recorded_minor != amount_minor:
            raise FundingRefused(
                "funding_reference_conflict",
                reference=reference,
                amount_minor=recorded_minor,
                amount_currency=currency,
            )
        return Funding(is_new=False, pledged_minor=0)
    if closed_at is not None:
        raise CampaignClosed(campaign.slug)
    await _post_funding(conn, campaign, key, amount_minor, reference)
    return Funding(is_new=True, pledged_minor=(await fold_and_pledge(conn, campaign)).pledged_minor)


def _validate_funding(amount_minor: int, reference: str, currency: str) -> str:
    """Return the reference without the spaces around it.

    Nobody sees them, yet they would make another reference.
    """
    if not 1 <= amount_minor <= MINOR_MAX:
        raise FundingRefused(
            "funding_amount_out_of_range",
            amount_minor=amount_minor,
            amount_currency=currency,
            max_minor=MINOR_MAX,
            max_currency=currency,
        )
    trimmed = reference.strip()
    if not (1 <= len(trimmed) <= REFERENCE_CHARS_MAX and trimmed.isprintable()):
        raise FundingRefused("funding_reference_invalid", max_number=REFERENCE_CHARS_MAX)
    return trimmed


async def _post_funding(conn: Connection, campaign: Campaign, key: str, amount_minor: int, reference: str) -> None:
    currency = campaign.promise.campaign.currency
    funded_minor = (await campaign_balances(conn, campaign.slug)).funded_minor
    if funded_minor + amount_minor > MINOR_MAX:
        raise FundingRefused(
            "funding_total_out_of_range",
            funded_minor=funded_minor,
            funded_currency=currency,
            max_minor=MINOR_MAX,
            max_currency=currency,
        )
    world, budget, _ = _accounts(campaign)
    await post_transfer(conn, Posting(key, TransferStep.FUND, world, budget, amount_minor, reference))


def _accounts(campaign: Campaign) -> tuple[Account, Account, Account]:
    """Return the accounts world, budget and pledged."""
    currency = campaign.promise.campaign.currency
    budget, pledged = (Account(kind, currency, campaign.slug) for kind in ("budget", "pledged"))
    return Account("world", currency), budget, pledged


async def close_campaign(conn: Connection, campaign: Campaign, now: datetime, reason: str | None = None) -> Closing:
    """Stop intake, pledge for the last likes, top up to the floor, return the rest of the budget.

    Waits for running intake transactions, so that no like arrives after the close. A repeated call
    changes nothing. Raises CampaignHasOpenCases. Joins the caller's transaction.
    """
    await lock_and_bump_version(conn)
    closed_at = await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    if closed_at is not None:
        return Closing(is_new=False, closed_at=closed_at)
    await require_no_open_case(conn, campaign)
    pledged_minor = (await fold_and_pledge(conn, campaign)).pledged_minor
    top_up_minor = await _top_up_to_floor(conn, campaign)
    returned_minor = await refund_budget(conn, campaign, "rest of the budget at the close")
    await conn.execute(_CLOSE_CAMPAIGN, campaign.campaign_id, now)
    await _enqueue_close_note(conn, campaign, now, reason)
    return Closing(
        is_new=True,
        closed_at=now,
        pledged_minor=pledged_minor,
        top_up_minor=top_up_minor,
        returned_minor=returned_minor,
    )


async def _enqueue_close_note(conn: Connection, campaign: Campaign, now: datetime, reason: str | None) -> None:
    text = "Closed: no further like counts, and the part of the budget that no like earned returned to the sponsor."
    text += f" Reason: {reason}" if reason else ""
    body = {"campaign": campaign.slug, "about": "closed", "closed_at": now.isoformat(), "text": text}
    await enqueue_leaf(conn, "note", f"note/{campaign.slug}/closed", body)


async def _top_up_to_floor(conn: Connection, campaign: Campaign) -> int:
    """Pledge the unearned part of the floor within the budget; return it in minor units."""
    balances = await campaign_balances(conn, campaign.slug)
    floor_minor = campaign.promise.campaign.floor_minor
    amount_minor = floor_top_up(balances.earned_minor, balances.funded_minor, floor_minor)
    if not amount_minor:
        return 0
    _, budget, pledged = _accounts(campaign)
    key = f"floor/{campaign.slug}"
    await post_transfer(
        conn, Posting(key, TransferStep.PLEDGE, budget, pledged, amount_minor, "floor of the promise")
    )
    return amount_minor
