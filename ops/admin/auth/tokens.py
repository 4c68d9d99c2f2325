"""Tokens: who may do what. 256 random bits, shown once; only their SHA-256 is kept."""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.errors import NotFound, TokenRefused
from campaigns.promise.model import Line
from ops.admin.core import pagination
from ops.admin.core.actor import AT_THE_MACHINE, BY_SCHEDULE, BY_SETTING, ROLES, Role
from ops.admin.core.command import Asked, Command, Desk, Done, Nothing
from ops.admin.core.pagination import Listing, Query
from sql import Connection, query

PREFIX = "llt_"
DAYS = 90
CLERKS = frozenset(("finance", "owner"))  # who may settle, approve and say what banks said
# What steps and the audit are signed with that no person took.
RESERVED = {AT_THE_MACHINE.name, BY_SCHEDULE.name, BY_SETTING, "command line", "payment service"}

_ADD_TOKEN = query("add_token")
_FIND_TOKEN = query("find_token")
_LOCK_TOKENS = query("lock_tokens")
_REVOKE_EXPIRED_TOKEN = query("revoke_expired_token")
_REVOKE_TOKEN = query("revoke_token")
_FIND_LIVE_TOKEN = query("find_live_token")
_COUNT_OTHER_OWNERS = query("count_other_owners")
_LIST_TOKENS = query("list_tokens")

Name = Annotated[Line, Field(max_length=100)]


class Holder(NamedTuple):
    """Whose token it is."""

    name: str
    role: Role


class NewToken(Asked):
    """Whose token it is to be, and what for."""

    name: Annotated[Name, Field(description="one person; never two for the same one")]
    role: Role
    days: Annotated[int, Field(ge=1, le=3_660, description="how long it holds")] = DAYS


async def create(
    conn: Connection,
    token: str,
    name: str,
    role: str,
    now: datetime,
    *,
    expires_at: datetime | None = None,
    made_by: str = "command line",
) -> None:
    """Keep a new token's hash. TokenRefused: no such role, or the name has a token already."""
    if role not in ROLES:
        raise TokenRefused(f"there is no role {role!r}: {', '.join(ROLES)}")
    if name.strip().casefold() in RESERVED:
        raise TokenRefused(f"{name!r} stands for no person")
    await conn.execute(_REVOKE_EXPIRED_TOKEN, name, now)
    if await conn.fetchval(_ADD_TOKEN, digest(token), name, role, now, expires_at, made_by) is None:
        raise TokenRefused(f"{name} has a token already")


async def holder(conn: Connection, token: str, name: str, roles: Collection[str], now: datetime) -> Holder:
    """Return who holds a token, as a person of one of the roles. TokenRefused: it is not theirs, or they may not."""
    found = await find(conn, token, now)
    if found is None or found.name != name:
        raise TokenRefused(f"that is no token of {name}")
    if found.role not in roles:
        raise TokenRefused(f"{name} has the role {found.role}; this takes {' or '.join(sorted(roles))}")
    return found


async def find(conn: Connection, token: str, now: datetime) -> Holder | None:
    """Return who holds a token; None: nobody does, or it does not hold any more."""
    row = await conn.fetchrow(_FIND_TOKEN, digest(token), now)
    return None if row is None else Holder(row["name"], row["role"])


def make() -> str:
    """Return a new token."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """Hash a token: of 256 random bits nothing slower is needed, and a look-up by hash tells nothing by its time."""
    return sha256(token.strip().encode(errors="surrogateescape")).digest()  # a header may hold any byte


async def _create(desk: Desk, _: str, asked: NewToken) -> Done:
    await desk.conn.execute(_LOCK_TOKENS)
    token, expires_at = make(), desk.now + timedelta(days=asked.days)
    await create(desk.conn, token, asked.name, asked.role, desk.now, expires_at=expires_at, made_by=desk.actor.name)
    after = {"name": asked.name, "role": asked.role, "expires_at": expires_at.isoformat()}
    return Done(f"token/{asked.name}", None, after, secret=token)


async def _revoke(desk: Desk, name: str, _: Nothing) -> Done:
    """The last owner stays: nobody could give out a role any more."""
    await desk.conn.execute(_LOCK_TOKENS)
    found = await desk.conn.fetchrow(_FIND_LIVE_TOKEN, name, desk.now)
    if found is None:
        raise NotFound(f"{name!r} has no token that holds")
    if found["role"] == "owner" and not await desk.conn.fetchval(_COUNT_OTHER_OWNERS, name, desk.now):
        raise TokenRefused(f"{name} is the last owner: make another one first")
    await desk.conn.fetchval(_REVOKE_TOKEN, name, desk.now)
    return Done(f"token/{name}", {"name": name, "role": found["role"]}, None)


class ShownToken(TypedDict):
    """A token; nothing of the token itself."""

    name: str
    role: str
    made_at: str
    made_by: str
    expires_at: str | None
    revoked_at: str | None


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    name, at = asked.after or (None, None)
    rows = await desk.conn.fetch(_LIST_TOKENS, name, at, asked.limit)
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


TOKENS = Listing(
    "tokens",
    "/tokens",
    "Every token, also those that hold no longer",
    frozenset({"auditor"}),
    {},
    _list,
    lambda row: (row["name"], row["made_at"]),
    (pagination.name, pagination.moment),
    ShownToken,
)

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "token.create",
        "/tokens",
        "Make a token; its secret is in the answer, this once",
        frozenset(),
        NewToken,
        _create,
        example={"name": "ann", "role": "finance", "days": 90},
    ),
    Command("token.revoke", "/tokens/{name}/revoke", "Let a token hold no longer", frozenset(), Nothing, _revoke),
)
