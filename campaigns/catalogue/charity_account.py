"""Change a charity's bank account, in the register and in every open campaign's terms.

A payout that is pending keeps the account that was approved with it: the settlement's hash covers
the account.
"""

from datetime import datetime

from campaigns.catalogue import cache, charities
from campaigns.catalogue.apply_promise import update_beneficiary_account
from campaigns.catalogue.charities import Charity
from campaigns.errors import RegisterRefused
from campaigns.promise.bank_account import BankAccount
from sql import Connection


async def change_account(
    conn: Connection, slug: str, account: BankAccount, now: datetime, *, pseudonym_key: bytes
) -> Charity:
    """Pay a charity to another account from now on; return the charity before the change.

    The same account again changes nothing. Raises NotFound if the slug is unknown,
    RegisterRefused if the charity is disabled. Joins the caller's transaction.
    """
    await cache.lock_and_bump_version(conn)
    before = await charities.lock_charity(conn, slug)
    if before.disabled_at is not None:
        raise RegisterRefused("charity_disabled", slug=slug)
    if before.account == account:
        return before
    await charities.update_account(conn, slug, account)
    for campaign in (await cache.read_campaigns(conn, pseudonym_key)).values():
        if campaign.closed_at is None:
            await update_beneficiary_account(conn, campaign, slug, account, now)
    return before
