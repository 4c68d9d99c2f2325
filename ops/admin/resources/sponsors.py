"""Commands about sponsors: registered, called something else, disabled."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from campaigns.catalogue import sponsors
from campaigns.catalogue.sponsors import Sponsor
from campaigns.promise.model import Line
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import Asked, Command, Desk, Done, Nothing
from ops.admin.core.pagination import Listing, Query, name

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})


class SponsorName(Asked):
    """What the sponsor is called; what was promised keeps the name that it was promised under."""

    name: Line


async def _create(desk: Desk, _: str, asked: SponsorName) -> Done:
    sponsor_id = await sponsors.add(desk.conn, asked.name)
    return Done(f"sponsor/{sponsor_id}", None, {"sponsor": sponsor_id, "name": asked.name})


async def _change(desk: Desk, sponsor_id: str, asked: SponsorName) -> Done:
    before = await sponsors.find(desk.conn, sponsor_id)
    await sponsors.rename(desk.conn, before, asked.name)
    return Done(f"sponsor/{sponsor_id}", {"name": before.name}, {"name": asked.name})


async def _disable(desk: Desk, sponsor_id: str, _: Nothing) -> Done:
    was = (await sponsors.find(desk.conn, sponsor_id)).disabled_at
    if was is None:
        await sponsors.disable(desk.conn, sponsor_id, desk.now)
    return Done(f"sponsor/{sponsor_id}", {"is_disabled": was is not None}, {"is_disabled": True})


async def _enable(desk: Desk, sponsor_id: str, _: Nothing) -> Done:
    was = (await sponsors.find(desk.conn, sponsor_id)).disabled_at
    await sponsors.disable(desk.conn, sponsor_id, None)
    return Done(f"sponsor/{sponsor_id}", {"is_disabled": was is not None}, {"is_disabled": False})


class ShownSponsor(TypedDict):
    """A sponsor, and what it was called before."""

    sponsor: str
    name: str
    former_names: list[str]
    added_at: str
    is_disabled: bool
    disabled_at: str | None


def shown(own: Sponsor) -> ShownSponsor:
    """Return a sponsor as it is shown."""
    return {
        "sponsor": own.sponsor_id,
        "name": own.name,
        "former_names": list(own.former),
        "added_at": own.added_at.isoformat(),
        "is_disabled": own.disabled_at is not None,
        "disabled_at": own.disabled_at.isoformat() if own.disabled_at else None,
    }


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    (after,) = asked.after or (None,)
    return [shown(own) for own in await sponsors.listed(desk.conn, after, asked.limit)]


SPONSORS = Listing(
    "sponsors",
    "/sponsors",
    "The sponsors, and what they were called before",
    frozenset(ROLES),
    {},
    _list,
    lambda row: (row["name"],),
    (name,),
    ShownSponsor,
)

_PLACE = "/sponsors/{sponsor}"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "sponsor.create",
        "/sponsors",
        "Register a sponsor; one that a promise names first is registered with it",
        _CAMPAIGNS,
        SponsorName,
        _create,
        example={"name": "Example Foundation"},
    ),
    Command(
        "sponsor.change",
        f"{_PLACE}/change",
        "Call a sponsor something else",
        _CAMPAIGNS,
        SponsorName,
        _change,
        example={"name": "Example Family Foundation"},
    ),
    Command(
        "sponsor.disable",
        f"{_PLACE}/disable",
        "Let no new promise name a sponsor; what it promised stands",
        _CAMPAIGNS,
        Nothing,
        _disable,
    ),
    Command(
        "sponsor.enable",
        f"{_PLACE}/enable",
        "Let promises name a disabled sponsor again",
        _CAMPAIGNS,
        Nothing,
        _enable,
    ),
)
