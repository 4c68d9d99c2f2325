"""Commands about charities: registered, called something else, disabled, paid to another account."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue import charities
from campaigns.catalogue.charities import Charity
from campaigns.catalogue.charity_account import change_account
from campaigns.promise.model import Account, Slug, Words
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import Asked, Command, Desk, Done, Nothing
from ops.admin.core.pagination import Listing, Query, name

ACCOUNT_HOLD = timedelta(days=1)  # time for whoever sees the audit to say that it was not the charity who asked

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_FINANCE: frozenset[Role] = frozenset({"finance"})
_SEE_ACCOUNTS: frozenset[str] = frozenset({"finance", "auditor", "owner", "operator"})
_NAME = {"zh": "山村图书室", "en": "Mountain Reading Rooms"}
_ACCOUNT = {"scheme": "other", "id": "6222020200112233999"}


class NewCharity(Asked):
    """Who it is and where its money goes."""

    charity: Annotated[Slug, Field(description="as promises name it")]
    name: Words
    account: Account


class NewName(Asked):
    """What it is called from now on; what was promised keeps the name that it was promised under."""

    name: Words


class NewAccount(Asked):
    """Where its money goes from now on."""

    account: Account


async def _create(desk: Desk, _: str, asked: NewCharity) -> Done:
    await charities.add(desk.conn, asked.charity, asked.name, asked.account)
    after = {"charity": asked.charity, "name": asked.name.model_dump(), "account": charities.shown(asked.account)}
    return Done(f"charity/{asked.charity}", None, after)


async def _change(desk: Desk, slug: str, asked: NewName) -> Done:
    before = await charities.find(desk.conn, slug)
    await charities.rename(desk.conn, slug, asked.name)
    return Done(f"charity/{slug}", {"name": before.name.model_dump()}, {"name": asked.name.model_dump()})


async def _disable(desk: Desk, slug: str, _: Nothing) -> Done:
    was = (await charities.find(desk.conn, slug)).disabled_at
    if was is None:
        await charities.disable(desk.conn, slug, desk.now)
    return Done(f"charity/{slug}", {"is_disabled": was is not None}, {"is_disabled": True})


async def _enable(desk: Desk, slug: str, _: Nothing) -> Done:
    was = (await charities.find(desk.conn, slug)).disabled_at
    await charities.disable(desk.conn, slug, None)
    return Done(f"charity/{slug}", {"is_disabled": was is not None}, {"is_disabled": False})


async def _change_account(desk: Desk, slug: str, asked: NewAccount) -> Done:
    """Nothing of the campaigns is told: which of them name the charity may change while this is held."""
    before = await change_account(desk.conn, slug, asked.account, desk.now, pseudonym_key=desk.keys.pseudonym)
    told = {"account": charities.shown(before.account)}, {"account": charities.shown(asked.account)}
    second = None if before.account == asked.account else "another bank account"
    return Done(f"charity/{slug}", *told, second=second, hold=ACCOUNT_HOLD)


class ShownCharity(TypedDict):
    """A charity; its account is masked for roles that have nothing to do with money."""

    charity: str
    name: dict[str, str]
    account: dict[str, str]
    added_at: str
    is_disabled: bool
    disabled_at: str | None


def shown(own: Charity, role: str) -> ShownCharity:
    """Return a charity as it is shown to a role."""
    return {
        "charity": own.slug,
        "name": own.name.model_dump(),
        "account": (charities.shown if role in _SEE_ACCOUNTS else charities.masked)(own.account),
        "added_at": own.added_at.isoformat(),
        "is_disabled": own.disabled_at is not None,
        "disabled_at": own.disabled_at.isoformat() if own.disabled_at else None,
    }


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    (after,) = asked.after or (None,)
    return [shown(own, desk.actor.role) for own in await charities.listed(desk.conn, after, asked.limit)]


CHARITIES = Listing(
    "charities",
    "/charities",
    "The charities and where their money goes",
    frozenset(ROLES),
    {},
    _list,
    lambda row: (row["charity"],),
    (name,),
    ShownCharity,
)

_PLACE = "/charities/{charity}"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "charity.create",
        "/charities",
        "Register a charity; one that a promise names first is registered with it",
        _CAMPAIGNS | _FINANCE,
        NewCharity,
        _create,
        example={"charity": "mountain-reading", "name": _NAME, "account": _ACCOUNT},
    ),
    Command(
        "charity.change",
        f"{_PLACE}/change",
        "Call a charity something else",
        _CAMPAIGNS,
        NewName,
        _change,
        example={"name": _NAME},
    ),
    Command(
        "charity.disable",
        f"{_PLACE}/disable",
        "Let no new promise or terms name a charity; what it has coming is paid",
        _CAMPAIGNS | _FINANCE,
        Nothing,
        _disable,
    ),
    Command(
        "charity.enable",
        f"{_PLACE}/enable",
        "Let promises name a disabled charity again",
        _CAMPAIGNS | _FINANCE,
        Nothing,
        _enable,
    ),
    Command(
        "charity.account",
        f"{_PLACE}/account",
        "Pay a charity to another account: a second person agrees, and it is held for a day",
        _FINANCE,
        NewAccount,
        _change_account,
        approvers=_FINANCE,
        example={"account": _ACCOUNT},
    ),
)
