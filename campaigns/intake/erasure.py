"""Erase a person from a campaign.

Nothing links their likes to them, and every proof and total still holds. Their pseudonym becomes a
random one that no key derives, in verdicts, cases and appeals too. What the platform reported around
their likes is erased. So are the nonces of their likes: nobody can test a guess against the
published hashes. A digest of each receipt's tag stays, so that a made-up receipt is as unknown at an
erased position as at any other. Their likes leave tombstones, so that one that is sent again counts
nothing (`ops/decisions/0011-forgetting-a-person.md`).
"""

import secrets
from typing import NamedTuple

import asyncpg

from campaigns.catalogue.cache import Campaign
from campaigns.catalogue.pseudonyms import PSEUDONYM_BYTES
from campaigns.intake.batch_tree import DIGEST_BYTES, NONCE_BYTES, TAG_BYTES, derive_nonces, digest_tag, slice_at
from campaigns.intake.claim import BUCKET
from campaigns.intake.observation_erasure import erase_observations
from campaigns.intake.tombstones import insert_tombstones
from ledger.log.merkle import HASH_BYTES
from sql import Connection, query, rows_affected

_LOCK_CAMPAIGN = query("lock_campaign")
_LOCK_PERSON_BATCHES = query("lock_person_batches")
_DELETE_LIKE_IDS_OF_PERSON = query("delete_like_ids_of_person")
_STORE_NONCES = query("store_nonces")
_ANONYMISE_LIKES = query("anonymise_likes")
_ANONYMISE_PERSON_DAYS = query("anonymise_person_days")
_ANONYMISE_VERDICTS = query("anonymise_verdicts")
_ANONYMISE_CASE_LIKES = query("anonymise_case_likes")
_ANONYMISE_APPEALS = query("anonymise_appeals")


async def erase_person(conn: Connection, campaign: Campaign, platform: str, person: str) -> int:
    """Erase a platform's person; return the number of their likes. Joins the caller's transaction.

    The caller has called `lock_and_bump_version`: no like may arrive under the old pseudonym, and
    the cached catalogue of intake must learn that there are tombstones. A closed campaign needs
    none.
    """
    pseudonym = campaign.pseudonymiser(platform)(person)
    await conn.execute(_LOCK_CAMPAIGN, campaign.campaign_id)  # verdicts lock the same likes in another order
    if campaign.closed_at is None:
        await insert_tombstones(conn, campaign, pseudonym, BUCKET)
    for batch in await conn.fetch(_LOCK_PERSON_BATCHES, campaign.campaign_id, pseudonym):
        erased = erase_nonces(batch)
        await conn.execute(_STORE_NONCES, batch["batch_id"], batch["bucket"], erased.nonces, erased.receipt_digests)
    await erase_observations(conn, campaign, pseudonym)
    await conn.execute(_DELETE_LIKE_IDS_OF_PERSON, campaign.campaign_id, pseudonym)
    random_pseudonym = secrets.token_bytes(PSEUDONYM_BYTES)
    status = await conn.execute(_ANONYMISE_LIKES, campaign.campaign_id, pseudonym, random_pseudonym)
    for statement in (_ANONYMISE_PERSON_DAYS, _ANONYMISE_VERDICTS, _ANONYMISE_CASE_LIKES, _ANONYMISE_APPEALS):
        await conn.execute(statement, campaign.campaign_id, pseudonym, random_pseudonym)
    return rows_affected(status)


class ErasedNonces(NamedTuple):
    """A batch's nonces and receipt digests after an erasure, 16 bytes a position.

    Zeros stand at erased positions of `nonces`, and at all others of `receipt_digests`.
    """

    nonces: bytes
    receipt_digests: bytes


def erase_nonces(batch: asyncpg.Record) -> ErasedNonces:
    """Return a batch's nonces without the person's, and the digests of the erased receipts. Pure."""
    last = max(batch["positions"], default=-1)
    nonces = bytearray(derive_nonces(batch["nonce_key"], last + 1) if batch["nonce_key"] else batch["nonces"] or b"")
    digests = bytearray((batch["receipt_digests"] or b"").ljust((last + 1) * DIGEST_BYTES, b"\0"))
    for index, position in enumerate(batch["positions"]):  # an unlike has no leaf
        nonce = slice_at(nonces, position)
        if position in batch["person_positions"] and any(nonce):
            leaf = batch["leaves"][index * HASH_BYTES : (index + 1) * HASH_BYTES]
            digests[position * DIGEST_BYTES : (position + 1) * DIGEST_BYTES] = digest_tag(leaf, nonce[:TAG_BYTES])
            nonces[position * NONCE_BYTES : (position + 1) * NONCE_BYTES] = bytes(NONCE_BYTES)
    return ErasedNonces(bytes(nonces), bytes(digests))
