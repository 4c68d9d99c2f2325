"""Platforms and their keys. No secret is stored: it is derived, shown once to whoever runs the platform.

Every function joins the caller's transaction. After a rotation the old key and the new one both hold, until the old
one is dropped (Standard Webhooks, "Secret rotation").
"""

import base64
import binascii
import re
import secrets
from datetime import datetime
from typing import Any, NamedTuple

from campaigns.catalogue.cache import lock_and_bump_version
from campaigns.catalogue.webhook_secrets import derive_secret, format_secret
from campaigns.errors import NotFound, PlatformRefused
from sql import Connection, query

PUBLIC_PREFIX = "whpk_"
SALT_BYTES = 16
KEYS_MAX = 10  # of a platform: each delivery is tried with every one
_PUBLIC_KEY_BYTES = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

_ADD_PLATFORM = query("add_platform")
_FIND_PLATFORM = query("find_platform")
_ADD_PLATFORM_KEY = query("add_platform_key")
_REVOKE_OLD_KEYS = query("revoke_old_keys")
_LIST_LIVE_SCHEMES = query("list_live_schemes")
_SET_PLATFORM_DISABLED = query("set_platform_disabled")
_LIST_PLATFORMS = query("list_platforms")


class KeySummary(NamedTuple):
    """A key that verifies: its scheme, `v1` or `v1a`, since when, and when it last did."""

    scheme: str
    added_at: datetime
    last_used_at: datetime | None  # and no newer key of the scheme did so too


class PlatformSummary(NamedTuple):
    """A platform and its keys, newest first; nothing of a key itself."""

    name: str
    added_at: datetime
    disabled_at: datetime | None
    keys: list[KeySummary]


async def add_platform(conn: Connection, name: str, webhook_key: bytes, public_key: str | None = None) -> str:
    """Add a platform; return its secret (`whsec_…`), which nothing shows again.

    With `public_key` (`whpk_…`, Ed25519) it may sign by that key (v1a) too. PlatformRefused: the name is no slug or
    is taken, or the key is none.
    """
    if not _NAME.fullmatch(name):
        raise PlatformRefused("a platform's name is 1 to 63 of a-z, 0-9 and -, no - first")
    material = _decode_public_key(public_key) if public_key else None
    await lock_and_bump_version(conn)
    platform_id = await conn.fetchval(_ADD_PLATFORM, name)
    if platform_id is None:
        raise PlatformRefused(f"there is a platform named {name} already: rotate its secret")
    if material:
        await _add_key(conn, platform_id, "v1a", None, material)
    return await _add_secret(conn, platform_id, name, webhook_key)


async def rotate_secret(conn: Connection, name: str, webhook_key: bytes) -> str:
    """Give a platform another secret and return it; the old ones hold until `drop_old`."""
    await lock_and_bump_version(conn)
    return await _add_secret(conn, await _find_platform_id(conn, name), name, webhook_key)


async def add_public_key(conn: Connection, name: str, public_key: str) -> None:
    """Let a platform sign by an Ed25519 key (v1a, `whpk_…`) beside what it has."""
    material = _decode_public_key(public_key)
    await lock_and_bump_version(conn)
    await _add_key(conn, await _find_platform_id(conn, name), "v1a", None, material)


async def drop_old_keys(conn: Connection, name: str) -> int:
    """Drop all keys of a platform but the newest of each scheme; return how many were dropped."""
    await lock_and_bump_version(conn)
    status = await conn.execute(_REVOKE_OLD_KEYS, await _find_platform_id(conn, name))
    return int(status.rsplit(" ", 1)[1])


async def set_disabled_at(conn: Connection, name: str, disabled_at: datetime | None) -> bool:
    """Refuse a platform's deliveries from now on as if nobody knew it; None: take them again.

    Returns whether it was disabled before; one that was stays so since then.
    """
    await lock_and_bump_version(conn)
    found = await _find_platform_row(conn, name)
    was_disabled = found["disabled_at"] is not None
    if was_disabled != (disabled_at is not None):
        await conn.execute(_SET_PLATFORM_DISABLED, found["platform_id"], disabled_at)
    return was_disabled


async def live_key_schemes(conn: Connection, name: str) -> list[str]:
    """Return the schemes of a platform's keys that hold, oldest first. NotFound: there is no such platform."""
    return [row["scheme"] for row in await conn.fetch(_LIST_LIVE_SCHEMES, await _find_platform_id(conn, name))]


async def list_platforms(
    conn: Connection, after: str | None = None, limit: int | None = None
) -> list[PlatformSummary]:
    """Return the platforms by name with their live keys, those after one, so many; None: all."""
    return [_platform_from_row(row) for row in await conn.fetch(_LIST_PLATFORMS, after, limit)]


def _platform_from_row(row: Any) -> PlatformSummary:
    keys = [KeySummary(*key) for key in zip(row["schemes"], row["added"], row["last_used"], strict=False)]
    return PlatformSummary(row["name"], row["added_at"], row["disabled_at"], keys)


async def _find_platform_id(conn: Connection, name: str) -> int:
    return int((await _find_platform_row(conn, name))["platform_id"])


async def _find_platform_row(conn: Connection, name: str) -> Any:
    row = await conn.fetchrow(_FIND_PLATFORM, name) if _NAME.fullmatch(name) else None
    if row is None:
        raise NotFound(f"there is no platform named {name!r}")
    return row


async def _add_secret(conn: Connection, platform_id: int, name: str, webhook_key: bytes) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    await _add_key(conn, platform_id, "v1", salt, None)
    return format_secret(derive_secret(webhook_key, name, salt))


async def _add_key(
    conn: Connection, platform_id: int, scheme: str, salt: bytes | None, public_key: bytes | None
) -> None:
    """PlatformRefused where it has as many as may be; the catalogue's lock keeps others from adding meanwhile."""
    if len(await conn.fetch(_LIST_LIVE_SCHEMES, platform_id)) >= KEYS_MAX:
        raise PlatformRefused(f"it has {KEYS_MAX} keys that hold: drop the old ones first")
    await conn.execute(_ADD_PLATFORM_KEY, platform_id, scheme, salt, public_key)


def _decode_public_key(text: str) -> bytes:
    try:
        material = base64.b64decode(text.removeprefix(PUBLIC_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        material = b""
    if not text.startswith(PUBLIC_PREFIX) or len(material) != _PUBLIC_KEY_BYTES:
        raise PlatformRefused(f"a public key is {PUBLIC_PREFIX} and {_PUBLIC_KEY_BYTES} bytes in base64 (Ed25519)")
    return material
