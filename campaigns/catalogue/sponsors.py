"""The register of sponsors. A sponsor keeps its former names, because its promises keep them too.

Every function joins the caller's transaction.
"""

import re
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from campaigns.errors import FieldError, NotFound, PromiseRefused, RegisterRefused, printable
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
    """A registered sponsor."""

    sponsor_id: str
    name: str
    added_at: datetime
    disabled_at: datetime | None
    former_names: tuple[str, ...] = ()  # oldest first; only `list_sponsors` fills it


def derive_sponsor_id(name: str) -> str:
    """Return the id of the sponsor that was first registered under a name. Pure."""
    return f"spo_{sha256(name.encode()).hexdigest()[:20]}"


async def add_sponsor(conn: Connection, name: str) -> str:
    """Register a sponsor; return its id.

    Raises RegisterRefused if a sponsor has or had the name.
    """
    if await _find_by_name(conn, name) is not None or not await _insert_sponsor(conn, name):
        raise RegisterRefused("sponsor_exists", name=name)
    return derive_sponsor_id(name)


async def _insert_sponsor(conn: Connection, name: str) -> bool:
    added = await conn.fetchval(_ADD_SPONSOR, derive_sponsor_id(name), name)
    return added is not None and await conn.fetchval(_ADD_SPONSOR_NAME, name, added) is not None


async def ensure_sponsor(conn: Connection, name: str) -> None:
    """Register the sponsor of a new promise if it is missing; lock it until the transaction ends.

    Raises PromiseRefused if the sponsor is disabled, or has another name now.
    """
    sponsor = await _find_by_name(conn, name)
    if sponsor is None:
        await _insert_sponsor(conn, name)
        sponsor = await _find_by_name(conn, name)
    error = sponsor_error(name, sponsor) if sponsor else None
    if error:
        raise PromiseRefused([error])


def sponsor_error(name: str, sponsor: Sponsor) -> FieldError | None:
    """Return why a new promise cannot name the sponsor like this, or None if it can. Pure."""
    if sponsor.disabled_at is not None:
        return FieldError("campaign.sponsor", "sponsor_disabled", {"name": sponsor.name})
    if sponsor.name != name:
        return FieldError("campaign.sponsor", "sponsor_renamed", {"name": sponsor.name})
    return None


async def _find_by_name(conn: Connection, name: str) -> Sponsor | None:
    row = await conn.fetchrow(_LOCK_SPONSOR_SHARED, name)
    return None if row is None else _sponsor_from_row(row)


async def lock_sponsor(conn: Connection, sponsor_id: str) -> Sponsor:
    """Return a sponsor, locked until the transaction ends. Raises NotFound if the id is unknown."""
    row = await conn.fetchrow(_LOCK_SPONSOR, sponsor_id) if _ID.fullmatch(sponsor_id) else None
    if row is None:
        raise NotFound("sponsor_not_found", sponsor=printable(sponsor_id))
    return _sponsor_from_row(row)


async def list_sponsors(conn: Connection, after: str | None = None, limit: int | None = None) -> list[Sponsor]:
    """Return at most `limit` sponsors by name, starting after the name `after`; None: no bound."""
    rows = await conn.fetch(_LIST_SPONSORS, after, limit)
    return [_sponsor_from_row(row)._replace(former_names=tuple(row["former"])) for row in rows]


async def rename_sponsor(conn: Connection, sponsor: Sponsor, name: str) -> None:
    """Rename a sponsor, possibly back to a former name.

    Raises RegisterRefused if another has or had the name.
    """
    owner = await _find_by_name(conn, name)
    taken = RegisterRefused("sponsor_name_taken", name=name)
    if owner is not None and owner.sponsor_id != sponsor.sponsor_id:
        raise taken
    await conn.execute(_RENAME_SPONSOR, sponsor.sponsor_id, name)
    if owner is None and await conn.fetchval(_ADD_SPONSOR_NAME, name, sponsor.sponsor_id) is None:
        raise taken


async def set_disabled_at(conn: Connection, sponsor_id: str, disabled_at: datetime | None) -> None:
    """Disable a sponsor for new promises; None enables it again.

    Existing promises stay in force.
    """
    await conn.execute(_SET_SPONSOR_DISABLED, sponsor_id, disabled_at)


def _sponsor_from_row(row: Any) -> Sponsor:
    return Sponsor(row["sponsor_id"], row["name"], row["added_at"], row["disabled_at"])
