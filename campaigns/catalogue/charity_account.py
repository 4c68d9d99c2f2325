"""A charity's other bank account: registered, and told by new terms of every open campaign that names the charity.

What waits to be sent keeps the account that was approved with it: the envelope's hash names it.
"""

from datetime import datetime

from campaigns.catalogue import cache, charities
from campaigns.catalogue.apply_promise import update_beneficiary_account
from campaigns.catalogue.charities import Charity
from campaigns.errors import RegisterRefused
from campaigns.promise.model import BankAccount
from sql import Connection


async def change_account(
    conn: Connection, slug: str, account: BankAccount, now: datetime, *, pseudonym_key: bytes
) -> Charity:
    """Pay a charity to another account from now on, in the caller's transaction; return it as it was before.

    NotFound: there is no such charity; RegisterRefused: it is disabled. The same account again changes nothing.
    """
    await cache.lock_and_bump_version(conn)
    before = await charities.lock_charity(conn, slug)
    if before.disabled_at is not None:
        raise RegisterRefused(f"the charity {slug} is disabled: enable it first")
    if before.account == account:
        return before
    await charities.update_account(conn, slug, account)
    for campaign in (await cache.read_catalogue(conn, pseudonym_key)).campaigns_by_id.values():
        if campaign.closed_at is None:
            await update_beneficiary_account(conn, campaign, slug, account, now)
    return before
