"""Sponsors: whose promises there are. A sponsor keeps every name that it had, for its promises keep theirs.

Every function joins the caller's transaction.
"""

import re
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from campaigns.errors import FieldError, NotFound, PromiseRefused, RegisterRefused
from sql import Connection, query

_ADD_SPONSOR = query("add_sponsor")
_ADD_SPONSOR_NAME = query("add_sponsor_name")
_LOCK_SPONSOR_SHARED = query("lock_sponsor_shared")
_LOCK_SPONSOR = query("lock_sponsor")
_RENAME_SPONSOR = query("rename_sponsor")
_SET_SPONSOR_DISABLED = query("set_sponsor_disabled")
_LIST_SPONSORS = query("list_sponsors")

_ID = re.compile(r"spo_[0-9a-f]{20}")


class Sponsor(NamedTuple):
    """A sponsor as it is registered."""

    sponsor_id: str
    name: str
    added_at: datetime
    disabled_at: datetime | None
    former_names: tuple[str, ...] = ()  # names, oldest first; filled in lists only


def derive_sponsor_id(name: str) -> str:
    """Return the id of the sponsor that is first known by a name."""
    return f"spo_{sha256(name.encode()).hexdigest()[:20]}"


async def add_sponsor(conn: Connection, name: str) -> str:
    """Register a sponsor; return its id. RegisterRefused: one has that name, or had it."""
    if await _find_by_name(conn, name) is not None or not await _insert_sponsor(conn, name):
        raise RegisterRefused(f"there is, or was, a sponsor named {name!r} already")
    return derive_sponsor_id(name)


async def _insert_sponsor(conn: Connection, name: str) -> bool:
    added = await conn.fetchval(_ADD_SPONSOR, derive_sponsor_id(name), name)
    return added is not None and await conn.fetchval(_ADD_SPONSOR_NAME, name, added) is not None


async def ensure_sponsor(conn: Connection, name: str) -> None:
    """Register the sponsor of a new promise if nobody has that name, and keep it as it is until the end.

    PromiseRefused: it is disabled, or called something else now.
    """
    known = await _find_by_name(conn, name)
    if known is None:
        await _insert_sponsor(conn, name)
        known = await _find_by_name(conn, name)
    fault = sponsor_error(name, known) if known else None
    if fault:
        raise PromiseRefused([fault])


def sponsor_error(name: str, sponsor: Sponsor) -> FieldError | None:
    """Return why a new promise cannot name a sponsor so; None: it can. Pure."""
    if sponsor.disabled_at is not None:
        return FieldError("campaign.sponsor", f"the sponsor {sponsor.name} is disabled: enable it first")
    if sponsor.name != name:
        return FieldError("campaign.sponsor", f"that sponsor is called {sponsor.name} now: name it so")
    return None


async def _find_by_name(conn: Connection, name: str) -> Sponsor | None:
    row = await conn.fetchrow(_LOCK_SPONSOR_SHARED, name)
    return None if row is None else _sponsor_from_row(row)


async def lock_sponsor(conn: Connection, sponsor_id: str) -> Sponsor:
    """Return a sponsor, locked until the caller's transaction ends. NotFound: there is none."""
    row = await conn.fetchrow(_LOCK_SPONSOR, sponsor_id) if _ID.fullmatch(sponsor_id) else None
    if row is None:
        raise NotFound(f"there is no sponsor {sponsor_id!r}")
    return _sponsor_from_row(row)


async def list_sponsors(conn: Connection, after: str | None = None, limit: int | None = None) -> list[Sponsor]:
    """Return the sponsors by name, those after one, so many; None: all."""
    rows = await conn.fetch(_LIST_SPONSORS, after, limit)
    return [_sponsor_from_row(row)._replace(former_names=tuple(row["former"])) for row in rows]


async def rename_sponsor(conn: Connection, sponsor: Sponsor, name: str) -> None:
    """Call a sponsor something else, or what it was called before. RegisterRefused: another has or had that name."""
    owner = await _find_by_name(conn, name)
    taken = RegisterRefused(f"another sponsor is, or was, named {name!r}")
    if owner is not None and owner.sponsor_id != sponsor.sponsor_id:
        raise taken
    await conn.execute(_RENAME_SPONSOR, sponsor.sponsor_id, name)
    if owner is None and await conn.fetchval(_ADD_SPONSOR_NAME, name, sponsor.sponsor_id) is None:
        raise taken


async def set_disabled_at(conn: Connection, sponsor_id: str, disabled_at: datetime | None) -> None:
    """Let no new promise name a sponsor; None: let them again. What it promised stands."""
    await conn.execute(_SET_SPONSOR_DISABLED, sponsor_id, disabled_at)


def _sponsor_from_row(row: Any) -> Sponsor:
    return Sponsor(row["sponsor_id"], row["name"], row["added_at"], row["disabled_at"])
