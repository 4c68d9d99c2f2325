"""Charities: who they are and where their money goes. Promises name them; an account changes here and nowhere else.

Every function joins the caller's transaction.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import rfc8785
from pydantic import TypeAdapter

from campaigns.errors import FieldError, NotFound, PromiseRefused, RegisterRefused
from campaigns.promise.model import BankAccount, Beneficiary, IbanAccount, LocalizedText
from sql import Connection, query

_ADD_CHARITIES = query("add_charities")
_LOCK_CHARITIES_SHARED = query("lock_charities_shared")
_LOCK_CHARITY = query("lock_charity")
_LIST_CHARITY_ACCOUNTS = query("list_charity_accounts")
_LIST_CHARITIES = query("list_charities")
_RENAME_CHARITY = query("rename_charity")
_SET_CHARITY_DISABLED = query("set_charity_disabled")
_SET_CHARITY_ACCOUNT = query("set_charity_account")

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ACCOUNT: TypeAdapter[BankAccount] = TypeAdapter(BankAccount)
_VISIBLE_CHARS = 4  # of an account that is masked


class Charity(NamedTuple):
    """A charity as it is registered."""

    slug: str
    name: LocalizedText
    account: BankAccount
    added_at: datetime
    disabled_at: datetime | None


async def add_charity(conn: Connection, slug: str, name: LocalizedText, account: BankAccount) -> None:
    """Register a charity. RegisterRefused: there is one of that slug."""
    if not await conn.fetch(_ADD_CHARITIES, [slug], [name.zh], [name.en], [_canonical_account(account)]):
        raise RegisterRefused(f"there is a charity {slug} already: change it")


async def ensure_charities(conn: Connection, beneficiaries: Sequence[Beneficiary]) -> None:
    """Register the charities of new terms that are not yet, and keep the others as they are until the end.

    PromiseRefused: one is disabled, or registered with another account.
    """
    rows = [(b.charity, b.name.zh, b.name.en, _canonical_account(b.account)) for b in beneficiaries]
    await conn.execute(_ADD_CHARITIES, *map(list, zip(*rows, strict=True)))
    known = {
        row["charity"]: _charity_from_row(row)
        for row in await conn.fetch(_LOCK_CHARITIES_SHARED, [b.charity for b in beneficiaries])
    }
    found = [beneficiary_error(place, b, known[b.charity]) for place, b in enumerate(beneficiaries)]
    if faults := [fault for fault in found if fault]:
        raise PromiseRefused(faults)


def beneficiary_error(index: int, beneficiary: Beneficiary, charity: Charity) -> FieldError | None:
    """Return why new terms cannot name a charity so; None: they can. Pure."""
    path = f"terms.beneficiaries.{index}"
    if charity.disabled_at is not None:
        return FieldError(f"{path}.charity", f"{charity.slug} is disabled: leave it out, or enable it first")
    if beneficiary.account != charity.account:
        reason = f"{charity.slug} is registered with another account: change it with `charity account`"
        return FieldError(f"{path}.account", reason)
    return None


async def lock_charity(conn: Connection, slug: str) -> Charity:
    """Return a charity, locked until the caller's transaction ends. NotFound: there is none."""
    row = await conn.fetchrow(_LOCK_CHARITY, slug) if _SLUG.fullmatch(slug) else None
    if row is None:
        raise NotFound(f"there is no charity {slug!r}")
    return _charity_from_row(row)


async def list_charities(conn: Connection, after: str | None = None, limit: int | None = None) -> list[Charity]:
    """Return the charities by slug, those after one, so many; None: all."""
    return [_charity_from_row(row) for row in await conn.fetch(_LIST_CHARITIES, after, limit)]


async def accounts_by_charity(conn: Connection, slugs: Sequence[str]) -> dict[str, Any]:
    """Return where the money of charities goes, each account as JSON has it."""
    return {row["charity"]: orjson.loads(row["account"]) for row in await conn.fetch(_LIST_CHARITY_ACCOUNTS, slugs)}


async def rename_charity(conn: Connection, slug: str, name: LocalizedText) -> None:
    """Call a charity something else; what was promised keeps the name that it was promised under."""
    await conn.execute(_RENAME_CHARITY, slug, name.zh, name.en)


async def set_disabled_at(conn: Connection, slug: str, disabled_at: datetime | None) -> None:
    """Let no new promise or terms name a charity; None: let them again. What it has coming is paid."""
    await conn.execute(_SET_CHARITY_DISABLED, slug, disabled_at)


async def update_account(conn: Connection, slug: str, account: BankAccount) -> None:
    """Write down another account; whoever calls this gives the campaigns that name the charity new terms too."""
    await conn.execute(_SET_CHARITY_ACCOUNT, slug, _canonical_account(account))


def account_json(account: BankAccount) -> dict[str, Any]:
    """Return an account as JSON has it. Pure."""
    said: dict[str, Any] = account.model_dump(mode="json", exclude_none=True)
    return said


def mask_account(account: BankAccount) -> dict[str, Any]:
    """Return an account by which whoever knows it knows it again, and nobody else can pay to it. Pure."""
    if isinstance(account, IbanAccount):
        return {"iban": _mask_number(account.iban)}
    return {"scheme": account.scheme, "id": _mask_number(account.id)}


def _mask_number(number: str) -> str:
    return f"…{number[-_VISIBLE_CHARS:]}" if len(number) > 2 * _VISIBLE_CHARS else "…"


def _canonical_account(account: BankAccount) -> str:
    return rfc8785.dumps(account_json(account)).decode()


def _charity_from_row(row: Any) -> Charity:
    account = _ACCOUNT.validate_json(row["account"])
    name = LocalizedText(zh=row["name_zh"], en=row["name_en"])
    return Charity(row["charity"], name, account, row["added_at"], row["disabled_at"])
