"""Forget a person in a campaign: what links their likes to them is erased, and every proof and total still holds.

Their pseudonym becomes one that no key derives, and the nonces of their likes go, so that nobody can try on the
published hashes who it was. A like of theirs that is sent again later is one of somebody new
(`ops/decisions/0011-forgetting-a-person.md`).
"""

import secrets

import asyncpg

from campaigns.catalogue.cache import Campaign, lock_and_bump_version
from campaigns.catalogue.pseudonyms import PSEUDONYM_BYTES
from campaigns.intake.batch_tree import NONCE_BYTES, derive_nonces
from sql import Connection, query

_LOCK_PERSON_BATCHES = query("lock_person_batches")
_STORE_NONCES = query("store_nonces")
_ANONYMISE_LIKES = query("anonymise_likes")
_ANONYMISE_PERSON_DAYS = query("anonymise_person_days")


async def erase_person(conn: Connection, campaign: Campaign, platform: str, person: str) -> int:
    """Forget a platform's person; return how many likes were theirs. Joins the caller's transaction.

    Keeps intake out meanwhile, so that none of their likes slips in under the old pseudonym.
    """
    await lock_and_bump_version(conn)
    own = campaign.pseudonymiser(platform)(person)
    for batch in await conn.fetch(_LOCK_PERSON_BATCHES, campaign.campaign_id, own):
        await conn.execute(_STORE_NONCES, batch["batch_id"], batch["bucket"], erase_nonces(batch))
    nobody = secrets.token_bytes(PSEUDONYM_BYTES)
    status = await conn.execute(_ANONYMISE_LIKES, campaign.campaign_id, own, nobody)
    await conn.execute(_ANONYMISE_PERSON_DAYS, campaign.campaign_id, own, nobody)
    return int(status.rsplit(" ", 1)[1])


def erase_nonces(batch: asyncpg.Record) -> bytes:
    """Return a batch's nonces with those of the person's places zero."""
    last = max(batch["positions"], default=-1)
    kept = bytearray(derive_nonces(batch["nonce_key"], last + 1) if batch["nonce_key"] else batch["nonces"] or b"")
    for place in set(batch["person_positions"]) & set(batch["positions"]):  # a like that never counted has no leaf
        kept[place * NONCE_BYTES : (place + 1) * NONCE_BYTES] = bytes(NONCE_BYTES)
    return bytes(kept)
