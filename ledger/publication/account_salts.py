"""The salts of bank accounts: stored once for each number, shown to finance and auditors only."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from ledger.log.account_hash import account_number
from sql import Connection, query

SALT_BYTES = 16

_LIST_ACCOUNT_SALTS = query("list_account_salts")
_ADD_ACCOUNT_SALTS = query("add_account_salts")


async def list_salts(conn: Connection, numbers: Iterable[str]) -> dict[str, str]:
    """Return the stored salts (32 hexadecimal digits) of account numbers, by number."""
    rows = await conn.fetch(_LIST_ACCOUNT_SALTS, list(numbers))
    return {row["number"]: row["salt"] for row in rows}


async def ensure_salts(conn: Connection, accounts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the salt of each account by its number; an account without one gets one.

    Joins the caller's transaction.
    """
    numbers = sorted({account_number(account) for account in accounts})
    salts = await list_salts(conn, numbers)
    missing = [number for number in numbers if number not in salts]
    if not missing:
        return salts
    await conn.execute(_ADD_ACCOUNT_SALTS, missing, [secrets.token_hex(SALT_BYTES) for _ in missing])
    return await list_salts(conn, numbers)  # another transaction may have stored one meanwhile
