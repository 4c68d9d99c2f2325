"""The two ends of a campaign's money: the sponsor funds the budget, and closing gives back what nobody earned.

Both join the caller's transaction and hold the campaign's lock, so no tick posts in between.
"""

from datetime import datetime
from typing import NamedTuple

from campaigns.catalogue.cache import Campaign, lock_and_bump_version
from campaigns.errors import CampaignClosed, FundingRefused
from campaigns.pledging.arithmetic import floor_top_up
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
    """What funding did; not new: the same reference and amount were taken before, and nothing changed."""

    is_new: bool
    pledged_minor: int  # what likes had earned beyond the budget as it was


class Closing(NamedTuple):
    """What closing did; not new: the campaign was closed before, and nothing changed."""

    is_new: bool
    closed_at: datetime
    pledged_minor: int = 0  # for the last likes
    top_up_minor: int = 0  # added so that what was promised at least is pledged
    returned_minor: int = 0  # from the budget to the sponsor


async def fund_budget(conn: Connection, campaign: Campaign, amount_minor: int, reference: str) -> Funding:
    """Take the sponsor's money into the budget, once for each reference, and pledge what it makes due.

    FundingRefused: the amount or reference cannot be taken, or the reference stands for another amount.
    Closed: nothing more can be taken.
    """
    reference = _validate_funding(amount_minor, reference)
    closed_at = await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    key = f"fund/{campaign.slug}/{reference}"
    if (taken_minor := await conn.fetchval(_FIND_FUNDING, key)) is not None:
        if taken_minor != amount_minor:
            raise FundingRefused(f"the reference {reference!r} was used before, for {taken_minor} minor units")
        return Funding(is_new=False, pledged_minor=0)
    if closed_at is not None:
        raise CampaignClosed(campaign.slug)
    await _post_funding(conn, campaign, key, amount_minor, reference)
    return Funding(is_new=True, pledged_minor=(await fold_and_pledge(conn, campaign)).pledged_minor)


def _validate_funding(amount_minor: int, reference: str) -> str:
    """Return the reference without the spaces around it, which nobody sees and which would make it another."""
    if not 1 <= amount_minor <= MINOR_MAX:
        raise FundingRefused(f"the amount must lie between 1 and {MINOR_MAX} minor units, not {amount_minor}")
    trimmed = reference.strip()
    if not (1 <= len(trimmed) <= REFERENCE_CHARS_MAX and trimmed.isprintable()):
        raise FundingRefused(f"a reference is a text of 1 to {REFERENCE_CHARS_MAX} printable characters")
    return trimmed


async def _post_funding(conn: Connection, campaign: Campaign, key: str, amount_minor: int, reference: str) -> None:
    funded_minor = (await campaign_balances(conn, campaign.slug)).funded_minor
    if funded_minor + amount_minor > MINOR_MAX:
        raise FundingRefused(f"{funded_minor} minor units are funded already: more than {MINOR_MAX} is out of range")
    world, budget, _ = _accounts(campaign)
    await post_transfer(conn, Posting(key, TransferStep.FUND, world, budget, amount_minor, reference))


def _accounts(campaign: Campaign) -> tuple[Account, Account, Account]:
    currency = campaign.promise.campaign.currency
    budget, pledged = (Account(kind, currency, campaign.slug) for kind in ("budget", "pledged"))
    return Account("world", currency), budget, pledged


async def close_campaign(conn: Connection, campaign: Campaign, now: datetime, reason: str | None = None) -> Closing:
    """Take no more likes, pledge for the last ones, top up to the floor, give the rest of the budget back.

    Waits for the intake transactions under way, so no like slips in behind it. Again: changes nothing.
    """
    await lock_and_bump_version(conn)
    closed_at = await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id)
    if closed_at is not None:
        return Closing(is_new=False, closed_at=closed_at)
    pledged_minor = (await fold_and_pledge(conn, campaign)).pledged_minor
    floor_minor = await _top_up_to_floor(conn, campaign)
    returned_minor = await refund_budget(conn, campaign, "rest of the budget at the close")
    await conn.execute(_CLOSE_CAMPAIGN, campaign.campaign_id, now)
    await _enqueue_close_note(conn, campaign, now, reason)
    return Closing(
        is_new=True,
        closed_at=now,
        pledged_minor=pledged_minor,
        top_up_minor=floor_minor,
        returned_minor=returned_minor,
    )


async def _enqueue_close_note(conn: Connection, campaign: Campaign, now: datetime, reason: str | None) -> None:
    text = "Closed: no like counts any more, and what nobody earned of the budget went back to the sponsor."
    text += f" Why: {reason}" if reason else ""
    body = {"campaign": campaign.slug, "about": "closed", "closed_at": now.isoformat(), "text": text}
    await enqueue_leaf(conn, "note", f"note/{campaign.slug}/closed", body)


async def _top_up_to_floor(conn: Connection, campaign: Campaign) -> int:
    """Pledge what the likes have left of the floor, as far as the budget reaches; return it in minor units."""
    held = await campaign_balances(conn, campaign.slug)
    amount_minor = floor_top_up(held.earned_minor, held.funded_minor, campaign.promise.campaign.floor_minor)
    if not amount_minor:
        return 0
    _, budget, pledged = _accounts(campaign)
    key = f"floor/{campaign.slug}"
    await post_transfer(
        conn, Posting(key, TransferStep.PLEDGE, budget, pledged, amount_minor, "floor of the promise")
    )
    return amount_minor
