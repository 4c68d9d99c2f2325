"""Platforms and their keys. No secret is stored: it is derived, shown once to whoever runs the platform.

Every function joins the caller's transaction. After a rotation the old key and the new one both hold, until the old
one is dropped (Standard Webhooks, "Secret rotation").
"""

import base64
import binascii
import re
import secrets
from datetime import datetime
from typing import NamedTuple

from campaigns.catalogue import change
from campaigns.refusals import NotFound, PlatformRefused
from campaigns.signature import derive_secret, show_secret
from sql import Connection, query

PUBLIC_PREFIX = "whpk_"
SALT_BYTES = 16
_PUBLIC_KEY_BYTES = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

_ADD_PLATFORM = query("add_platform")
_FIND_PLATFORM = query("find_platform")
_ADD_PLATFORM_KEY = query("add_platform_key")
_DROP_OLD_KEYS = query("drop_old_keys")
_LIST_PLATFORMS = query("list_platforms")
_LIST_LIVE_KEYS = query("list_live_keys")


class KeyListed(NamedTuple):
    """A key that verifies: its scheme, `v1` or `v1a`, and since when."""

    scheme: str
    added_at: datetime


class PlatformListed(NamedTuple):
    """A platform and its keys, newest first; nothing of a key itself."""

    name: str
    added_at: datetime
    keys: list[KeyListed]


async def add(conn: Connection, name: str, webhook_key: bytes, public_key: str | None = None) -> str:
    """Add a platform; return its secret (`whsec_…`), which nothing shows again.

    With `public_key` (`whpk_…`, Ed25519) it may sign by that key (v1a) too. PlatformRefused: the name is no slug or
    is taken, or the key is none.
    """
    if not _NAME.fullmatch(name):
        raise PlatformRefused("a platform's name is 1 to 63 of a-z, 0-9 and -, no - first")
    material = _read_public_key(public_key) if public_key else None
    await change(conn)
    platform_id = await conn.fetchval(_ADD_PLATFORM, name)
    if platform_id is None:
        raise PlatformRefused(f"there is a platform named {name} already: rotate its secret")
    if material:
        await conn.execute(_ADD_PLATFORM_KEY, platform_id, "v1a", None, material)
    return await _add_secret(conn, platform_id, name, webhook_key)


async def rotate(conn: Connection, name: str, webhook_key: bytes) -> str:
    """Give a platform another secret and return it; the old ones hold until `drop_old`."""
    await change(conn)
    return await _add_secret(conn, await _find(conn, name), name, webhook_key)


async def add_public_key(conn: Connection, name: str, public_key: str) -> None:
    """Let a platform sign by an Ed25519 key (v1a, `whpk_…`) beside what it has."""
    material = _read_public_key(public_key)
    await change(conn)
    await conn.execute(_ADD_PLATFORM_KEY, await _find(conn, name), "v1a", None, material)


async def drop_old(conn: Connection, name: str) -> int:
    """Drop all keys of a platform but the newest of each scheme; return how many were dropped."""
    await change(conn)
    status = await conn.execute(_DROP_OLD_KEYS, await _find(conn, name))
    return int(status.rsplit(" ", 1)[1])


async def listed(conn: Connection) -> list[PlatformListed]:
    """Return every platform with its live keys."""
    keys: dict[int, list[KeyListed]] = {}
    for row in await conn.fetch(_LIST_LIVE_KEYS):
        keys.setdefault(row["platform_id"], []).append(KeyListed(row["scheme"], row["added_at"]))
    rows = await conn.fetch(_LIST_PLATFORMS)
    return [PlatformListed(row["name"], row["added_at"], keys.get(row["platform_id"], [])) for row in rows]


async def _find(conn: Connection, name: str) -> int:
    platform_id = await conn.fetchval(_FIND_PLATFORM, name)
    if platform_id is None:
        raise NotFound(f"there is no platform named {name!r}")
    return int(platform_id)


async def _add_secret(conn: Connection, platform_id: int, name: str, webhook_key: bytes) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    await conn.execute(_ADD_PLATFORM_KEY, platform_id, "v1", salt, None)
    return show_secret(derive_secret(webhook_key, name, salt))


def _read_public_key(text: str) -> bytes:
    try:
        material = base64.b64decode(text.removeprefix(PUBLIC_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        material = b""
    if not text.startswith(PUBLIC_PREFIX) or len(material) != _PUBLIC_KEY_BYTES:
        raise PlatformRefused(f"a public key is {PUBLIC_PREFIX} and {_PUBLIC_KEY_BYTES} bytes in base64 (Ed25519)")
    return material
