"""Batches commit in another order than their numbers.

A tick that folds some of them stays correct.
"""

import pytest

from campaigns.catalogue import apply_promise
from campaigns.pledging import pledge
from promises import NOW, PSEUDONYM_KEY, likes_body, promise, record
from sql import Connection, Pool


async def test_an_unlike_numbered_before_its_like_is_folded_after_it(
    pool: Pool, owner: Connection, monkeypatch: pytest.MonkeyPatch
):
    async with pool.acquire() as conn, conn.transaction():
        campaign = (await apply_promise.apply_promise(conn, promise(), NOW, pseudonym_key=PSEUDONYM_KEY)).campaign
    await record(pool, [likes_body(1), likes_body(1).replace(b'"like"', b'"unlike"')])
    # The unlike's transaction got its number first, then waited for the like's.
    await owner.execute("UPDATE like_batches SET batch_id = 0 WHERE size = 0")
    monkeypatch.setattr(pledge, "FOLD_BATCHES_MAX", 1)
    assert await pledge.run_tick(pool, campaign) == pledge.TickResult(batches=2, pledged_minor=0)
    counted, withdrawn = await pool.fetchrow("SELECT counted, withdrawn FROM day_counts")
    assert (counted, withdrawn) == (0, 1)
