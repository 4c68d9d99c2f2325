"""Responses to deliveries are deleted after seven days, not earlier."""

from datetime import timedelta

from campaigns.intake.delivery_retention import delete_expired
from ops.clock import utc_now
from promises import likes_body, record
from settlements import create_campaign
from sql import Connection, Pool

DAY = timedelta(days=1)


async def test_a_response_is_stored_for_seven_days(pool: Pool, owner: Connection):
    await create_campaign(pool)
    await record(pool, [likes_body(1)])
    now = utc_now()
    await delete_expired(pool, now + 7 * DAY - timedelta(minutes=5))
    assert await owner.fetchval("SELECT count(*) FROM deliveries") == 1
    await delete_expired(pool, now + 7 * DAY + timedelta(minutes=5))
    assert await owner.fetchval("SELECT count(*) FROM deliveries") == 0
    assert await owner.fetchval("SELECT count(*) FROM likes") == 1, "the likes stay"
