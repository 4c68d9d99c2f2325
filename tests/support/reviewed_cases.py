"""Cases of a running service, opened as judging opens them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from campaigns.intake.like_state import LikeVerdict
from campaigns.judging.case_plan import COUNTING, HELD, CaseChange, CaseKind, make_case_id
from campaigns.judging.case_store import store_cases
from ops.clock import utc_now
from running_service import RunningService, like
from verdicts import campaign_of, decide, store_ruleset

CROWD = {"people": 6, "people_at_once": 6}


async def store_rules(server: RunningService) -> None:
    """Store the ruleset that the cases refer to."""
    async with server.service.pool.acquire() as conn:
        await store_ruleset(conn)


async def send_likes(server: RunningService, people: Sequence[str], content: str = "farm") -> list[tuple[str, str]]:
    """Send a like of each person; return content and person of each."""
    for first in range(0, len(people), 1_000):
        await server.send([like(person, content) for person in people[first : first + 1_000]])
    return [(content, person) for person in people]


async def open_case(
    server: RunningService,
    likes: Sequence[tuple[str, str]],
    *,
    kind: CaseKind = HELD,
    rule: str = "device.crowd",
    evidence: Mapping[str, int] = CROWD,
    age: timedelta = timedelta(0),
) -> str:
    """Open a case about likes, given by content and person, and return its id.

    Rules hold the likes unless the case is one of likes that count.
    """
    campaign, family, opened_at = await campaign_of(server), rule.partition(".")[0], utc_now() - age
    if kind != COUNTING and not kind.is_breaker:
        await decide(server, LikeVerdict.HELD, likes, families=(family,))
    pseudonym = campaign.pseudonymiser(server.platform)
    keys = tuple(sorted((pseudonym(person), content) for content, person in likes))
    case_id = make_case_id(campaign.slug, rule, kind, keys[0], opened_at)
    change = CaseChange(case_id, True, kind, rule, family, evidence, keys)  # noqa: FBT003 - a named tuple
    async with server.service.pool.acquire() as conn, conn.transaction():
        await store_cases(conn, campaign, 1, [change], opened_at)
    await server.tick()
    return case_id


async def like_states(server: RunningService) -> dict[str, int]:
    """Return the number of likes by state."""
    rows = await server.service.pool.fetch("SELECT state::text, count(*) FROM likes GROUP BY 1 ORDER BY 1")
    return {row["state"]: row["count"] for row in rows}
