"""Commands about sponsors: registered, called something else, disabled."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from campaigns.catalogue import sponsors
from campaigns.catalogue.sponsors import Sponsor
from campaigns.promise.model import SingleLine
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, EmptyBody
from ops.admin.core.pagination import ListEndpoint, ListQuery, parse_name

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})


class SponsorName(CommandBody):
    """What the sponsor is called; what was promised keeps the name that it was promised under."""

    name: SingleLine


async def _create(context: CommandContext, _: str, body: SponsorName) -> CommandResult:
    sponsor_id = await sponsors.add_sponsor(context.conn, body.name)
    return CommandResult(f"sponsor/{sponsor_id}", None, {"sponsor": sponsor_id, "name": body.name})


async def _rename(context: CommandContext, sponsor_id: str, body: SponsorName) -> CommandResult:
    before = await sponsors.lock_sponsor(context.conn, sponsor_id)
    await sponsors.rename_sponsor(context.conn, before, body.name)
    return CommandResult(f"sponsor/{sponsor_id}", {"name": before.name}, {"name": body.name})


async def _disable(context: CommandContext, sponsor_id: str, _: EmptyBody) -> CommandResult:
    was = (await sponsors.lock_sponsor(context.conn, sponsor_id)).disabled_at
    if was is None:
        await sponsors.set_disabled_at(context.conn, sponsor_id, context.now)
    return CommandResult(f"sponsor/{sponsor_id}", {"is_disabled": was is not None}, {"is_disabled": True})


async def _enable(context: CommandContext, sponsor_id: str, _: EmptyBody) -> CommandResult:
    was = (await sponsors.lock_sponsor(context.conn, sponsor_id)).disabled_at
    await sponsors.set_disabled_at(context.conn, sponsor_id, None)
    return CommandResult(f"sponsor/{sponsor_id}", {"is_disabled": was is not None}, {"is_disabled": False})


class SponsorView(TypedDict):
    """A sponsor, and what it was called before."""

    sponsor: str
    name: str
    former_names: list[str]
    added_at: str
    is_disabled: bool
    disabled_at: str | None


def sponsor_view(sponsor: Sponsor) -> SponsorView:
    """Return a sponsor as it is shown."""
    return {
        "sponsor": sponsor.sponsor_id,
        "name": sponsor.name,
        "former_names": list(sponsor.former_names),
        "added_at": sponsor.added_at.isoformat(),
        "is_disabled": sponsor.disabled_at is not None,
        "disabled_at": sponsor.disabled_at.isoformat() if sponsor.disabled_at else None,
    }


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    (after,) = list_query.after or (None,)
    return [sponsor_view(own) for own in await sponsors.list_sponsors(context.conn, after, list_query.limit)]


SPONSORS = ListEndpoint(
    "sponsors",
    "/sponsors",
    "The sponsors, and what they were called before",
    frozenset(ROLES),
    {},
    _list,
    lambda row: (row["name"],),
    (parse_name,),
    SponsorView,
)

_PATH = "/sponsors/{sponsor}"

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
        f"{_PATH}/change",
        "Call a sponsor something else",
        _CAMPAIGNS,
        SponsorName,
        _rename,
        example={"name": "Example Family Foundation"},
    ),
    Command(
        "sponsor.disable",
        f"{_PATH}/disable",
        "Let no new promise name a sponsor; what it promised stands",
        _CAMPAIGNS,
        EmptyBody,
        _disable,
    ),
    Command(
        "sponsor.enable",
        f"{_PATH}/enable",
        "Let promises name a disabled sponsor again",
        _CAMPAIGNS,
        EmptyBody,
        _enable,
    ),
)
