"""A charity's other bank account: registered, and told by new terms of every open campaign that names the charity.

What waits to be sent keeps the account that was approved with it: the envelope's hash names it.
"""

from datetime import datetime

from campaigns import catalogue, charities
from campaigns.charities import Charity
from campaigns.promise import Account
from campaigns.promising import readdress
from campaigns.refusals import RegisterRefused
from sql import Connection


async def change_account(
    conn: Connection, slug: str, account: Account, now: datetime, *, pseudonym_key: bytes
) -> Charity:
    """Pay a charity to another account from now on, in the caller's transaction; return it as it was before.

    NotFound: there is no such charity; RegisterRefused: it is disabled. The same account again changes nothing.
    """
    await catalogue.change(conn)
    before = await charities.find(conn, slug)
    if before.disabled_at is not None:
        raise RegisterRefused(f"the charity {slug} is disabled: enable it first")
    if before.account == account:
        return before
    await charities.keep_account(conn, slug, account)
    for campaign in (await catalogue.read(conn, pseudonym_key)).by_id.values():
        if campaign.closed_at is None:
            await readdress(conn, campaign, slug, account, now)
    return before
