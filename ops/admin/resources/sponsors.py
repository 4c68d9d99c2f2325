"""Sponsors: the list, and commands that register, rename, disable and enable one."""

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
    """The sponsor's name; existing promises keep the name that they were made under."""

    name: SingleLine


async def _create(context: CommandContext, _: str, body: SponsorName) -> CommandResult:
    sponsor_id = await sponsors.add_sponsor(context.conn, body.name)
    return CommandResult(f"sponsor/{sponsor_id}", None, {"sponsor": sponsor_id, "name": body.name})


async def _rename(context: CommandContext, sponsor_id: str, body: SponsorName) -> CommandResult:
    before = await sponsors.lock_sponsor(context.conn, sponsor_id)
    await sponsors.rename_sponsor(context.conn, before, body.name)
    return CommandResult(f"sponsor/{sponsor_id}", {"name": before.name}, {"name": body.name})


async def _disable(context: CommandContext, sponsor_id: str, _: EmptyBody) -> CommandResult:
    disabled_at = (await sponsors.lock_sponsor(context.conn, sponsor_id)).disabled_at
    if disabled_at is None:
        await sponsors.set_disabled_at(context.conn, sponsor_id, context.now)
    before = {"is_disabled": disabled_at is not None}
    return CommandResult(f"sponsor/{sponsor_id}", before, {"is_disabled": True})


async def _enable(context: CommandContext, sponsor_id: str, _: EmptyBody) -> CommandResult:
    disabled_at = (await sponsors.lock_sponsor(context.conn, sponsor_id)).disabled_at
    await sponsors.set_disabled_at(context.conn, sponsor_id, None)
    before = {"is_disabled": disabled_at is not None}
    return CommandResult(f"sponsor/{sponsor_id}", before, {"is_disabled": False})


class SponsorView(TypedDict):
    """A sponsor with its former names."""

    sponsor: str
    name: str
    former_names: list[str]
    added_at: str
    is_disabled: bool
    disabled_at: str | None


def sponsor_view(sponsor: Sponsor) -> SponsorView:
    """Return a sponsor as JSON. Pure."""
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
    page = await sponsors.list_sponsors(context.conn, after, list_query.limit)
    return [sponsor_view(sponsor) for sponsor in page]


SPONSORS = ListEndpoint(
    "sponsors",
    "/sponsors",
    "The sponsors with their former names",
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
        "Register a sponsor; a promise registers the sponsor that it names for the first time",
        _CAMPAIGNS,
        SponsorName,
        _create,
        example={"name": "Example Foundation"},
    ),
    Command(
        "sponsor.rename",
        f"{_PATH}/rename",
        "Rename a sponsor",
        _CAMPAIGNS,
        SponsorName,
        _rename,
        example={"name": "Example Family Foundation"},
    ),
    Command(
        "sponsor.disable",
        f"{_PATH}/disable",
        "Refuse new promises of a sponsor; existing ones stay in force",
        _CAMPAIGNS,
        EmptyBody,
        _disable,
    ),
    Command(
        "sponsor.enable",
        f"{_PATH}/enable",
        "Accept new promises of a disabled sponsor again",
        _CAMPAIGNS,
        EmptyBody,
        _enable,
    ),
)
