"""The contract's worked figures: the likes of the KuaiRand replay by day, settled weekly and paid.

A person's first 20 likes a day count; 3 likes earn 1 fen, a day at most 5.00. By hand: the seven
days to 14 April reach the cap, 7 × 5.00 = 35.00. So do the 15th to 17th, 15.00. The rest is
(1243 + 1238 + 1048 + 836) / 3 = 4365 / 3 = 1455 fen. 15.00 + 14.55 = 29.55, in total 64.55.
70 % of 64.55 is 45.185 and 30 % is 19.365: the tie goes to the charity listed first, 45.19 and 19.36.
"""

from datetime import UTC, datetime

from campaigns.pledging import pledge
from promises import SLUG, fetch_rows, record
from settlements import (
    create_campaign,
    likes_delivery,
    pay_all,
    read_balances,
    read_settlements,
    settle_periods,
    settlement_states,
)
from sql import Pool

COUNTED = {
    8: 1534,
    9: 1689,
    10: 1945,
    11: 1794,
    12: 1679,
    13: 1828,
    14: 1654,
    15: 1760,
    16: 2477,
    17: 1904,
    18: 1243,
    19: 1238,
    20: 1048,
    21: 836,
}
PROMISED = (
    ("2026-11-01", "2022-04-08"),
    ("2026-12-01", "2022-04-22"),
    ("daily_cap_minor = 500", "daily_cap_minor = 500\nlikes_per_person_per_day = 20"),
    ("[terms]", "[settlement]\nautomatic = false\nminimum_minor = 100\nthreshold_minor = 100000\n[terms]"),
)


async def test_the_replay_settles_exactly_to_the_fen(pool: Pool):
    now = datetime(2026, 11, 23, tzinfo=UTC)
    campaign = await create_campaign(pool, *PROMISED, funded_minor=700_000, now=now)
    for day, count in COUNTED.items():
        moment = f"2022-04-{day:02}T04:00:00Z"
        bodies = [
            likes_delivery(SLUG, moment, range(first, min(count, first + 1_000)), content=f"c{day}")
            for first in range(0, count, 1_000)
        ]
        await record(pool, bodies, now)
    await pledge.run_tick(pool, campaign)
    assert (await read_balances(pool, campaign)).earned_minor == 6455
    results = await settle_periods(pool, campaign, now)
    assert [(str(s.period), s.total_minor) for s in results] == [("2022-04-18", 3500), ("2022-04-25", 2955)]
    first, second = await read_settlements(pool, campaign)
    assert [str(s.cut_off) for s in (first, second)] == ["2022-04-14", "2022-04-21"]
    assert [[p.amount_minor for p in s.payouts] for s in (first, second)] == [[2450, 1050], [2069, 886]]
    assert [2450 + 2069, 1050 + 886] == [4519, 1936]
    assert await settle_periods(pool, campaign, now) == []
    for number, settlement in enumerate((first, second), 1):
        await pay_all(pool, campaign, settlement, f"S{number}", now)
    balances = await read_balances(pool, campaign)
    assert (balances.settled_minor, balances.in_flight.minor, balances.paid.minor) == (6455, 0, 6455)
    assert await settlement_states(pool, campaign) == ["reconciled", "reconciled"]
    paid = await fetch_rows(
        pool, "SELECT charity, balance_minor FROM accounts WHERE kind = 'paid' ORDER BY balance_minor"
    )
    assert [tuple(row) for row in paid] == [("mobile-libraries", 1936), ("village-schools", 4519)]
