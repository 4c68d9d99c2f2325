"""Access tokens of a person with a role: 256 random bits; the database stores only their SHA-256."""

import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

import asyncpg
from pydantic import Field
from typing_extensions import TypedDict

from campaigns.errors import NotFound, TokenRefused, printable
from campaigns.promise.model import SingleLine
from ledger.person_names import is_same_person, mixes_scripts, person_key
from ops.admin.core import pagination
from ops.admin.core.actor import BOOTSTRAP_ADMIN, OPERATOR, ROLES, SCHEDULER, Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, EmptyBody
from ops.admin.core.errors import Forbidden
from ops.admin.core.pagination import ListEndpoint, ListQuery
from sql import Connection, query

TOKEN_PREFIX = "llt_"  # noqa: S105 - the prefix of tokens, not one
DAYS_DEFAULT = 90
PAYOUT_ROLES = frozenset(("finance", "owner"))  # may settle, approve and record results of banks
# Signatures in payout steps and in the audit log that stand for no person.
RESERVED_NAMES = {OPERATOR.name, SCHEDULER.name, BOOTSTRAP_ADMIN, "command line", "payment service"}

_ADD_TOKEN = query("add_token")
_FIND_TOKEN = query("find_token")
_LIST_LIVE_NAMES = query("list_live_names")
_LOCK_TOKENS = query("lock_tokens")
_REVOKE_EXPIRED_TOKEN = query("revoke_expired_token")
_REVOKE_TOKEN = query("revoke_token")
_FIND_LIVE_TOKEN = query("find_live_token")
_COUNT_OTHER_OWNERS = query("count_other_owners")
_LIST_TOKENS = query("list_tokens")
_READ_ROLE = query("read_role")
_TAKE_LOGIN_ROLE = query("take_login_role")
_TAKE_ROLE = query("take_role")

PersonName = Annotated[SingleLine, Field(max_length=100)]


class Identity(NamedTuple):
    """The person and the role that a token or a session stands for."""

    name: str
    role: Role


class NewToken(CommandBody):
    """The person, role and lifetime of a new token."""

    name: Annotated[PersonName, Field(description="one person; never two people under one name")]
    role: Role
    days: Annotated[int, Field(ge=1, le=3_660, description="days until it expires")] = DAYS_DEFAULT


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
    """Store the hash of a new token.

    Raises TokenRefused if the role is unknown, or if the name is reserved or has a live token.
    """
    if role not in ROLES:
        raise TokenRefused("role_unknown", role=role, roles=ROLES)
    if is_reserved_name(name):
        raise TokenRefused("token_name_reserved", name=name)
    if mixes_scripts(name):
        raise TokenRefused("token_name_mixes_scripts", name=name)
    for other in await conn.fetch(_LIST_LIVE_NAMES, now):
        if is_same_person(name, other["name"]):
            raise TokenRefused("token_exists", name=other["name"])
    await conn.execute(_REVOKE_EXPIRED_TOKEN, name, now)
    if await conn.fetchval(_ADD_TOKEN, hash_token(token), name, role, now, expires_at, made_by) is None:
        raise TokenRefused("token_exists", name=name)


def is_reserved_name(name: str) -> bool:
    """Return whether a name, in any spelling, is one of those that stand for no person. Pure."""
    return person_key(name) in {person_key(reserved) for reserved in RESERVED_NAMES}


async def require_identity(
    conn: Connection, token: str, name: str, roles: Collection[str], now: datetime
) -> Identity:
    """Return the person of a token with one of the roles.

    Raises TokenRefused if the token is not theirs, or if their role is not among `roles`.
    """
    identity = await find_identity(conn, token, now)
    if identity is None or identity.name != name:
        raise TokenRefused("token_of_another_person", name=name)
    if identity.role not in roles:
        raise TokenRefused("token_role_insufficient", name=name, role=identity.role, roles=sorted(roles))
    return identity


async def find_identity(conn: Connection, token: str, now: datetime) -> Identity | None:
    """Return the person of a live token; None if it is unknown, revoked or expired."""
    row = await conn.fetchrow(_FIND_TOKEN, hash_token(token), now)
    return None if row is None else Identity(row["name"], row["role"])


def make_token() -> str:
    """Return a new token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a token. Pure.

    256 random bits need no slower hash, and the time of a look-up by hash reveals nothing.
    """
    return sha256(token.strip().encode(errors="surrogateescape")).digest()  # any byte


async def _create_token(context: CommandContext, _: str, body: NewToken) -> CommandResult:
    """Create a token; that of an owner needs the operator, whose database user owns the tables."""
    if body.role == "owner" and not context.actor.is_operator:
        raise Forbidden("owner_needs_operator", name=body.name)
    await context.conn.execute(_LOCK_TOKENS)
    token, expires_at = make_token(), context.now + timedelta(days=body.days)
    async with _login_role(context.conn) if body.role == "owner" else nullcontext():
        await store_token(
            context.conn, token, body.name, body.role, context.now, expires_at=expires_at, made_by=context.actor.name
        )
    after = {"name": body.name, "role": body.role, "expires_at": expires_at.isoformat()}
    return CommandResult(f"token/{body.name}", None, after, secret=token)


@asynccontextmanager
async def _login_role(conn: Connection) -> AsyncIterator[None]:
    """Run the block with the rights of the database user that logged in, not of the service's role.

    Raises Forbidden if that user does not own the tables.
    """
    role = await conn.fetchval(_READ_ROLE)
    await conn.execute(_TAKE_LOGIN_ROLE)
    try:
        yield
    except asyncpg.InsufficientPrivilegeError:
        raise Forbidden("owner_needs_database_owner") from None
    await conn.fetchval(_TAKE_ROLE, role)


async def _revoke_token(context: CommandContext, name: str, _: EmptyBody) -> CommandResult:
    """The last owner's token stays: without an owner nobody could assign a role."""
    await context.conn.execute(_LOCK_TOKENS)
    token = await context.conn.fetchrow(_FIND_LIVE_TOKEN, name, context.now)
    if token is None:
        raise NotFound("token_not_found", name=printable(name))
    if token["role"] == "owner" and not await context.conn.fetchval(_COUNT_OTHER_OWNERS, name, context.now):
        raise TokenRefused("last_owner", name=name)
    await context.conn.fetchval(_REVOKE_TOKEN, name, context.now)
    return CommandResult(f"token/{name}", {"name": name, "role": token["role"]}, None)


class TokenView(TypedDict):
    """A token, without the token itself."""

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
    "Every token, including revoked and expired ones",
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
        "Create a token; only this response shows its secret",
        frozenset(),
        NewToken,
        _create_token,
        example={"name": "ann", "role": "finance", "days": 90},
    ),
    Command(
        "token.revoke", "/tokens/{name}/revoke", "Revoke a person's token", frozenset(), EmptyBody, _revoke_token
    ),
)
