"""Who is signed in by a browser, and ending it: what a token began ends with the token, the rest only so."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from campaigns.errors import NotFound
from ops.admin.core.actor import BY_SETTING
from ops.admin.core.command import Command, Desk, Done, Nothing
from ops.admin.core.pagination import Listing, Query, name
from sql import query

_LIST_SESSIONS = query("list_sessions")
_END_SESSIONS = query("end_sessions")


class SignedIn(TypedDict):
    """Somebody in one role; `sessions_by_openid` of their sessions are those that a provider vouched for."""

    name: str
    role: str
    sessions: int
    sessions_by_openid: int
    made_at: str  # the newest one's
    ends_at: str  # the last one's


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    after_name, after_role = asked.after or (None, None)
    rows = await desk.conn.fetch(_LIST_SESSIONS, desk.now, after_name, after_role, asked.limit, BY_SETTING)
    return [
        {**row, "made_at": row["made_at"].isoformat(), "ends_at": row["ends_at"].isoformat()}
        for row in map(dict, rows)
    ]


async def _end(desk: Desk, person: str, _: Nothing) -> Done:
    ended = await desk.conn.fetch(_END_SESSIONS, person, desk.now)
    if not ended:
        raise NotFound(f"{person!r} is not signed in")
    roles = sorted({row["role"] for row in ended})
    return Done(f"session/{person}", {"name": person, "roles": roles, "sessions": len(ended)}, None)


SESSIONS = Listing(
    "sessions",
    "/sessions",
    "Who is signed in by a browser",
    frozenset({"auditor"}),
    {},
    _list,
    lambda row: (row["name"], row["role"]),
    (name, name),
    SignedIn,
)

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "session.end",
        "/sessions/{name}/end",
        "End every session of somebody by a browser",
        frozenset(),
        Nothing,
        _end,
    ),
)
