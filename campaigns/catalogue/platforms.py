"""The register of platforms and their keys. A secret of ours is derived, shown once and never stored.

A secret that the platform issues is stored sealed, and never shown.

Every function joins the caller's transaction. After a rotation the old key and the new one are both
live, until the old one is revoked (Standard Webhooks, "Secret rotation").
"""

import base64
import binascii
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from campaigns.catalogue.cache import STANDARD_KIND, lock_and_bump_version
from campaigns.catalogue.sealed_secrets import seal
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
_RESERVE_KEY_ID = query("reserve_key_id")
_ADD_SEALED_KEY = query("add_sealed_key")
_REVOKE_OLD_KEYS = query("revoke_old_keys")
_LIST_LIVE_SCHEMES = query("list_live_schemes")
_SET_PLATFORM_DISABLED = query("set_platform_disabled")
_LIST_PLATFORMS = query("list_platforms")


class KeySummary(NamedTuple):
    """A live key: its scheme (`v1`, `v1a` or `sealed`), when it was added and when it last verified."""

    scheme: str
    added_at: datetime
    last_used_at: datetime | None  # and no newer key of the scheme verified the same delivery


class PlatformSummary(NamedTuple):
    """A platform and its live keys, newest first, without key material."""

    name: str
    added_at: datetime
    disabled_at: datetime | None
    keys: list[KeySummary]
    kind: str = STANDARD_KIND
    reactions: Collection[str] | None = None  # that count; None: those of its kind


async def add_platform(conn: Connection, name: str, webhook_key: bytes, public_key: str | None = None) -> str:
    """Add a platform; return its secret (`whsec_…`), which is never shown again.

    With `public_key` (`whpk_…`, Ed25519) the platform may also sign with that key (v1a). Raises
    PlatformRefused if the name is not a slug or is taken, or if the public key is malformed.
    """
    material = _decode_public_key(public_key) if public_key else None
    platform_id = await _insert_platform(conn, name, STANDARD_KIND, None)
    if material:
        await _add_key(conn, platform_id, "v1a", None, material)
    return await _add_secret(conn, platform_id, name, webhook_key)


async def add_platform_of_kind(
    conn: Connection,
    name: str,
    webhook_key: bytes,
    kind: str,
    issued_values: Mapping[str, str],
    reactions: Collection[str] | None = None,
) -> None:
    """Add a platform with the secret that it issued, by the names that its kind asks for.

    `reactions` are those that count; None: those of its kind. Raises PlatformRefused.
    """
    platform_id = await _insert_platform(conn, name, kind, sorted(reactions) if reactions else None)
    await _add_issued_secret(conn, platform_id, name, webhook_key, issued_values)


async def _insert_platform(conn: Connection, name: str, kind: str, reactions: Collection[str] | None) -> int:
    if not _NAME.fullmatch(name):
        raise PlatformRefused("platform_name_malformed")
    await lock_and_bump_version(conn)
    platform_id = await conn.fetchval(_ADD_PLATFORM, name, kind, reactions)
    if platform_id is None:
        raise PlatformRefused("platform_exists", name=name)
    return int(platform_id)


async def find_kind(conn: Connection, name: str) -> str:
    """Return a platform's kind. Raises NotFound if the name is unknown."""
    return str((await _find_platform_row(conn, name))["kind"])


async def rotate_secret(conn: Connection, name: str, webhook_key: bytes) -> str:
    """Add another secret to a platform and return it.

    The old ones stay live until `drop_old_keys`. Raises PlatformRefused if the platform issues its secrets.
    """
    await lock_and_bump_version(conn)
    return await _add_secret(conn, await _find_platform_id(conn, name, has_issued_secrets=False), name, webhook_key)


async def add_issued_secret(
    conn: Connection, name: str, webhook_key: bytes, issued_values: Mapping[str, str]
) -> None:
    """Add another secret that a platform issued; the old ones stay live until `drop_old_keys`.

    Raises PlatformRefused if the platform's secrets are ours.
    """
    await lock_and_bump_version(conn)
    platform_id = await _find_platform_id(conn, name, has_issued_secrets=True)
    await _add_issued_secret(conn, platform_id, name, webhook_key, issued_values)


async def add_public_key(conn: Connection, name: str, public_key: str) -> None:
    """Let a platform also sign with an Ed25519 key (v1a, `whpk_…`).

    Raises PlatformRefused if it is malformed.
    """
    material = _decode_public_key(public_key)
    await lock_and_bump_version(conn)
    platform_id = await _find_platform_id(conn, name, has_issued_secrets=False)
    await _add_key(conn, platform_id, "v1a", None, material)


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
    return PlatformSummary(row["name"], row["added_at"], row["disabled_at"], keys, row["kind"], row["reactions"])


async def _find_platform_id(conn: Connection, name: str, *, has_issued_secrets: bool | None = None) -> int:
    """Return a platform's id; refuses one that issues its secrets, or does not, unless that is None."""
    row = await _find_platform_row(conn, name)
    if has_issued_secrets is not None and has_issued_secrets != (row["kind"] != STANDARD_KIND):
        code = "platform_secret_is_ours" if has_issued_secrets else "platform_issues_its_secret"
        raise PlatformRefused(code, name=name, kind=row["kind"])
    return int(row["platform_id"])


async def _find_platform_row(conn: Connection, name: str) -> Any:
    row = await conn.fetchrow(_FIND_PLATFORM, name) if _NAME.fullmatch(name) else None
    if row is None:
        raise NotFound("platform_not_found", name=printable(name))
    return row


async def _add_secret(conn: Connection, platform_id: int, name: str, webhook_key: bytes) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    await _add_key(conn, platform_id, "v1", salt, None)
    return format_secret(derive_secret(webhook_key, name, salt))


async def _add_issued_secret(
    conn: Connection, platform_id: int, name: str, webhook_key: bytes, issued_values: Mapping[str, str]
) -> None:
    await _require_room(conn, platform_id)
    key_id = await conn.fetchval(_RESERVE_KEY_ID)
    await conn.execute(_ADD_SEALED_KEY, key_id, platform_id, seal(webhook_key, name, key_id, issued_values))


async def _add_key(
    conn: Connection, platform_id: int, scheme: str, salt: bytes | None, public_key: bytes | None
) -> None:
    await _require_room(conn, platform_id)
    await conn.execute(_ADD_PLATFORM_KEY, platform_id, scheme, salt, public_key)


async def _require_room(conn: Connection, platform_id: int) -> None:
    """Raise PlatformRefused at `KEYS_MAX` live keys.

    The catalogue's lock keeps others from adding a key between the count and the insert.
    """
    if len(await conn.fetch(_LIST_LIVE_SCHEMES, platform_id)) >= KEYS_MAX:
        raise PlatformRefused("platform_keys_at_most", most_number=KEYS_MAX)


def _decode_public_key(text: str) -> bytes:
    try:
        material = base64.b64decode(text.removeprefix(PUBLIC_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        material = b""
    if not text.startswith(PUBLIC_PREFIX) or len(material) != _PUBLIC_KEY_BYTES:
        raise PlatformRefused("public_key_malformed", prefix=PUBLIC_PREFIX, key_bytes=_PUBLIC_KEY_BYTES)
    return material
