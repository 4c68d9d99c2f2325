"""Who may do what: 256 random bits, shown once; only their SHA-256 is kept."""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from campaigns.refusals import TokenRefused
from sql import Connection, query

ROLES = ("campaigns", "finance", "reviewer", "auditor", "owner")

CLERKS = frozenset(("finance", "owner"))  # who may settle, approve and say what banks said
NOBODY = frozenset(("schedule", "command line", "payment service"))  # what steps are signed with that no person took

_ADD_TOKEN = query("add_token")
_FIND_TOKEN = query("find_token")


class Holder(NamedTuple):
    """Whose token it is."""

    name: str
    role: str


async def create(conn: Connection, token: str, name: str, role: str, now: datetime) -> None:
    """Keep a new token's hash. TokenRefused: no such role, or the name has a token already."""
    if role not in ROLES:
        raise TokenRefused(f"there is no role {role!r}: {', '.join(ROLES)}")
    if name.strip().casefold() in NOBODY:
        raise TokenRefused(f"{name!r} stands for no person")
    if await conn.fetchval(_ADD_TOKEN, _digest(token), name, role, now) is None:
        raise TokenRefused(f"{name} has a token already")


async def holder(conn: Connection, token: str, name: str, roles: Collection[str]) -> Holder:
    """Return who holds a token, as a person of one of the roles. TokenRefused: it is not theirs, or they may not."""
    row = await conn.fetchrow(_FIND_TOKEN, _digest(token))
    if row is None or row["name"] != name:
        raise TokenRefused(f"that is no token of {name}")
    if row["role"] not in roles:
        raise TokenRefused(f"{name} has the role {row['role']}; this takes {' or '.join(sorted(roles))}")
    return Holder(row["name"], row["role"])


def _digest(token: str) -> bytes:
    """Hash a token: of 256 random bits nothing slower is needed, and a look-up by hash tells nothing by its time."""
    return sha256(token.strip().encode()).digest()
