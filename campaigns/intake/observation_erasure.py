"""Erase a person's observations: the packed batches lose their rows."""

import asyncpg

from campaigns.authenticity.observation_pack import pack, unpack
from campaigns.catalogue.cache import Campaign
from sql import Connection, query

_LOCK_PERSON_OBSERVATIONS = query("lock_person_observations")
_STORE_OBSERVATIONS = query("store_observations")
_DELETE_OBSERVATIONS = query("delete_observations")


async def erase_observations(conn: Connection, campaign: Campaign, pseudonym: bytes) -> None:
    """Erase the observations of a person's likes, repeats included. Joins the caller's transaction.

    Call it before the person's likes move to another pseudonym: their times bound the search.
    """
    for row in await conn.fetch(_LOCK_PERSON_OBSERVATIONS, campaign.campaign_id, pseudonym):
        await _erase_from(conn, row, pseudonym)


async def _erase_from(conn: Connection, row: asyncpg.Record, pseudonym: bytes) -> None:
    others = [observation for observation in unpack(row["packed"]) if observation.person != pseudonym]
    key = row["batch_id"], row["bucket"], row["recorded_at"]
    if others:
        await conn.execute(_STORE_OBSERVATIONS, *key, pack(others), len(others))
    else:
        await conn.execute(_DELETE_OBSERVATIONS, *key)
