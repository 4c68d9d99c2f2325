"""Browser sessions: who is signed in, and ending their sessions."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from campaigns.errors import NotFound, printable
from ops.admin.core.actor import BOOTSTRAP_ADMIN
from ops.admin.core.command import Command, CommandContext, CommandResult, EmptyBody
from ops.admin.core.pagination import ListEndpoint, ListQuery, parse_name
from sql import query

_LIST_SESSIONS = query("list_sessions")
_END_SESSIONS = query("end_sessions")


class PersonSessionsView(TypedDict):
    """A person's live sessions in one role; `sessions_by_openid` counts those by OpenID."""

    name: str
    role: str
    sessions: int
    sessions_by_openid: int
    made_at: str  # of the newest session
    ends_at: str  # of the session that ends last


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    after_name, after_role = list_query.after or (None, None)
    rows = await context.conn.fetch(
        _LIST_SESSIONS, context.now, after_name, after_role, list_query.limit, BOOTSTRAP_ADMIN
    )
    return [
        {**row, "made_at": row["made_at"].isoformat(), "ends_at": row["ends_at"].isoformat()}
        for row in map(dict, rows)
    ]


async def _end(context: CommandContext, person: str, _: EmptyBody) -> CommandResult:
    ended = await context.conn.fetch(_END_SESSIONS, person, context.now)
    if not ended:
        raise NotFound("no_live_session", name=printable(person))
    roles = sorted({row["role"] for row in ended})
    return CommandResult(f"session/{person}", {"name": person, "roles": roles, "sessions": len(ended)}, None)


SESSIONS = ListEndpoint(
    "sessions",
    "/sessions",
    "People with a live browser session",
    frozenset({"auditor"}),
    {},
    _list,
    lambda row: (row["name"], row["role"]),
    (parse_name, parse_name),
    PersonSessionsView,
)

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "session.end",
        "/sessions/{name}/end",
        "End all browser sessions of a person",
        frozenset(),
        EmptyBody,
        _end,
    ),
)
