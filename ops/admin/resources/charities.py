"""Charities: the list, and commands that register, rename and disable one or change its account."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue import charities
from campaigns.catalogue.account_mask import mask_account
from campaigns.catalogue.charities import Charity
from campaigns.catalogue.charity_account import change_account
from campaigns.promise.bank_account import FullBankAccount
from campaigns.promise.model import LocalizedText, Slug
from ledger.log.account_hash import account_number, hash_account
from ledger.publication.account_salts import list_salts
from ops.admin.core.actor import FINANCE_READERS, ROLES, Actor, Role
from ops.admin.core.command import (
    Command,
    CommandBody,
    CommandContext,
    CommandResult,
    EmptyBody,
    is_allowed,
)
from ops.admin.core.pagination import ListEndpoint, ListQuery, parse_name
from sql import Connection

ACCOUNT_HOLD = timedelta(
    days=1
)  # time for readers of the audit log to notice a change that the charity did not ask for

_CAMPAIGNS: frozenset[Role] = frozenset({"campaigns"})
_FINANCE: frozenset[Role] = frozenset({"finance"})
_EXAMPLE_NAME = {"zh": "山村图书室", "en": "Mountain Reading Rooms"}
_EXAMPLE_ACCOUNT = {"scheme": "other", "id": "6222020200112233999"}


class NewCharity(CommandBody):
    """The charity's name and bank account."""

    charity: Annotated[Slug, Field(description="its name in promises")]
    name: LocalizedText
    account: FullBankAccount


class NewName(CommandBody):
    """The new name; existing promises keep the name that they were made under."""

    name: LocalizedText


class NewAccount(CommandBody):
    """The account for its payouts from now on."""

    account: FullBankAccount


async def _create(context: CommandContext, _: str, body: NewCharity) -> CommandResult:
    await charities.add_charity(context.conn, body.charity, body.name, body.account)
    after = {"charity": body.charity, "name": body.name.model_dump(), "account": charities.account_json(body.account)}
    return CommandResult(f"charity/{body.charity}", None, after)


async def _rename(context: CommandContext, slug: str, body: NewName) -> CommandResult:
    before = await charities.lock_charity(context.conn, slug)
    await charities.rename_charity(context.conn, slug, body.name)
    return CommandResult(f"charity/{slug}", {"name": before.name.model_dump()}, {"name": body.name.model_dump()})


async def _disable(context: CommandContext, slug: str, _: EmptyBody) -> CommandResult:
    disabled_at = (await charities.lock_charity(context.conn, slug)).disabled_at
    if disabled_at is None:
        await charities.set_disabled_at(context.conn, slug, context.now)
    return CommandResult(f"charity/{slug}", {"is_disabled": disabled_at is not None}, {"is_disabled": True})


async def _enable(context: CommandContext, slug: str, _: EmptyBody) -> CommandResult:
    disabled_at = (await charities.lock_charity(context.conn, slug)).disabled_at
    await charities.set_disabled_at(context.conn, slug, None)
    return CommandResult(f"charity/{slug}", {"is_disabled": disabled_at is not None}, {"is_disabled": False})


async def _change_account(context: CommandContext, slug: str, body: NewAccount) -> CommandResult:
    """Show no campaigns: those that name the charity may change during the hold."""
    before = await change_account(context.conn, slug, body.account, context.now, pseudonym_key=context.keys.pseudonym)
    reason = None if before.account == body.account else "another bank account"
    return CommandResult(
        f"charity/{slug}",
        {"account": charities.account_json(before.account)},
        {"account": charities.account_json(body.account)},
        approval_reason=reason,
        hold=ACCOUNT_HOLD,
    )


class CharityView(TypedDict):
    """A charity; only finance and auditors see its account's number, salt and hash.

    The hash stands in the public log: SHA-256 over the number followed by the salt.
    """

    charity: str
    name: dict[str, str]
    account: dict[str, str]
    account_salt: str | None
    account_sha256: str | None
    added_at: str
    is_disabled: bool
    disabled_at: str | None


async def charity_views(conn: Connection, actor: Actor, page: Sequence[Charity]) -> list[CharityView]:
    """Return charities as JSON, with account numbers only for those who may see them."""
    if not is_allowed(actor, FINANCE_READERS):
        return [charity_view(charity, None) for charity in page]
    salts = await list_salts(conn, [account_number(charities.account_json(c.account)) for c in page])
    return [charity_view(charity, salts) for charity in page]


def charity_view(charity: Charity, salts: Mapping[str, str] | None) -> CharityView:
    """Return a charity as JSON; `salts` are by account number, None masks the account. Pure.

    An account has a salt since its first leaf.
    """
    account = charities.account_json(charity.account)
    salt = None if salts is None else salts.get(account_number(account))
    return {
        "charity": charity.slug,
        "name": charity.name.model_dump(),
        "account": mask_account(account) if salts is None else account,
        "account_salt": salt,
        "account_sha256": hash_account(account, salts) if salts and salt else None,
        "added_at": charity.added_at.isoformat(),
        "is_disabled": charity.disabled_at is not None,
        "disabled_at": charity.disabled_at.isoformat() if charity.disabled_at else None,
    }


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    (after,) = list_query.after or (None,)
    page = await charities.list_charities(context.conn, after, list_query.limit)
    return list(await charity_views(context.conn, context.actor, page))


CHARITIES = ListEndpoint(
    "charities",
    "/charities",
    "The charities and their bank accounts",
    frozenset(ROLES),
    {},
    _list,
    lambda row: (row["charity"],),
    (parse_name,),
    CharityView,
)

_PATH = "/charities/{charity}"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "charity.create",
        "/charities",
        "Register a charity; a promise registers the charities that it names for the first time",
        _CAMPAIGNS | _FINANCE,
        NewCharity,
        _create,
        example={"charity": "mountain-reading", "name": _EXAMPLE_NAME, "account": _EXAMPLE_ACCOUNT},
    ),
    Command(
        "charity.rename",
        f"{_PATH}/rename",
        "Rename a charity",
        _CAMPAIGNS,
        NewName,
        _rename,
        example={"name": _EXAMPLE_NAME},
    ),
    Command(
        "charity.disable",
        f"{_PATH}/disable",
        "Refuse new promises and terms that name a charity; amounts due to it are still paid",
        _CAMPAIGNS | _FINANCE,
        EmptyBody,
        _disable,
    ),
    Command(
        "charity.enable",
        f"{_PATH}/enable",
        "Accept new promises that name a disabled charity again",
        _CAMPAIGNS | _FINANCE,
        EmptyBody,
        _enable,
    ),
    Command(
        "charity.account",
        f"{_PATH}/account",
        "Change a charity's bank account; a second person approves, and it takes effect a day later",
        _FINANCE,
        NewAccount,
        _change_account,
        approvers=_FINANCE,
        example={"account": _EXAMPLE_ACCOUNT},
    ),
)
