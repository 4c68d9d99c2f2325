"""Tokens: who may do what. 256 random bits, shown once; only their SHA-256 is kept."""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.errors import NotFound, TokenRefused
from campaigns.promise.model import SingleLine
from ops.admin.core import pagination
from ops.admin.core.actor import BOOTSTRAP_ADMIN, OPERATOR, ROLES, SCHEDULER, Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, EmptyBody
from ops.admin.core.pagination import ListEndpoint, ListQuery
from sql import Connection, query

TOKEN_PREFIX = "llt_"  # noqa: S105 - the prefix of tokens, not one
DAYS_DEFAULT = 90
PAYOUT_ROLES = frozenset(("finance", "owner"))  # who may settle, approve and say what banks said
# What steps and the audit are signed with that no person took.
RESERVED_NAMES = {OPERATOR.name, SCHEDULER.name, BOOTSTRAP_ADMIN, "command line", "payment service"}

_ADD_TOKEN = query("add_token")
_FIND_TOKEN = query("find_token")
_LOCK_TOKENS = query("lock_tokens")
_REVOKE_EXPIRED_TOKEN = query("revoke_expired_token")
_REVOKE_TOKEN = query("revoke_token")
_FIND_LIVE_TOKEN = query("find_live_token")
_COUNT_OTHER_OWNERS = query("count_other_owners")
_LIST_TOKENS = query("list_tokens")

PersonName = Annotated[SingleLine, Field(max_length=100)]


class Identity(NamedTuple):
    """Whose token it is."""

    name: str
    role: Role


class NewToken(CommandBody):
    """Whose token it is to be, and what for."""

    name: Annotated[PersonName, Field(description="one person; never two for the same one")]
    role: Role
    days: Annotated[int, Field(ge=1, le=3_660, description="how long it holds")] = DAYS_DEFAULT


async def store_token(
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
    if name.strip().casefold() in RESERVED_NAMES:
        raise TokenRefused(f"{name!r} stands for no person")
    await conn.execute(_REVOKE_EXPIRED_TOKEN, name, now)
    if await conn.fetchval(_ADD_TOKEN, hash_token(token), name, role, now, expires_at, made_by) is None:
        raise TokenRefused(f"{name} has a token already")


async def require_identity(
    conn: Connection, token: str, name: str, roles: Collection[str], now: datetime
) -> Identity:
    """Return who holds a token, as a person of one of the roles. TokenRefused: it is not theirs, or they may not."""
    found = await find_identity(conn, token, now)
    if found is None or found.name != name:
        raise TokenRefused(f"that is no token of {name}")
    if found.role not in roles:
        raise TokenRefused(f"{name} has the role {found.role}; this takes {' or '.join(sorted(roles))}")
    return found


async def find_identity(conn: Connection, token: str, now: datetime) -> Identity | None:
    """Return who holds a token; None: nobody does, or it does not hold any more."""
    row = await conn.fetchrow(_FIND_TOKEN, hash_token(token), now)
    return None if row is None else Identity(row["name"], row["role"])


def make_token() -> str:
    """Return a new token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """Hash a token: of 256 random bits nothing slower is needed, and a look-up by hash tells nothing by its time."""
    return sha256(token.strip().encode(errors="surrogateescape")).digest()  # a header may hold any byte


async def _create_token(context: CommandContext, _: str, body: NewToken) -> CommandResult:
    await context.conn.execute(_LOCK_TOKENS)
    token, expires_at = make_token(), context.now + timedelta(days=body.days)
    await store_token(
        context.conn, token, body.name, body.role, context.now, expires_at=expires_at, made_by=context.actor.name
    )
    after = {"name": body.name, "role": body.role, "expires_at": expires_at.isoformat()}
    return CommandResult(f"token/{body.name}", None, after, secret=token)


async def _revoke_token(context: CommandContext, name: str, _: EmptyBody) -> CommandResult:
    """The last owner stays: nobody could give out a role any more."""
    await context.conn.execute(_LOCK_TOKENS)
    found = await context.conn.fetchrow(_FIND_LIVE_TOKEN, name, context.now)
    if found is None:
        raise NotFound(f"{name!r} has no token that holds")
    if found["role"] == "owner" and not await context.conn.fetchval(_COUNT_OTHER_OWNERS, name, context.now):
        raise TokenRefused(f"{name} is the last owner: make another one first")
    await context.conn.fetchval(_REVOKE_TOKEN, name, context.now)
    return CommandResult(f"token/{name}", {"name": name, "role": found["role"]}, None)


class TokenView(TypedDict):
    """A token; nothing of the token itself."""

    name: str
    role: str
    made_at: str
    made_by: str
    expires_at: str | None
    revoked_at: str | None


async def _list_tokens(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    name, at = list_query.after or (None, None)
    rows = await context.conn.fetch(_LIST_TOKENS, name, at, list_query.limit)
    return [{key: _to_json_value(value) for key, value in row.items()} for row in rows]


def _to_json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


TOKENS = ListEndpoint(
    "tokens",
    "/tokens",
    "Every token, also those that hold no longer",
    frozenset({"auditor"}),
    {},
    _list_tokens,
    lambda row: (row["name"], row["made_at"]),
    (pagination.parse_name, pagination.parse_instant),
    TokenView,
)

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "token.create",
        "/tokens",
        "Make a token; its secret is in the answer, this once",
        frozenset(),
        NewToken,
        _create_token,
        example={"name": "ann", "role": "finance", "days": 90},
    ),
    Command(
        "token.revoke", "/tokens/{name}/revoke", "Let a token hold no longer", frozenset(), EmptyBody, _revoke_token
    ),
)
