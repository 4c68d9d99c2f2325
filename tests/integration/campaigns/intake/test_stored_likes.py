"""A stored like changes only if it still equals the row that the decision read, in every value."""

from dataclasses import dataclass
from datetime import date

import pytest

from campaigns.catalogue import cache
from campaigns.intake.claim import ConcurrentUpdate
from campaigns.intake.decide import LikeTransition
from campaigns.intake.like_key import like_key
from campaigns.intake.like_state import Like, LikeChange, LikeState, apply_event
from campaigns.intake.stored_likes import update_likes
from campaigns.promise.calendar import to_microseconds
from running_service import DAY, KEYS, SLUG, RunningService, like, running_service

NOON_US, NOON_DAY = to_microseconds(DAY), date(2022, 4, 10)


@dataclass
class Case:
    first: list[dict[str, object]]  # what the service recorded
    stored: Like  # as the decisions of two transactions read it


CASES = {
    "an unlike that came first": Case(
        [like("ann", action="unlike")], Like(LikeState.WITHDRAWN, NOON_US, None, NOON_US)
    ),
    "a like": Case([like("ann")], Like(LikeState.COUNTED, NOON_US, NOON_DAY, NOON_US)),
}


@pytest.mark.parametrize(
    ("name", "seconds"),
    [*((name, seconds) for name in CASES for seconds in (-1, 1)), ("an unlike that came first", 0)],
)
async def test_of_two_decisions_about_one_row_the_second_is_repeated(dsn: str, name: str, seconds: int) -> None:
    """Both read the like before either wrote it; a like at the very moment of the unlike moves only its day."""
    case = CASES[name]
    async with running_service(dsn) as service:
        await service.send(case.first)
        after, _ = apply_event(
            case.stored, LikeChange(is_like=True, event_us=NOON_US + seconds * 1_000_000, day=NOON_DAY)
        )
        assert after != case.stored
        transitions = {like_key("3431182", await pseudonym(service)): LikeTransition(case.stored, after)}
        async with service.service.pool.acquire() as conn:
            transaction = conn.transaction()
            await transaction.start()
            await update_likes(conn, 1, 1, transitions, {})
            with pytest.raises(ConcurrentUpdate):
                await update_likes(conn, 1, 1, transitions, {})
            await transaction.rollback()


async def pseudonym(service: RunningService) -> bytes:
    async with service.service.pool.acquire() as conn:
        campaign = (await cache.read_campaigns(conn, KEYS.pseudonym))[SLUG]
    return campaign.pseudonymiser("kuai")("ann")
