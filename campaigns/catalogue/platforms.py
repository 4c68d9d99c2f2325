"""The register of platforms and their keys. No secret is stored: it is derived, and shown once.

Every function joins the caller's transaction. After a rotation the old key and the new one are both
live, until the old one is revoked (Standard Webhooks, "Secret rotation").
"""

import base64
import binascii
import re
import secrets
from datetime import datetime
from typing import Any, NamedTuple

from campaigns.catalogue.cache import lock_and_bump_version
from campaigns.catalogue.webhook_secrets import derive_secret, format_secret
from campaigns.errors import NotFound, PlatformRefused, printable
from sql import Connection, query, rows_affected

PUBLIC_PREFIX = "whpk_"
SALT_BYTES = 16
KEYS_MAX = 10  # per platform: intake tries each of them on a delivery
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
    """A live key: its scheme (`v1` or `v1a`), when it was added and when it last verified."""

    scheme: str
    added_at: datetime
    last_used_at: datetime | None  # and no newer key of the scheme verified the same delivery


class PlatformSummary(NamedTuple):
    """A platform and its live keys, newest first, without key material."""

    name: str
    added_at: datetime
    disabled_at: datetime | None
    keys: list[KeySummary]


async def add_platform(conn: Connection, name: str, webhook_key: bytes, public_key: str | None = None) -> str:
    """Add a platform; return its secret (`whsec_…`), which is never shown again.

    With `public_key` (`whpk_…`, Ed25519) the platform may also sign with that key (v1a). Raises
    PlatformRefused if the name is not a slug or is taken, or if the public key is malformed.
    """
    if not _NAME.fullmatch(name):
        raise PlatformRefused("platform_name_malformed")
    material = _decode_public_key(public_key) if public_key else None
    await lock_and_bump_version(conn)
    platform_id = await conn.fetchval(_ADD_PLATFORM, name)
    if platform_id is None:
        raise PlatformRefused("platform_exists", name=name)
    if material:
        await _add_key(conn, platform_id, "v1a", None, material)
    return await _add_secret(conn, platform_id, name, webhook_key)


async def rotate_secret(conn: Connection, name: str, webhook_key: bytes) -> str:
    """Add another secret to a platform and return it.

    The old ones stay live until `drop_old_keys`.
    """
    await lock_and_bump_version(conn)
    return await _add_secret(conn, await _find_platform_id(conn, name), name, webhook_key)


async def add_public_key(conn: Connection, name: str, public_key: str) -> None:
    """Let a platform also sign with an Ed25519 key (v1a, `whpk_…`).

    Raises PlatformRefused if it is malformed.
    """
    material = _decode_public_key(public_key)
    await lock_and_bump_version(conn)
    await _add_key(conn, await _find_platform_id(conn, name), "v1a", None, material)


async def drop_old_keys(conn: Connection, name: str) -> int:
    """Revoke all keys of a platform but the newest of each scheme; return the number revoked."""
    await lock_and_bump_version(conn)
    return rows_affected(await conn.execute(_REVOKE_OLD_KEYS, await _find_platform_id(conn, name)))


async def set_disabled_at(conn: Connection, name: str, disabled_at: datetime | None) -> bool:
    """Reject a platform's deliveries from now on, as if it were unknown; None accepts them again.

    Returns whether the platform was disabled before; a disabled one keeps its first `disabled_at`.
    """
    await lock_and_bump_version(conn)
    platform = await _find_platform_row(conn, name)
    was_disabled = platform["disabled_at"] is not None
    if was_disabled != (disabled_at is not None):
        await conn.execute(_SET_PLATFORM_DISABLED, platform["platform_id"], disabled_at)
    return was_disabled


async def live_key_schemes(conn: Connection, name: str) -> list[str]:
    """Return the schemes of a platform's live keys, oldest first.

    Raises NotFound if the name is unknown.
    """
    return [row["scheme"] for row in await conn.fetch(_LIST_LIVE_SCHEMES, await _find_platform_id(conn, name))]


async def list_platforms(
    conn: Connection, after: str | None = None, limit: int | None = None
) -> list[PlatformSummary]:
    """Return at most `limit` platforms by name, starting after the name `after`; None: no bound."""
    return [_platform_from_row(row) for row in await conn.fetch(_LIST_PLATFORMS, after, limit)]


def _platform_from_row(row: Any) -> PlatformSummary:
    keys = [KeySummary(*key) for key in zip(row["schemes"], row["added"], row["last_used"], strict=False)]
    return PlatformSummary(row["name"], row["added_at"], row["disabled_at"], keys)


async def _find_platform_id(conn: Connection, name: str) -> int:
    return int((await _find_platform_row(conn, name))["platform_id"])


async def _find_platform_row(conn: Connection, name: str) -> Any:
    row = await conn.fetchrow(_FIND_PLATFORM, name) if _NAME.fullmatch(name) else None
    if row is None:
        raise NotFound("platform_not_found", name=printable(name))
    return row


async def _add_secret(conn: Connection, platform_id: int, name: str, webhook_key: bytes) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    await _add_key(conn, platform_id, "v1", salt, None)
    return format_secret(derive_secret(webhook_key, name, salt))


async def _add_key(
    conn: Connection, platform_id: int, scheme: str, salt: bytes | None, public_key: bytes | None
) -> None:
    """Store a key. Raises PlatformRefused at `KEYS_MAX` live keys.

    The catalogue's lock keeps others from adding a key between the count and the insert.
    """
    if len(await conn.fetch(_LIST_LIVE_SCHEMES, platform_id)) >= KEYS_MAX:
        raise PlatformRefused("platform_keys_at_most", most_number=KEYS_MAX)
    await conn.execute(_ADD_PLATFORM_KEY, platform_id, scheme, salt, public_key)


def _decode_public_key(text: str) -> bytes:
    try:
        material = base64.b64decode(text.removeprefix(PUBLIC_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        material = b""
    if not text.startswith(PUBLIC_PREFIX) or len(material) != _PUBLIC_KEY_BYTES:
        raise PlatformRefused("public_key_malformed", prefix=PUBLIC_PREFIX, key_bytes=_PUBLIC_KEY_BYTES)
    return material
