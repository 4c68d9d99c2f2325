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

from campaigns.errors import Fault, NotFound, PromiseRefused, RegisterRefused
from campaigns.promise.model import Account, Beneficiary, IbanAccount, Words
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
_ACCOUNT: TypeAdapter[Account] = TypeAdapter(Account)
_SHOWN_CHARS = 4  # of an account that is masked


class Charity(NamedTuple):
    """A charity as it is registered."""

    slug: str
    name: Words
    account: Account
    added_at: datetime
    disabled_at: datetime | None


async def add(conn: Connection, slug: str, name: Words, account: Account) -> None:
    """Register a charity. RegisterRefused: there is one of that slug."""
    if not await conn.fetch(_ADD_CHARITIES, [slug], [name.zh], [name.en], [_text(account)]):
        raise RegisterRefused(f"there is a charity {slug} already: change it")


async def admit(conn: Connection, beneficiaries: Sequence[Beneficiary]) -> None:
    """Register the charities of new terms that are not yet, and keep the others as they are until the end.

    PromiseRefused: one is disabled, or registered with another account.
    """
    rows = [(b.charity, b.name.zh, b.name.en, _text(b.account)) for b in beneficiaries]
    await conn.execute(_ADD_CHARITIES, *map(list, zip(*rows, strict=True)))
    known = {
        row["charity"]: _read(row)
        for row in await conn.fetch(_LOCK_CHARITIES_SHARED, [b.charity for b in beneficiaries])
    }
    found = [why_not(place, b, known[b.charity]) for place, b in enumerate(beneficiaries)]
    if faults := [fault for fault in found if fault]:
        raise PromiseRefused(faults)


def why_not(place: int, named: Beneficiary, known: Charity) -> Fault | None:
    """Return why new terms cannot name a charity so; None: they can. Pure."""
    path = f"terms.beneficiaries.{place}"
    if known.disabled_at is not None:
        return Fault(f"{path}.charity", f"{known.slug} is disabled: leave it out, or enable it first")
    if named.account != known.account:
        reason = f"{known.slug} is registered with another account: change it with `charity account`"
        return Fault(f"{path}.account", reason)
    return None


async def find(conn: Connection, slug: str) -> Charity:
    """Return a charity, locked until the caller's transaction ends. NotFound: there is none."""
    row = await conn.fetchrow(_LOCK_CHARITY, slug) if _SLUG.fullmatch(slug) else None
    if row is None:
        raise NotFound(f"there is no charity {slug!r}")
    return _read(row)


async def listed(conn: Connection, after: str | None = None, limit: int | None = None) -> list[Charity]:
    """Return the charities by slug, those after one, so many; None: all."""
    return [_read(row) for row in await conn.fetch(_LIST_CHARITIES, after, limit)]


async def accounts(conn: Connection, slugs: Sequence[str]) -> dict[str, Any]:
    """Return where the money of charities goes, each account as JSON has it."""
    return {row["charity"]: orjson.loads(row["account"]) for row in await conn.fetch(_LIST_CHARITY_ACCOUNTS, slugs)}


async def rename(conn: Connection, slug: str, name: Words) -> None:
    """Call a charity something else; what was promised keeps the name that it was promised under."""
    await conn.execute(_RENAME_CHARITY, slug, name.zh, name.en)


async def disable(conn: Connection, slug: str, since: datetime | None) -> None:
    """Let no new promise or terms name a charity; None: let them again. What it has coming is paid."""
    await conn.execute(_SET_CHARITY_DISABLED, slug, since)


async def keep_account(conn: Connection, slug: str, account: Account) -> None:
    """Write down another account; whoever calls this gives the campaigns that name the charity new terms too."""
    await conn.execute(_SET_CHARITY_ACCOUNT, slug, _text(account))


def shown(account: Account) -> dict[str, Any]:
    """Return an account as JSON has it. Pure."""
    said: dict[str, Any] = account.model_dump(mode="json", exclude_none=True)
    return said


def masked(account: Account) -> dict[str, Any]:
    """Return an account by which whoever knows it knows it again, and nobody else can pay to it. Pure."""
    if isinstance(account, IbanAccount):
        return {"iban": _masked(account.iban)}
    return {"scheme": account.scheme, "id": _masked(account.id)}


def _masked(number: str) -> str:
    return f"…{number[-_SHOWN_CHARS:]}" if len(number) > 2 * _SHOWN_CHARS else "…"


def _text(account: Account) -> str:
    return rfc8785.dumps(shown(account)).decode()


def _read(row: Any) -> Charity:
    account = _ACCOUNT.validate_json(row["account"])
    name = Words(zh=row["name_zh"], en=row["name_en"])
    return Charity(row["charity"], name, account, row["added_at"], row["disabled_at"])
