"""The register of charities and their bank accounts.

An account changes only here, promises refer to it. Every function joins the caller's transaction.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import rfc8785
from pydantic import TypeAdapter

from campaigns.catalogue.account_mask import mask_account
from campaigns.errors import FieldError, NotFound, PromiseRefused, RegisterRefused, printable
from campaigns.promise.bank_account import BankAccount, is_masked
from campaigns.promise.model import Beneficiary, LocalizedText, PromiseTerms
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


class Charity(NamedTuple):
    """A registered charity."""

    slug: str
    name: LocalizedText
    account: BankAccount
    added_at: datetime
    disabled_at: datetime | None


async def add_charity(conn: Connection, slug: str, name: LocalizedText, account: BankAccount) -> None:
    """Register a charity. Raises RegisterRefused if the slug is taken."""
    if not await conn.fetch(_ADD_CHARITIES, [slug], [name.zh], [name.en], [_canonical_account(account)]):
        raise RegisterRefused("charity_exists", slug=slug)


async def ensure_charities(conn: Connection, beneficiaries: Sequence[Beneficiary]) -> None:
    """Register the missing charities of new terms; lock all of them until the transaction ends.

    Raises PromiseRefused if a charity is disabled, or registered with another account.
    """
    rows = [(b.charity, b.name.zh, b.name.en, _canonical_account(b.account)) for b in beneficiaries]
    await conn.execute(_ADD_CHARITIES, *map(list, zip(*rows, strict=True)))
    registered = {
        row["charity"]: _charity_from_row(row)
        for row in await conn.fetch(_LOCK_CHARITIES_SHARED, [b.charity for b in beneficiaries])
    }
    checks = (beneficiary_error(index, b, registered[b.charity]) for index, b in enumerate(beneficiaries))
    if errors := [error for error in checks if error]:
        raise PromiseRefused(errors)


async def complete_accounts(conn: Connection, terms: PromiseTerms) -> PromiseTerms:
    """Return terms in which each masked account is replaced by the registered one.

    So a person who must not see account numbers can change terms. Raises PromiseRefused if the
    register has no such account.
    """
    masked = [b.charity for b in terms.beneficiaries if is_masked(b.account)]
    if not masked:
        return terms
    accounts = {slug: _ACCOUNT.validate_python(a) for slug, a in (await accounts_by_charity(conn, masked)).items()}
    completed = [complete_account(b, accounts.get(b.charity)) for b in terms.beneficiaries]
    errors = [
        FieldError(f"terms.beneficiaries.{index}.account", "account_is_not_registered", {"slug": b.charity})
        for index, b in enumerate(completed)
        if is_masked(b.account)
    ]
    if errors:
        raise PromiseRefused(errors)
    return terms.model_copy(update={"beneficiaries": completed})


def complete_account(beneficiary: Beneficiary, registered: BankAccount | None) -> Beneficiary:
    """Return a beneficiary with the registered account if its masked account is that one. Pure."""
    if registered is None or not is_masked(beneficiary.account):
        return beneficiary
    is_same = mask_account(account_json(registered)) == account_json(beneficiary.account)
    return beneficiary.model_copy(update={"account": registered}) if is_same else beneficiary


def beneficiary_error(index: int, beneficiary: Beneficiary, charity: Charity) -> FieldError | None:
    """Return why new terms cannot name the charity like this, or None if they can. Pure."""
    path = f"terms.beneficiaries.{index}"
    if charity.disabled_at is not None:
        return FieldError(f"{path}.charity", "beneficiary_disabled", {"slug": charity.slug})
    if beneficiary.account != charity.account:
        return FieldError(f"{path}.account", "beneficiary_account_differs", {"slug": charity.slug})
    return None


async def lock_charity(conn: Connection, slug: str) -> Charity:
    """Return a charity, locked until the transaction ends.

    Raises NotFound if the slug is unknown.
    """
    row = await conn.fetchrow(_LOCK_CHARITY, slug) if _SLUG.fullmatch(slug) else None
    if row is None:
        raise NotFound("charity_not_found", slug=printable(slug))
    return _charity_from_row(row)


async def list_charities(conn: Connection, after: str | None = None, limit: int | None = None) -> list[Charity]:
    """Return at most `limit` charities by slug, starting after the slug `after`; None: no bound."""
    return [_charity_from_row(row) for row in await conn.fetch(_LIST_CHARITIES, after, limit)]


async def accounts_by_charity(conn: Connection, slugs: Sequence[str]) -> dict[str, Any]:
    """Return the accounts of charities as JSON objects, by slug."""
    return {row["charity"]: orjson.loads(row["account"]) for row in await conn.fetch(_LIST_CHARITY_ACCOUNTS, slugs)}


async def rename_charity(conn: Connection, slug: str, name: LocalizedText) -> None:
    """Rename a charity. Promises keep the name that they were made with."""
    await conn.execute(_RENAME_CHARITY, slug, name.zh, name.en)


async def set_disabled_at(conn: Connection, slug: str, disabled_at: datetime | None) -> None:
    """Disable a charity for new promises and terms; None enables it again.

    What it has earned is still paid.
    """
    await conn.execute(_SET_CHARITY_DISABLED, slug, disabled_at)


async def update_account(conn: Connection, slug: str, account: BankAccount) -> None:
    """Store another account.

    The caller adds terms with it to every open campaign that names the charity.
    """
    await conn.execute(_SET_CHARITY_ACCOUNT, slug, _canonical_account(account))


def account_json(account: BankAccount) -> dict[str, Any]:
    """Return an account as a JSON object. Pure."""
    fields: dict[str, Any] = account.model_dump(mode="json", exclude_none=True)
    return fields


def _canonical_account(account: BankAccount) -> str:
    return rfc8785.dumps(account_json(account)).decode()


def _charity_from_row(row: Any) -> Charity:
    account = _ACCOUNT.validate_json(row["account"])
    name = LocalizedText(zh=row["name_zh"], en=row["name_en"])
    return Charity(row["charity"], name, account, row["added_at"], row["disabled_at"])
